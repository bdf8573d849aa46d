"""Purchase histories: what each user bought, how often and how long ago."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from candidates.item_lists import ItemLists, gather
from candidates.purchase_codes import PurchaseCodes


@dataclass(frozen=True, eq=False)
class Histories:
    """The purchase histories of n users: sets of items, newest first, with two values for each entry.

    Attributes:
        bought: n lists with m entries, by the time of the item's last purchase, newest first; ties by position.
        counts: float32 (m,), how often the user bought the item, at least 1.
        days: float32 (m,), whole UTC days from the item's last purchase to the user's own last purchase, at least 0,
            ascending within a history.

    Raises:
        ValueError: the arrays do not have this form.
    """

    bought: ItemLists
    counts: NDArray[np.float32]
    days: NDArray[np.float32]

    def __post_init__(self) -> None:
        if self.counts.dtype != np.float32 or self.days.dtype != np.float32:
            raise ValueError(f"Counts and days must be float32, not {self.counts.dtype} and {self.days.dtype}.")
        if {self.counts.shape, self.days.shape} != {self.positions.shape}:
            raise ValueError(
                f"Counts and days must have one value for each of {len(self.positions)} entries, not "
                f"{self.counts.shape} and {self.days.shape}."
            )
        if not ((self.counts >= 1).all() and (self.days >= 0).all()):
            raise ValueError("Counts must be at least 1 and days at least 0, none missing.")
        if (np.diff(self.days)[np.diff(self.rows) == 0] < 0).any():
            raise ValueError("Histories must be in order, the newest purchase first: some days fall.")

    @classmethod
    def from_lists(
        cls,
        items: pa.ListArray | pa.ChunkedArray,
        counts: pa.ListArray | pa.ChunkedArray,
        days: pa.ListArray | pa.ChunkedArray,
        item_ids: NDArray[np.str_],
    ) -> Self:
        """Build from feature columns: three aligned lists for each user, null or empty without a history.

        Args:
            items: list<string> (n,), newest first. Items that the index does not hold are left out.
            counts: lists of numbers (n,).
            days: lists of numbers (n,).
            item_ids: str (items,), the ids of the index.

        Raises:
            ValueError: the three lists of a user differ in length, or do not form a history.
        """
        lengths = [np.asarray(pc.fill_null(pc.list_value_length(lists), 0)) for lists in (items, counts, days)]
        if not all(np.array_equal(lengths[0], other) for other in lengths[1:]):
            raise ValueError("Items, counts and days must be equally long for each user.")
        ids = _flatten(items).cast(pa.string())
        positions = np.asarray(pc.index_in(ids, value_set=pa.array(item_ids, pa.string())).fill_null(-1))
        known = positions >= 0
        rows = np.repeat(np.arange(len(lengths[0])), lengths[0])[known]
        values = [np.asarray(_flatten(lists), np.float32)[known] for lists in (counts, days)]
        return cls(ItemLists.from_ordered_pairs(rows, positions[known], len(lengths[0])), *values)

    @classmethod
    def from_purchases(cls, purchases: PurchaseCodes, cut: np.datetime64, users: NDArray[np.int32]) -> Self:
        """Build from single purchases; the result equals what `from_lists` reads as of the cut.

        Args:
            purchases: all purchases; those at or after the cut are left out.
            cut: the cut date, UTC.
            users: int32 (n,), user codes, unique, in the order of the result; they need not have purchases.

        Raises:
            ValueError: a user is repeated.
        """
        order = np.argsort(users)
        ordered_users = users[order]
        if (ordered_users[1:] == ordered_users[:-1]).any():
            raise ValueError("Users must be unique: a user has one history.")
        past = purchases.before(cut)
        past = past.where(np.isin(past.user_codes, users))
        rows = order[np.searchsorted(ordered_users, past.user_codes)]

        by_pair = np.lexsort((past.purchased_at, past.item_positions, rows))
        rows, positions, times = rows[by_pair], past.item_positions[by_pair], past.purchased_at[by_pair]
        last = np.ones(len(rows), np.bool_)  # the last purchase of each pair of user and item
        last[:-1] = (rows[1:] != rows[:-1]) | (positions[1:] != positions[:-1])
        counts = np.diff(np.flatnonzero(last), prepend=-1)
        rows, positions, times = rows[last], positions[last], times[last]

        newest_first = np.lexsort((positions, -times.astype(np.int64), rows))
        bought = ItemLists.from_ordered_pairs(rows[newest_first], positions[newest_first], len(users))
        days = times.astype("datetime64[D]").astype(np.int64)[newest_first]
        age = days[bought.offsets[bought.rows]] - days
        return cls(bought, counts[newest_first].astype(np.float32), age.astype(np.float32))

    def __len__(self) -> int:
        """Return the number of users, n."""
        return len(self.bought)

    @property
    def rows(self) -> NDArray[np.int64]:
        """The user of each entry, int64 (m,), ascending."""
        return self.bought.rows

    @property
    def positions(self) -> NDArray[np.int32]:
        """The item of each entry, int32 (m,)."""
        return self.bought.positions

    @property
    def empty(self) -> NDArray[np.bool_]:
        """The users without a history, bool (n,)."""
        return np.asarray(self.bought.lengths == 0)

    def look_up(
        self, rows: NDArray[np.integer[Any]], positions: NDArray[np.integer[Any]]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return counts and days of pairs of user and item, float32 (pairs,) each, 0 and 0 without a purchase."""
        entries = self.bought.find_pairs(rows, positions)
        return gather(self.counts, entries), gather(self.days, entries)

    def slice(self, start: int, stop: int) -> Self:
        """Return histories start to stop - 1, numbered from 0."""
        entries = slice(self.bought.offsets[start], self.bought.offsets[stop])
        return type(self)(self.bought.slice(start, stop), self.counts[entries], self.days[entries])

    def check_positions(self, items: int) -> None:
        """Raise ValueError unless all items are below `items`, the size of the index."""
        if self.positions.max(initial=-1) >= items:
            raise ValueError(f"Histories must hold positions below {items}, not {self.positions.max()}.")


def _flatten(lists: pa.ListArray | pa.ChunkedArray) -> pa.Array:
    chunked = lists if isinstance(lists, pa.ChunkedArray) else pa.chunked_array([lists])
    return pc.list_flatten(chunked.combine_chunks())

"""Purchase histories: what each user bought, how often, how long ago and how regularly."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from candidates.compiled import compiled
from candidates.item_lists import ItemLists, gather
from candidates.list_columns import flatten_lists
from candidates.list_loops import drop_missing
from candidates.purchase_codes import PurchaseCodes
from candidates.text_codes import TextCodes


@dataclass(frozen=True, eq=False)
class Histories:
    """The purchase histories of n users: sets of items, newest first, with three values for each entry.

    Attributes:
        bought: n lists with m entries, by the time of the item's last purchase, newest first; ties by position.
        counts: float32 (m,), how often the user bought the item, at least 1.
        days: float32 (m,), whole UTC days from the item's last purchase to the user's own last purchase, at least 0,
            ascending within a history.
        gaps: float32 (m,), mean of the days between the UTC days on which the user bought the item, 0 if it was one
            day, at least 1 otherwise.

    Raises:
        ValueError: the arrays do not have this form.
    """

    bought: ItemLists
    counts: NDArray[np.float32]
    days: NDArray[np.float32]
    gaps: NDArray[np.float32]

    def __post_init__(self) -> None:
        values = self.counts, self.days, self.gaps
        if {each.dtype for each in values} != {np.dtype(np.float32)}:
            raise ValueError(f"Counts, days and gaps must be float32, not {[str(each.dtype) for each in values]}.")
        if {each.shape for each in values} != {self.positions.shape}:
            raise ValueError(
                f"Counts, days and gaps must have one value for each of {len(self.positions)} entries, not "
                f"{[each.shape for each in values]}."
            )
        in_range, in_order = _check_values(self.bought.offsets, *values)
        if not in_range:
            raise ValueError("Counts must be at least 1, days at least 0, and gaps 0 or at least 1, none missing.")
        if not in_order:
            raise ValueError("Histories must be in order, the newest purchase first: some days fall.")

    @classmethod
    def from_lists(
        cls,
        items: pa.ListArray | pa.ChunkedArray,
        counts: pa.ListArray | pa.ChunkedArray,
        days: pa.ListArray | pa.ChunkedArray,
        gaps: pa.ListArray | pa.ChunkedArray,
        item_codes: TextCodes,
    ) -> Self:
        """Build from feature columns: four aligned lists for each user, null or empty without a history.

        Args:
            items: list<string> (n,), newest first. Items that the index does not hold are left out.
            counts: lists of numbers (n,).
            days: lists of numbers (n,).
            gaps: lists of numbers (n,).
            item_codes: the ids of the index by their positions.

        Raises:
            ValueError: the lists of a user differ in length, or do not form a history.
        """
        offsets, (ids, *numbers) = flatten_lists({"items": items, "counts": counts, "days": days, "gaps": gaps})
        positions = item_codes.find(ids)
        offsets, known = drop_missing(offsets, positions)
        values = [np.asarray(column, np.float32)[known] for column in numbers]
        return cls(ItemLists(offsets, positions[known]), *values)

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
        days = times.astype("datetime64[D]").astype(np.int64)
        last = np.ones(len(rows), np.bool_)  # the last purchase of each pair of user and item
        last[:-1] = (rows[1:] != rows[:-1]) | (positions[1:] != positions[:-1])
        ends = np.flatnonzero(last)
        starts = np.concatenate([np.zeros(1, np.int64), ends + 1])[:-1]
        counts = ends - starts + 1
        # The days between successive purchases of the pair; those of the same day are one.
        between = np.diff(days, prepend=0)
        between[starts] = 0
        intervals = np.cumsum(between > 0)
        gaps = (days[ends] - days[starts]) / np.maximum(intervals[ends] - intervals[starts], 1)
        rows, positions, times, days = rows[last], positions[last], times[last], days[last]

        newest_first = np.lexsort((positions, -times.astype(np.int64), rows))
        bought = ItemLists.from_ordered_pairs(rows[newest_first], positions[newest_first], len(users))
        days = days[newest_first]
        age = days[bought.offsets[bought.rows]] - days
        return cls(bought, *(values.astype(np.float32) for values in (counts[newest_first], age, gaps[newest_first])))

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
        return type(self)(self.bought.slice(start, stop), self.counts[entries], self.days[entries], self.gaps[entries])

    def check_positions(self, items: int) -> None:
        """Raise ValueError unless all items are below `items`, the size of the index."""
        if self.positions.max(initial=-1) >= items:
            raise ValueError(f"Histories must hold positions below {items}, not {self.positions.max()}.")


@compiled
def _check_values(
    offsets: NDArray[np.int64], counts: NDArray[np.float32], days: NDArray[np.float32], gaps: NDArray[np.float32]
) -> tuple[bool, bool]:
    """Return whether all values are in their ranges, none NaN, and whether days ascend in each history."""
    in_range, in_order = True, True
    for row in range(len(offsets) - 1):
        last = np.float32(0)
        for entry in range(offsets[row], offsets[row + 1]):
            in_range &= counts[entry] >= 1 and days[entry] >= 0 and (gaps[entry] == 0 or gaps[entry] >= 1)
            in_order &= days[entry] >= last
            last = days[entry]
    return in_range, in_order

"""What users had bought, how often and how long ago: the one thing that every source of candidates asks of a user."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from candidates.item_lists import ItemLists, check_masks
from candidates.purchase_codes import PurchaseCodes


@dataclass(frozen=True, eq=False)
class Histories:
    """What each of n users had bought, newest first, in compressed sparse row form.

    Attributes:
        offsets: (n + 1,) int64; history i is the entries offsets[i] to offsets[i + 1] - 1 of the other three.
        positions: (m,) int32 positions in the item index, no item twice in one history; by the moment of the item's
            last purchase, the newest first, equal moments by position.
        counts: (m,) float32, how often the user bought the item, at least 1.
        days: (m,) float32, whole UTC days from the item's last purchase to the user's own last purchase, at least 0,
            never falling within a history.

    Raises:
        ValueError: The arrays do not have this form.
    """

    offsets: NDArray[np.int64]
    positions: NDArray[np.int32]
    counts: NDArray[np.float32]
    days: NDArray[np.float32]

    def __post_init__(self) -> None:
        dtypes = [str(column.dtype) for column in (self.offsets, self.positions, self.counts, self.days)]
        if dtypes != ["int64", "int32", "float32", "float32"]:
            raise ValueError(
                f"Offsets, positions, counts and days must be int64, int32, float32 and float32, not {dtypes}."
            )
        if {self.positions.shape, self.counts.shape, self.days.shape} != {(len(self.positions),)}:
            raise ValueError(
                f"Positions, counts and days must be equally long, not {self.positions.shape}, {self.counts.shape} "
                f"and {self.days.shape}."
            )
        lengths = np.diff(self.offsets)
        if (
            len(self.offsets) == 0
            or self.offsets[0] != 0
            or (lengths < 0).any()
            or lengths.sum() != len(self.positions)
        ):
            raise ValueError(f"Offsets must rise from 0 to the number of entries, {len(self.positions)}.")
        if len(self.bought.positions) != len(self.positions):
            raise ValueError("An item stands twice in one history: its purchases must be counted in one entry.")
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
        """Read what the feature store serves: three lists for each user, aligned, null or empty without history.

        Args:
            items: list<string> (n,), newest first. Items that the index does not hold are passed over: no source
                could return them or knows anything about them.
            counts: lists of numbers (n,).
            days: lists of numbers (n,).
            item_ids: (items,) str, the ids of the index.

        Raises:
            ValueError: The three lists of a user differ in length, or do not make a history.
        """
        lengths = [np.asarray(pc.fill_null(pc.list_value_length(lists), 0)) for lists in (items, counts, days)]
        if not all(np.array_equal(lengths[0], other) for other in lengths[1:]):
            raise ValueError("Items, counts and days must be equally long for each user.")
        ids = _flat(items).cast(pa.string())
        found = np.asarray(pc.index_in(ids, value_set=pa.array(item_ids, pa.string())).fill_null(-1))
        known = found >= 0
        rows = np.repeat(np.arange(len(lengths[0])), lengths[0])[known]
        numbers = [np.asarray(_flat(lists), np.float32)[known] for lists in (counts, days)]
        return cls(_offsets(rows, len(lengths[0])), found[known].astype(np.int32), *numbers)

    @classmethod
    def from_purchases(cls, purchases: PurchaseCodes, cut: np.datetime64, users: NDArray[np.int32]) -> Self:
        """Make the same of raw purchases.

        Args:
            purchases: All purchases; those at or after the cut are passed over.
            cut: The moment of the forecast, UTC.
            users: (n,) user codes, unique, in the order wanted; they need not have bought anything.

        Raises:
            ValueError: A user comes twice.
        """
        order = np.argsort(users)
        ordered_users = users[order]
        if (ordered_users[1:] == ordered_users[:-1]).any():
            raise ValueError("Users must be unique: a user has one history.")
        past = purchases.before(cut)
        past = past.where(np.isin(past.user_codes, users))
        rows = order[np.searchsorted(ordered_users, past.user_codes)]

        by_pair = np.lexsort((past.purchased_at, past.item_positions, rows))
        rows, positions, moments = rows[by_pair], past.item_positions[by_pair], past.purchased_at[by_pair]
        last = np.ones(len(rows), np.bool_)
        last[:-1] = (rows[1:] != rows[:-1]) | (positions[1:] != positions[:-1])
        counts = np.diff(np.flatnonzero(last), prepend=-1)
        rows, positions, moments = rows[last], positions[last], moments[last]

        newest_first = np.lexsort((positions, -moments.astype(np.int64), rows))
        offsets = _offsets(rows, len(users))
        days = moments.astype("datetime64[D]").astype(np.int64)[newest_first]
        lengths = np.diff(offsets)
        ago = np.repeat(days[offsets[:-1][lengths > 0]], lengths[lengths > 0]) - days
        return cls(offsets, positions[newest_first], counts[newest_first].astype(np.float32), ago.astype(np.float32))

    def __len__(self) -> int:
        """Return the number of users, n."""
        return len(self.offsets) - 1

    @property
    def rows(self) -> NDArray[np.int64]:
        """The history each entry belongs to, (m,) int64, ascending."""
        return np.repeat(np.arange(len(self)), np.diff(self.offsets))

    @cached_property
    def bought(self) -> ItemLists:
        """The items alone, as a set for each user."""
        return ItemLists.from_pairs(self.rows, self.positions, len(self))

    def look_up(
        self, rows: NDArray[np.integer[Any]], positions: NDArray[np.integer[Any]]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return the counts and days of pairs of history and item, float32 (pairs,) each, 0 and 0 if never bought."""
        width = max(int(positions.max(initial=0)), int(self.positions.max(initial=0))) + 1
        keys = self.rows * width + self.positions
        if len(keys) == 0:
            return np.zeros(len(rows), np.float32), np.zeros(len(rows), np.float32)
        order = np.argsort(keys)
        wanted = rows.astype(np.int64) * width + positions
        nearest = order[np.searchsorted(keys, wanted, sorter=order).clip(max=len(keys) - 1)]
        found = keys[nearest] == wanted
        return (
            np.where(found, self.counts[nearest], np.float32(0)),
            np.where(found, self.days[nearest], np.float32(0)),
        )

    def slice(self, start: int, stop: int) -> Self:
        """Return histories start to stop - 1 as their own Histories, numbered from 0."""
        offsets = self.offsets[start : stop + 1]
        part = slice(offsets[0], offsets[-1])
        return type(self)(offsets - offsets[0], self.positions[part], self.counts[part], self.days[part])


def check_request(
    histories: Histories, k: int, excluded: ItemLists | None, items: int, eligible: NDArray[np.bool_] | None = None
) -> None:
    """Raise ValueError unless k is at least 1, all positions are below `items` and the masks fit both."""
    if k < 1:
        raise ValueError(f"k must be at least 1, not {k}.")
    if histories.positions.max(initial=-1) >= items:
        raise ValueError(f"Histories must hold positions below {items}, not {histories.positions.max()}.")
    check_masks(len(histories), items, excluded, eligible)


def _flat(lists: pa.ListArray | pa.ChunkedArray) -> pa.Array:
    chunked = lists if isinstance(lists, pa.ChunkedArray) else pa.chunked_array([lists])
    return pc.list_flatten(chunked.combine_chunks())


def _offsets(rows: NDArray[np.integer[Any]], length: int) -> NDArray[np.int64]:
    """Return where each of `length` lists begins, given the list of each entry; (length + 1,)."""
    return np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=length))]).astype(np.int64)

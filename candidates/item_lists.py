"""The sparse user x item set: the items of each of n users, as one compressed sparse row structure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from candidates import list_loops

# A pair of list and position as one number that sorts like the pair: the position is the lower half.
_HALF: Final = 32
_LOWER_HALF: Final = (1 << _HALF) - 1


@dataclass(frozen=True, eq=False)
class ItemLists:
    """A set of item positions for each of n users.

    Holds exclusions, purchases and relevant items. The entries of one list may stand in any order: set operations do
    not depend on it. Values that belong to the entries, such as counts, are arrays beside `positions`.

    Attributes:
        offsets: int64 (n + 1,); list i is `positions[offsets[i]:offsets[i + 1]]`.
        positions: int32 (m,), positions in the item index, at least 0, no item twice in one list.
        ascending: whether the positions of every list ascend.

    Raises:
        ValueError: the arrays do not have this form.
    """

    offsets: NDArray[np.int64]
    positions: NDArray[np.int32]
    ascending: bool = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if self.offsets.dtype != np.int64 or self.positions.dtype != np.int32:
            raise ValueError(
                f"Offsets must be int64 and positions int32, not {self.offsets.dtype} and {self.positions.dtype}."
            )
        if self.offsets.ndim != 1 or self.positions.ndim != 1 or len(self.offsets) == 0:
            raise ValueError("Offsets (n + 1,) and positions (m,) must be one-dimensional, with at least one offset.")
        problem, ascending = list_loops.FALLING_OFFSETS, False
        if self.offsets[0] == 0 and self.offsets[-1] == len(self.positions):
            problem, ascending = list_loops.check_lists(self.offsets, self.positions)
        if problem == list_loops.FALLING_OFFSETS:
            raise ValueError(f"Offsets must rise from 0 to the number of positions, {len(self.positions)}.")
        if problem == list_loops.NEGATIVE_POSITION:
            raise ValueError(f"Positions must be at least 0, not {self.positions.min()}.")
        if problem == list_loops.REPEATED_POSITION:
            raise ValueError("A list holds an item twice.")
        object.__setattr__(self, "ascending", ascending)

    @classmethod
    def empty(cls, n: int) -> Self:
        """Build n empty lists."""
        return cls(np.zeros(n + 1, np.int64), np.empty(0, np.int32))

    @classmethod
    def from_pairs(cls, rows: NDArray[np.integer[Any]], positions: NDArray[np.integer[Any]], n: int) -> Self:
        """Build n lists from pairs of user and item in any order; repeated pairs count once.

        Args:
            rows: (m,) the user of each pair, 0 to n - 1.
            positions: (m,) item positions, at least 0.
            n: the number of lists; some may stay empty.

        Returns:
            Lists with ascending positions.

        Raises:
            ValueError: the arrays differ in shape, a row is outside 0 to n - 1, or a position is negative.
        """
        _check_pairs(rows, positions, n)
        # Sorting and dropping repeats by hand takes a tenth of the time of np.unique.
        keys = np.sort((rows.astype(np.int64) << _HALF) | positions)
        kept = np.ones(len(keys), np.bool_)
        kept[1:] = keys[1:] != keys[:-1]
        keys = keys[kept]
        offsets = np.searchsorted(keys, np.arange(n + 1, dtype=np.int64) << _HALF).astype(np.int64)
        return cls(offsets, (keys & _LOWER_HALF).astype(np.int32))

    @classmethod
    def from_ordered_pairs(cls, rows: NDArray[np.integer[Any]], positions: NDArray[np.integer[Any]], n: int) -> Self:
        """Build n lists from pairs without repeats whose rows ascend; the order within a list stays as given.

        Raises:
            ValueError: as `from_pairs`, or rows fall, or a pair is repeated.
        """
        _check_pairs(rows, positions, n)
        if (rows[1:] < rows[:-1]).any():
            raise ValueError("Rows must ascend.")
        offsets = np.searchsorted(rows, np.arange(n + 1)).astype(np.int64)
        return cls(offsets, positions.astype(np.int32, copy=False))

    @classmethod
    def from_lists(cls, lists: Sequence[NDArray[np.integer[Any]]]) -> Self:
        """Build from one array of item positions per user, in any order; repeats within a list count once.

        Raises:
            ValueError: a position is negative.
        """
        rows = np.repeat(np.arange(len(lists)), [len(items) for items in lists])
        positions = np.concatenate([np.empty(0, np.int32), *lists]).astype(np.int64)
        return cls.from_pairs(rows, positions, len(lists))

    @classmethod
    def from_padded(cls, positions: NDArray[np.int32]) -> Self:
        """Build from a matrix (n, width) of item positions, where -1 is padding; repeats within a row count once."""
        listed = positions >= 0
        return cls.from_pairs(np.nonzero(listed)[0], positions[listed], len(positions))

    def __len__(self) -> int:
        """Return the number of lists, n."""
        return len(self.offsets) - 1

    @property
    def lengths(self) -> NDArray[np.int64]:
        """The number of items in each list, int64 (n,)."""
        return self.offsets[1:] - self.offsets[:-1]

    @cached_property
    def rows(self) -> NDArray[np.int64]:
        """The list of each entry, int64 (m,), ascending."""
        return np.repeat(np.arange(len(self)), self.lengths)

    def slice(self, start: int, stop: int) -> Self:
        """Return lists start to stop - 1, numbered from 0."""
        offsets = self.offsets[start : stop + 1]
        return type(self)(offsets - offsets[0], self.positions[offsets[0] : offsets[-1]])

    def take(self, lists: NDArray[np.integer[Any]]) -> Self:
        """Return the given lists, numbered from 0 in the order given."""
        return type(self)(*list_loops.take_lists(self.offsets, self.positions, lists.astype(np.int64, copy=False)))

    def sort(self) -> Self:
        """Return the same lists with ascending positions."""
        if self.ascending:
            return self
        keys = np.sort((self.rows << _HALF) | self.positions)
        return type(self)(self.offsets, (keys & _LOWER_HALF).astype(np.int32))

    def union(self, other: Self) -> Self:
        """Return the union of each user's two lists, with ascending positions.

        Raises:
            ValueError: the numbers of lists differ.
        """
        if len(self) != len(other):
            raise ValueError(f"The union of {len(self)} lists needs as many other ones, not {len(other)}.")
        one, two = self.sort(), other.sort()
        return type(self)(*list_loops.merge_lists(one.offsets, one.positions, two.offsets, two.positions))

    def find_pairs(self, rows: NDArray[np.integer[Any]], positions: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
        """Return the entry of each pair of user and item, int64, -1 where the list does not hold the item.

        Args:
            rows: users, at least 0, of any shape; those from n on have no items.
            positions: item positions of the same shape; negative ones, such as padding, are never found.
        """
        pairs, wanted = rows.astype(np.int64, copy=False).ravel(), positions.astype(np.int32, copy=False).ravel()
        if (pairs[1:] >= pairs[:-1]).all():
            found = list_loops.find_in_lists(self.offsets, self.positions, pairs, wanted)
        else:
            order = np.argsort(pairs, kind="stable")
            found = np.empty(len(order), np.int64)
            found[order] = list_loops.find_in_lists(self.offsets, self.positions, pairs[order], wanted[order])
        return np.asarray(found.reshape(positions.shape))

    def contains_pairs(self, rows: NDArray[np.integer[Any]], positions: NDArray[np.integer[Any]]) -> NDArray[np.bool_]:
        """Return which pairs of user and item are in the lists, bool; arguments as for `find_pairs`."""
        return np.asarray(self.find_pairs(rows, positions) >= 0)

    def contains(self, positions: NDArray[np.int32]) -> NDArray[np.bool_]:
        """Return which items of a matrix are in the list of their row.

        Args:
            positions: int32 (n, width), row i is looked up in list i; -1 is padding.

        Returns:
            bool (n, width), False for padding.

        Raises:
            ValueError: the number of rows is not the number of lists.
        """
        if positions.ndim != 2 or len(positions) != len(self):
            raise ValueError(f"{len(self)} lists need positions of shape ({len(self)}, width), not {positions.shape}.")
        return self.contains_pairs(np.broadcast_to(np.arange(len(self))[:, None], positions.shape), positions)


def gather(values: NDArray[Any], entries: NDArray[np.integer[Any]]) -> NDArray[Any]:
    """Return the value of each entry that `ItemLists.find_pairs` found, 0 where it is -1.

    Args:
        values: (m,) or (m, columns), one row for each entry of the lists.
        entries: of any shape.

    Returns:
        Of the shape of `entries`, followed by that of a row of `values`.
    """
    found = np.zeros((*entries.shape, *values.shape[1:]), values.dtype)
    listed = entries >= 0
    found[listed] = values[entries[listed]]
    return found


def check_request(
    n: int, k: int, items: int, excluded: ItemLists | None, eligible: NDArray[np.bool_] | None = None
) -> None:
    """Check what every search takes.

    Args:
        n: the number of users.
        k: how many items are requested for each of them, at least 1.
        items: the number of items in the index.
        excluded: n lists of positions below `items`, or None.
        eligible: bool (items,), or None.

    Raises:
        ValueError: an argument does not have this form.
    """
    if k < 1:
        raise ValueError(f"k must be at least 1, not {k}.")
    if excluded is not None and (len(excluded) != n or excluded.positions.max(initial=0) >= items):
        raise ValueError(
            f"Excluded items must be {n} lists of positions below {items}, not {len(excluded)} lists of positions "
            f"up to {excluded.positions.max(initial=0)}."
        )
    if eligible is not None and (eligible.shape != (items,) or eligible.dtype != np.bool_):
        raise ValueError(f"Eligible must be ({items},) bool, not {eligible.shape} {eligible.dtype}.")


def _check_pairs(rows: NDArray[np.integer[Any]], positions: NDArray[np.integer[Any]], n: int) -> None:
    if rows.shape != positions.shape or rows.ndim != 1:
        raise ValueError(f"Rows {rows.shape} and positions {positions.shape} must be one-dimensional, equally long.")
    if len(rows) and (rows.min() < 0 or rows.max() >= n or positions.min() < 0):
        raise ValueError(f"Rows must lie in 0 to {n - 1} and positions must be at least 0.")

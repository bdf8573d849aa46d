"""One list of items per user, in two forms: a set without order, and a ranking with scores."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

TopK: TypeAlias = tuple[NDArray[np.int32], NDArray[np.float32]]
"""Positions (users, width) and scores (users, width), best first; missing places hold position -1, score -inf."""


@dataclass(frozen=True, eq=False)
class ItemLists:
    """A set of item positions for each of n users, in compressed sparse row form.

    Used for what a user must not be shown and for what a user was later found to want.

    Attributes:
        offsets: (n + 1,) int64; list i is `positions[offsets[i]:offsets[i + 1]]`.
        positions: (m,) int32 positions in the item index, at least 0, strictly ascending within each list.

    Raises:
        ValueError: The arrays do not have this form.
    """

    offsets: NDArray[np.int64]
    positions: NDArray[np.int32]

    def __post_init__(self) -> None:
        if self.offsets.dtype != np.int64 or self.positions.dtype != np.int32:
            raise ValueError(
                f"Offsets must be int64 and positions int32, not {self.offsets.dtype} and {self.positions.dtype}."
            )
        if self.offsets.ndim != 1 or self.positions.ndim != 1 or len(self.offsets) == 0:
            raise ValueError("Offsets (n + 1,) and positions (m,) must be one-dimensional, with at least one offset.")
        if self.offsets[0] != 0 or self.offsets[-1] != len(self.positions) or (self.counts < 0).any():
            raise ValueError(f"Offsets must rise from 0 to the number of positions, {len(self.positions)}.")
        rows = self.rows
        repeats = (np.diff(self.positions) <= 0) & (np.diff(rows) == 0)
        if (self.positions < 0).any() or repeats.any():
            raise ValueError("Positions must be at least 0 and ascending without repeats within each list.")

    @classmethod
    def from_pairs(cls, rows: NDArray[np.integer[Any]], positions: NDArray[np.integer[Any]], length: int) -> Self:
        """Build the lists from pairs of list number and item position, in any order; repeated pairs count once.

        Args:
            rows: (m,) the list each position belongs to, 0 to length - 1.
            positions: (m,) item positions, at least 0.
            length: The number of lists, n.

        Returns:
            n lists, some perhaps empty.

        Raises:
            ValueError: The arrays differ in shape, a row is outside 0 to length - 1, or a position is negative.
        """
        if rows.shape != positions.shape or rows.ndim != 1:
            raise ValueError(
                f"Rows {rows.shape} and positions {positions.shape} must be one-dimensional and equally long."
            )
        if len(rows) and (rows.min() < 0 or rows.max() >= length or positions.min() < 0):
            raise ValueError(f"Rows must lie in 0 to {length - 1} and positions must be at least 0.")
        width = int(positions.max(initial=0)) + 1
        # Sorting and dropping repeats by hand takes a tenth of the time of np.unique.
        keys = np.sort(rows.astype(np.int64) * width + positions)
        keys = keys[np.diff(keys, prepend=-1) > 0]
        offsets = np.searchsorted(keys, np.arange(length + 1, dtype=np.int64) * width).astype(np.int64)
        return cls(offsets, (keys % width).astype(np.int32))

    @classmethod
    def from_lists(cls, lists: Sequence[NDArray[np.integer[Any]]]) -> Self:
        """Build from one array of item positions per user, in any order; repeats within a list count once.

        Raises:
            ValueError: A position is negative.
        """
        rows = np.repeat(np.arange(len(lists)), [len(items) for items in lists])
        positions = np.concatenate([np.empty(0, np.int32), *lists]).astype(np.int64)
        return cls.from_pairs(rows, positions, len(lists))

    def __len__(self) -> int:
        """Return the number of lists, n."""
        return len(self.offsets) - 1

    @property
    def counts(self) -> NDArray[np.int64]:
        """The number of items in each list, (n,) int64."""
        return np.diff(self.offsets)

    @property
    def rows(self) -> NDArray[np.int64]:
        """The list each entry of `positions` belongs to, (m,) int64."""
        return np.repeat(np.arange(len(self)), self.counts)

    def slice(self, start: int, stop: int) -> Self:
        """Return lists start to stop - 1 as their own ItemLists, numbered from 0."""
        offsets = self.offsets[start : stop + 1]
        return type(self)(offsets - offsets[0], self.positions[offsets[0] : offsets[-1]])

    def union(self, other: Self) -> Self:
        """Return the union of each list with the other's list of its number."""
        rows, positions = np.concatenate([self.rows, other.rows]), np.concatenate([self.positions, other.positions])
        return type(self).from_pairs(rows, positions, len(self))

    def take(self, lists: NDArray[np.integer[Any]]) -> Self:
        """Return some lists, numbered from 0 in the order given."""
        counts = self.counts[lists]
        places = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        positions = self.positions[np.repeat(self.offsets[:-1][lists], counts) + places]
        return type(self)(np.concatenate([[0], np.cumsum(counts)]).astype(np.int64), positions)

    def contains_pairs(self, rows: NDArray[np.integer[Any]], positions: NDArray[np.integer[Any]]) -> NDArray[np.bool_]:
        """Tell which pairs of list number and item position are in the lists, (pairs,) bool."""
        if len(self.positions) == 0:
            return np.zeros(len(rows), np.bool_)
        width = max(int(positions.max(initial=0)), int(self.positions.max())) + 1
        return _among(rows.astype(np.int64) * width + positions, self.rows * width + self.positions)

    def contains(self, positions: NDArray[np.int32]) -> NDArray[np.bool_]:
        """Tell which of the given positions are in the list of their row.

        Args:
            positions: (n, width) int32, row i is looked up in list i; -1 is padding.

        Returns:
            (n, width) bool, False for padding.

        Raises:
            ValueError: The number of rows is not the number of lists.
        """
        if positions.ndim != 2 or len(positions) != len(self):
            raise ValueError(f"{len(self)} lists need positions of shape ({len(self)}, width), not {positions.shape}.")
        rows = np.broadcast_to(np.arange(len(self))[:, None], positions.shape)
        # Padding would otherwise be taken for the last item of the row before.
        found = self.contains_pairs(rows.ravel(), positions.ravel()).reshape(positions.shape)
        return np.asarray(found & (positions >= 0))


def check_masks(n: int, items: int, excluded: ItemLists | None, eligible: NDArray[np.bool_] | None) -> None:
    """Raise ValueError unless `excluded` is n lists of positions below `items` and `eligible` is (items,) bool."""
    if excluded is not None and (len(excluded) != n or excluded.positions.max(initial=0) >= items):
        raise ValueError(
            f"Excluded items must be {n} lists of positions below {items}, not {len(excluded)} lists of positions "
            f"up to {excluded.positions.max(initial=0)}."
        )
    if eligible is not None and (eligible.shape != (items,) or eligible.dtype != np.bool_):
        raise ValueError(f"Eligible must be ({items},) bool, not {eligible.shape} {eligible.dtype}.")


def _among(wanted: NDArray[np.int64], keys: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which numbers are among ascending keys, at least one."""
    nearest = np.searchsorted(keys, wanted).clip(max=len(keys) - 1)
    return np.asarray(keys[nearest] == wanted)

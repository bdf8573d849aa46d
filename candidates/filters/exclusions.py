"""Exclusion masks: items that are excluded for all users, and pairs of user and item."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from candidates.item_lists import ItemLists


@dataclass(frozen=True, eq=False)
class Exclusions:
    """What one or several filters exclude for n users of one catalogue.

    Attributes:
        items: (items,) bool, True where an item is excluded for all users; None if no item is.
        pairs: n lists of the positions that are excluded for one user; None if there are none.

    Raises:
        ValueError: `items` is not (items,) bool, or a position in `pairs` is out of range.
    """

    items: NDArray[np.bool_] | None = None
    pairs: ItemLists | None = None

    def __post_init__(self) -> None:
        if self.items is None:
            return
        if self.items.ndim != 1 or self.items.dtype != np.bool_:
            raise ValueError(f"Excluded items must be (items,) bool, not {self.items.shape} {self.items.dtype}.")
        if self.pairs is not None and self.pairs.positions.max(initial=-1) >= len(self.items):
            raise ValueError(
                f"Excluded pairs must hold positions below {len(self.items)}, not {self.pairs.positions.max()}."
            )

    @classmethod
    def combine(cls, parts: Iterable[Self]) -> Self:
        """Return the union of any number of exclusions of the same users and items."""
        return reduce(cls.union, parts, cls())

    @property
    def eligible(self) -> NDArray[np.bool_] | None:
        """The complement of `items`, (items,) bool, as the candidate sources take it beside `pairs`."""
        return None if self.items is None else ~self.items

    def keep_mask(self, rows: NDArray[np.integer[Any]], positions: NDArray[np.integer[Any]]) -> NDArray[np.bool_]:
        """Return which candidates are not excluded.

        Args:
            rows: (pairs,) the user of each candidate, 0 to n - 1, in any order.
            positions: (pairs,) positions of items.

        Returns:
            (pairs,) bool, False where the candidate is excluded.
        """
        keep = np.ones(len(rows), np.bool_)
        if self.items is not None:
            keep &= ~self.items[positions]
        if self.pairs is not None:
            keep &= ~self.pairs.contains_pairs(rows, positions)
        return keep

    def count(self, n: int) -> int:
        """Return the number of excluded pairs of n users; an item that is excluded for all users counts n times."""
        if self.items is None:
            return 0 if self.pairs is None else len(self.pairs.positions)
        for_all = int(np.count_nonzero(self.items))
        own = 0 if self.pairs is None else len(self.pairs.positions)
        twice = int(np.count_nonzero(self.items[self.pairs.positions])) if self.pairs is not None and for_all else 0
        return n * for_all + own - twice

    def union(self, other: Self) -> Self:
        """Return what either of two excludes; both are of the same users and items."""
        items = other.items if self.items is None else self.items
        if self.items is not None and other.items is not None:
            items = self.items | other.items
        pairs = other.pairs if self.pairs is None else self.pairs
        if self.pairs is not None and other.pairs is not None:
            pairs = self.pairs.union(other.pairs)
        return type(self)(items, pairs)

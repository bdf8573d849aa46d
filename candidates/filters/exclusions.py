"""What must not be shown: to anybody, and to single users."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from candidates.item_lists import ItemLists


@dataclass(frozen=True, eq=False)
class Exclusions:
    """What one filter, or several together, bar for n users of one catalogue.

    Attributes:
        items: (items,) bool, True where an item is barred for everybody; None if none is.
        pairs: n lists of the positions that are barred for their user; None if no user has any of his own.

    Raises:
        ValueError: Items are no (items,) bool, or a pair lies outside of them.
    """

    items: NDArray[np.bool_] | None = None
    pairs: ItemLists | None = None

    def __post_init__(self) -> None:
        if self.items is None:
            return
        if self.items.ndim != 1 or self.items.dtype != np.bool_:
            raise ValueError(f"Barred items must be (items,) bool, not {self.items.shape} {self.items.dtype}.")
        if self.pairs is not None and self.pairs.positions.max(initial=-1) >= len(self.items):
            raise ValueError(
                f"Barred pairs must hold positions below {len(self.items)}, not {self.pairs.positions.max()}."
            )

    @property
    def eligible(self) -> NDArray[np.bool_] | None:
        """What retrieval takes beside `pairs`: (items,) bool, False where an item is barred for everybody."""
        return None if self.items is None else ~self.items

    def mask(self, rows: NDArray[np.integer[Any]], positions: NDArray[np.integer[Any]]) -> NDArray[np.bool_]:
        """Tell which candidates may stay.

        Args:
            rows: (pairs,) the user of each candidate, 0 to n - 1, in any order.
            positions: (pairs,) positions of items.

        Returns:
            (pairs,) bool, False where the candidate is barred.
        """
        stays = np.ones(len(rows), np.bool_)
        if self.items is not None:
            stays &= ~self.items[positions]
        if self.pairs is not None:
            stays &= ~self.pairs.contains_pairs(rows, positions)
        return stays

    def count(self, n: int) -> int:
        """How many pairs are barred for n users, those that these lists are of: what nobody is shown counts n times."""
        if self.items is None:
            return 0 if self.pairs is None else len(self.pairs.positions)
        own = 0 if self.pairs is None else int((~self.items[self.pairs.positions]).sum())
        return n * int(self.items.sum()) + own

    def united(self, other: Self) -> Self:
        """Return what either of two bars; both are of the same users and items."""
        items = other.items if self.items is None else self.items
        if self.items is not None and other.items is not None:
            items = self.items | other.items
        pairs = other.pairs if self.pairs is None else self.pairs
        if self.pairs is not None and other.pairs is not None:
            pairs = self.pairs.union(other.pairs)
        return type(self)(items, pairs)

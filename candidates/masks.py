"""What must not be listed, as retrieval takes it: masks. Why something must not be listed is told in `filters/`."""

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from candidates.item_lists import ItemLists


class Cap(Protocol):
    """A rule on what a list may hold, of which each item can only be judged by what stands above it."""

    def stands(self, rows: NDArray[np.integer[Any]], positions: NDArray[np.integer[Any]]) -> NDArray[np.bool_]:
        """Tell which pairs may stay, (pairs,) bool.

        How many stay must not depend on the order in which a user's items stand, and must not fall if he has more.

        Args:
            rows: (pairs,) the user of each pair.
            positions: (pairs,) positions in the item index, each user's in the order of his list, the best first.
        """

    def possible(self, n: int, excluded: ItemLists | None, eligible: NDArray[np.bool_] | None) -> NDArray[np.int64]:
        """Return how many items the longest list of each of n users can hold under these masks, (n,) int64."""


def check_masks(n: int, items: int, excluded: ItemLists | None, eligible: NDArray[np.bool_] | None) -> None:
    """Raise ValueError unless `excluded` is n lists of positions below `items` and `eligible` is (items,) bool."""
    if excluded is not None and (len(excluded) != n or excluded.positions.max(initial=0) >= items):
        raise ValueError(
            f"Excluded items must be {n} lists of positions below {items}, not {len(excluded)} lists of positions "
            f"up to {excluded.positions.max(initial=0)}."
        )
    if eligible is not None and (eligible.shape != (items,) or eligible.dtype != np.bool_):
        raise ValueError(f"Eligible must be ({items},) bool, not {eligible.shape} {eligible.dtype}.")

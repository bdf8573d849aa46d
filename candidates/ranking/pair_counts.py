"""Counts of pairs of a user and a code, such as the position of an item or the code of a category."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from candidates.item_lists import ItemLists
from candidates.list_loops import drop_missing


@dataclass(frozen=True, eq=False)
class PairCounts:
    """One or more counts for each pair of user and code; pairs that are not listed have count 0.

    Attributes:
        pairs: the codes of n users, with m entries.
        counts: float32 (m, columns).
        width: the number of codes; codes are 0 to width - 1.
    """

    pairs: ItemLists
    counts: NDArray[np.float32]
    width: int

    @classmethod
    def from_lists(
        cls, offsets: NDArray[np.int64], codes: NDArray[np.int32], counts: NDArray[np.float32], width: int
    ) -> Self:
        """Build from lists in any order, no code twice in one; a pair with code -1 is left out.

        Args:
            offsets: int64 (n + 1,); the pairs of user i are `offsets[i]:offsets[i + 1]`.
            codes: int32 (m,), below `width`.
            counts: float32 (m, columns).
            width: the number of codes.

        Raises:
            ValueError: a code is repeated in a list.
        """
        offsets, listed = drop_missing(offsets, codes)
        return cls(ItemLists(offsets, codes[listed]), counts[listed], width)

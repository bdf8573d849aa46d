"""Counts of pairs of a user and a code, such as the position of an item or the code of a category."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from candidates.item_lists import ItemLists, gather


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
    def from_pairs(
        cls,
        rows: NDArray[np.integer[Any]],
        codes: NDArray[np.integer[Any]],
        counts: NDArray[np.float32],
        n: int,
        width: int,
    ) -> Self:
        """Build from pairs in any order, none twice; a pair with code -1 is left out.

        Args:
            rows: (m,), the user of each pair, 0 to n - 1.
            codes: (m,), below `width`.
            counts: float32 (m, columns).
            n: the number of users.
            width: the number of codes.
        """
        listed = np.flatnonzero(codes >= 0)
        listed = listed[np.lexsort((codes[listed], rows[listed]))]
        return cls(ItemLists.from_ordered_pairs(rows[listed], codes[listed], n), counts[listed], width)

    def look_up(self, rows: NDArray[np.integer[Any]], codes: NDArray[np.integer[Any]]) -> NDArray[np.float32]:
        """Return the counts of pairs of user and code.

        Args:
            rows: users, of any shape.
            codes: of the same shape, 0 to width - 1, or -1 for an unknown code.

        Returns:
            float32, of that shape followed by the columns: 0 for pairs that are not listed, NaN for unknown codes.
        """
        found = gather(self.counts, self.pairs.find_pairs(rows, codes))
        found[codes < 0] = np.nan
        return found

"""Counts of pairs: of a row, such as a user, and a code, such as an item's position or a word's."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class PairCounts:
    """How often each pair occurs, in one way or in several; pairs that are not listed never do.

    Attributes:
        keys: int64 (m,), strictly ascending: row x width + code.
        counts: float32 (m, columns).
        width: codes lie from 0 to below it.
    """

    keys: NDArray[np.int64]
    counts: NDArray[np.float32]
    width: int

    @classmethod
    def of(
        cls,
        rows: NDArray[np.integer[Any]],
        codes: NDArray[np.integer[Any]],
        counts: NDArray[np.float32],
        width: int,
    ) -> Self:
        """Make them of pairs in any order, none twice; a pair whose code is -1 is left out.

        Args:
            rows: (m,), from 0.
            codes: (m,), below `width`.
            counts: float32 (m, columns).
            width: how many codes there are.
        """
        listed = np.flatnonzero(codes >= 0)
        keys = rows[listed].astype(np.int64) * width + codes[listed]
        order = np.argsort(keys)
        return cls(keys[order], counts[listed[order]], width)

    def of_pairs(self, rows: NDArray[np.integer[Any]], codes: NDArray[np.integer[Any]]) -> NDArray[np.float32]:
        """Look pairs up.

        Args:
            rows: of any shape.
            codes: of the same shape, 0 to width - 1, or -1 for none.

        Returns:
            float32, of that shape and one axis more for the columns: 0 where the pair never occurs, NaN without code.
        """
        asked = rows.astype(np.int64) * self.width + codes
        found = np.zeros((*codes.shape, self.counts.shape[1]), np.float32)
        if len(self.keys):
            nearest = np.searchsorted(self.keys, asked).clip(max=len(self.keys) - 1)
            found = np.where((self.keys[nearest] == asked)[..., None], self.counts[nearest], np.float32(0))
        found[codes < 0] = np.nan
        return found

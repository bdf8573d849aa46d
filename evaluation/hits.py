"""Where ranked lists hit what a user wanted: looked up once, then measured at any cut-off."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from candidates.item_lists import ItemLists


@dataclass(frozen=True, eq=False)
class Hits:
    """Ranked lists beside what their users wanted. Made by `Hits.of`, which checks.

    The methods take a cut-off k of at least 1, judge lists shorter than k as they are, and raise ValueError for any
    other k. Formulas and their sources stand at the functions of `evaluation.metrics`.

    Attributes:
        positions: (n, width) int32, best first; -1 is padding.
        places: (n, width) bool, True where a relevant item stands.
        relevant: n lists, none empty.
    """

    positions: NDArray[np.int32]
    places: NDArray[np.bool_]
    relevant: ItemLists

    @classmethod
    def of(cls, positions: NDArray[np.int32], relevant: ItemLists) -> Self:
        """Look up which places hold a relevant item.

        Args:
            positions: (n, width) int32, best first, no item twice in a row; -1 is padding and never counts.
            relevant: n lists, none empty.

        Raises:
            ValueError: An argument does not have this form.
        """
        missing = int((relevant.lengths == 0).sum())
        if missing:
            raise ValueError(
                f"{missing} of {len(relevant)} users have no relevant item: leave them out before measuring."
            )
        places = relevant.contains(positions)
        ordered = np.sort(positions, axis=1)
        if ((ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] >= 0)).any():
            raise ValueError("An item stands twice in one list and would count twice.")
        return cls(positions, places, relevant)

    def __len__(self) -> int:
        """Return the number of users, n."""
        return len(self.positions)

    def recall(self, k: int) -> NDArray[np.float64]:
        """Return each user's recall at k, (n,) float64."""
        return np.asarray(np.count_nonzero(self._top(k), axis=1) / self.relevant.lengths)

    def hit_rate(self, k: int) -> NDArray[np.float64]:
        """Return 1 for each user with a hit among the first k, else 0, (n,) float64."""
        return np.asarray(self._top(k).any(axis=1), np.float64)

    def average_precision(self, k: int) -> NDArray[np.float64]:
        """Return each user's average precision at k, (n,) float64."""
        top = self._top(k)
        precision = top.cumsum(axis=1) / _ranks(top)
        return np.asarray((precision * top).sum(axis=1) / np.minimum(self.relevant.lengths, k))

    def ndcg(self, k: int) -> NDArray[np.float64]:
        """Return each user's normalised discounted cumulative gain at k, (n,) float64."""
        top = self._top(k)
        gained = (top / np.log2(_ranks(top) + 1)).sum(axis=1)
        in_front = np.minimum(self.relevant.lengths, k)
        ideal = np.cumsum(1 / np.log2(np.arange(1, int(in_front.max(initial=1)) + 1) + 1))
        return np.asarray(gained / ideal[in_front - 1])

    def found(self, k: int) -> NDArray[np.bool_]:
        """Return which relevant items were among the first k, (m,) bool in the order of `relevant.positions`."""
        rows, ranks = np.nonzero(self._top(k))
        width = int(self.relevant.positions.max(initial=0)) + 1
        wanted = self.relevant.rows * width + self.relevant.positions
        return np.isin(wanted, rows * width + self.positions[rows, ranks])

    def _top(self, k: int) -> NDArray[np.bool_]:
        if k < 1:
            raise ValueError(f"k must be at least 1, not {k}.")
        return self.places[:, :k]


def _ranks(places: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the ranks 1 to width of the columns, (width,) int64."""
    return np.arange(1, places.shape[1] + 1)

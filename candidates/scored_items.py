"""Scores of some items of each user, as one compressed sparse row structure."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from candidates.compiled import compiled
from candidates.item_lists import ItemLists
from candidates.topk import TopK, top_k


@dataclass(frozen=True, eq=False)
class ScoredItems:
    """Scores above 0 of n users; all other items have the score 0.

    Attributes:
        offsets: int64 (n + 1,); the items of user i are those from offsets[i] to offsets[i + 1] - 1.
        positions: int32 (m,), positions in the item index, no item twice for one user.
        scores: float32 (m,), above 0.
    """

    offsets: NDArray[np.int64]
    positions: NDArray[np.int32]
    scores: NDArray[np.float32]

    def __len__(self) -> int:
        """Return the number of users, n."""
        return len(self.offsets) - 1

    def weighted(self, item_weights: NDArray[np.float32]) -> "ScoredItems":
        """Return the scores times the weight of each item, float32 (items,), above 0."""
        return ScoredItems(self.offsets, self.positions, self.scores * item_weights[self.positions])

    def top(self, k: int, excluded: ItemLists | None = None, *, eligible: NDArray[np.bool_] | None = None) -> TopK:
        """Return the k items with the largest score for each user; arguments as for `candidates.topk.top_k`."""
        return top_k(self.offsets, self.positions, self.scores, k, excluded, eligible)

    def look_up(self, offsets: NDArray[np.int64], positions: NDArray[np.int32]) -> NDArray[np.float32]:
        """Return the scores of pairs of user and item.

        Args:
            offsets: int64 (n + 1,); the pairs of user i are those from offsets[i] to offsets[i + 1] - 1.
            positions: int32 (pairs,), at least 0.

        Returns:
            float32 (pairs,), at least 0.
        """
        items = int(max(self.positions.max(initial=-1), positions.max(initial=-1))) + 1
        found = np.empty(len(positions), np.float32)
        _look_up(self.offsets, self.positions, self.scores, offsets, positions, np.zeros(items, np.float32), found)
        return found


@compiled
def _look_up(
    scored_offsets: NDArray[np.int64],
    scored_positions: NDArray[np.int32],
    scores: NDArray[np.float32],
    offsets: NDArray[np.int64],
    positions: NDArray[np.int32],
    by_item: NDArray[np.float32],
    found: NDArray[np.float32],
) -> None:
    """Write the score of each pair; `by_item` holds 0 for each item."""
    for row in range(len(offsets) - 1):
        for entry in range(scored_offsets[row], scored_offsets[row + 1]):
            by_item[scored_positions[entry]] = scores[entry]
        for pair in range(offsets[row], offsets[row + 1]):
            found[pair] = by_item[positions[pair]]
        for entry in range(scored_offsets[row], scored_offsets[row + 1]):
            by_item[scored_positions[entry]] = 0.0

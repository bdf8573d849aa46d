"""From scored pairs of user and item to ranked lists."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from candidates.item_lists import ItemLists, TopK


def top_k(
    rows: NDArray[np.integer[Any]],
    positions: NDArray[np.int32],
    scores: NDArray[np.float32],
    n: int,
    k: int,
    excluded: ItemLists | None = None,
) -> TopK:
    """Return each user's k pairs with the largest scores, equal scores by position, also where the list is cut.

    Args:
        rows: (m,) the user of each pair, 0 to n - 1, ascending.
        positions: (m,) int32 positions in the item index, no item twice for one user.
        scores: (m,) float32, finite.
        n: The number of users.
        k: At least 1.
        excluded: n lists of positions that must not be returned for their user; they are taken out before the cut.

    Returns:
        Positions (n, k) int32 and scores (n, k) float32, best first; missing places hold -1 and -inf.
    """
    needed = np.full(n, k) if excluded is None else k + excluded.counts
    # Sorting costs much more than parting at the last score needed: most pairs never come to be sorted.
    kept = _reaching(np.searchsorted(rows, np.arange(n + 1)), scores, needed)
    rows, positions, scores = rows[kept], positions[kept], scores[kept]
    if excluded is not None:
        allowed = ~excluded.contains_pairs(rows, positions)
        rows, positions, scores = rows[allowed], positions[allowed], scores[allowed]
    order = np.lexsort((positions, -scores, rows))
    return top_k_of_sorted(rows[order], positions[order], scores[order], n, k)


def top_k_of_sorted(
    rows: NDArray[np.integer[Any]], positions: NDArray[np.int32], scores: NDArray[np.float32], n: int, k: int
) -> TopK:
    """Write pairs that stand in order, by user and the best first, as lists of width k; arguments as above."""
    ranks = np.arange(len(rows)) - np.searchsorted(rows, np.arange(n))[rows]
    listed = ranks < k
    ranked_positions = np.full((n, k), -1, np.int32)
    ranked_scores = np.full((n, k), -np.inf, np.float32)
    ranked_positions[rows[listed], ranks[listed]] = positions[listed]
    ranked_scores[rows[listed], ranks[listed]] = scores[listed]
    return ranked_positions, ranked_scores


def _reaching(
    offsets: NDArray[np.integer[Any]], scores: NDArray[np.float32], needed: NDArray[np.integer[Any]]
) -> NDArray[np.bool_]:
    """Return which scores reach the needed-th largest of their user's, (m,) bool; all where there are no more."""
    kept = np.ones(len(scores), np.bool_)
    for row in np.flatnonzero(np.diff(offsets) > needed):
        own = slice(offsets[row], offsets[row + 1])
        place = offsets[row + 1] - offsets[row] - needed[row]
        kept[own] = scores[own] >= np.partition(scores[own], place)[place]
    return kept

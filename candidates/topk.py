"""Top-k lists from scored pairs of user and item."""

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from candidates.item_lists import ItemLists

TopK: TypeAlias = tuple[NDArray[np.int32], NDArray[np.float32]]
"""Positions int32 (n, width) and scores float32 (n, width), best first; padding is position -1 with score -inf."""


def top_k(
    rows: NDArray[np.integer[Any]],
    positions: NDArray[np.int32],
    scores: NDArray[np.float32],
    n: int,
    k: int,
    excluded: ItemLists | None = None,
) -> TopK:
    """Return the k pairs with the largest scores for each user; ties are ordered and cut by position.

    Args:
        rows: (m,), the user of each pair, 0 to n - 1, ascending.
        positions: int32 (m,), positions in the item index, no item twice for one user.
        scores: float32 (m,), finite.
        n: the number of users.
        k: at least 1.
        excluded: n lists of positions that must not be returned for their user; removed before the cut.

    Returns:
        Lists of width k.
    """
    needed = np.full(n, k) if excluded is None else k + excluded.lengths
    # Sorting costs much more than partitioning at the last score needed: most pairs are never sorted.
    kept = _reaching(np.searchsorted(rows, np.arange(n + 1)), scores, needed)
    rows, positions, scores = rows[kept], positions[kept], scores[kept]
    if excluded is not None:
        allowed = ~excluded.contains_pairs(rows, positions)
        rows, positions, scores = rows[allowed], positions[allowed], scores[allowed]
    order = np.lexsort((positions, -scores, rows))
    return top_k_of_sorted(rows[order], positions[order], scores[order], n, k)


def top_k_of_sorted(
    rows: NDArray[np.integer[Any]], positions: NDArray[np.integer[Any]], scores: NDArray[np.float32], n: int, k: int
) -> TopK:
    """Return the first k pairs of each user, in the order given; arguments as for `top_k`, the scores in any order."""
    ranks = ranks_within_groups(rows)
    listed = ranks < k
    cells = rows[listed], ranks[listed]
    ranked_positions = np.full((n, k), -1, np.int32)
    ranked_scores = np.full((n, k), -np.inf, np.float32)
    ranked_positions[cells], ranked_scores[cells] = positions[listed], scores[listed]
    return ranked_positions, ranked_scores


def first_k(rows: NDArray[np.integer[Any]], positions: NDArray[np.integer[Any]], n: int, k: int) -> NDArray[np.int32]:
    """Return the first k items of each user, int32 (n, k), padded with -1; arguments as for `top_k_of_sorted`."""
    first, _ = top_k_of_sorted(rows, positions, np.zeros(len(rows), np.float32), n, k)
    return first


def ranks_within_groups(groups: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
    """Return how many earlier elements belong to the same group, int64 (m,): 0 for the first of each group.

    Args:
        groups: (m,), the group of each element, in any order. Ascending groups need no sort.
    """
    if (groups[1:] < groups[:-1]).any():
        order = np.argsort(groups, kind="stable")
        ranks = np.empty(len(groups), np.int64)
        ranks[order] = ranks_within_groups(groups[order])
        return ranks
    elements = np.arange(len(groups))
    first = np.ones(len(groups), np.bool_)
    first[1:] = groups[1:] != groups[:-1]
    return elements - np.maximum.accumulate(np.where(first, elements, 0))


def _reaching(
    offsets: NDArray[np.integer[Any]], scores: NDArray[np.float32], needed: NDArray[np.integer[Any]]
) -> NDArray[np.bool_]:
    """Return which scores reach the needed-th largest of their user, bool (m,); all of a user with no more pairs."""
    kept = np.ones(len(scores), np.bool_)
    for row in np.flatnonzero(np.diff(offsets) > needed):
        own = slice(offsets[row], offsets[row + 1])
        cut = offsets[row + 1] - offsets[row] - needed[row]
        kept[own] = scores[own] >= np.partition(scores[own], cut)[cut]
    return kept

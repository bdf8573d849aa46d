"""Candidate lists in the order of the ranker's scores."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from candidates.blender import BlendedLists
from candidates.compiled import compiled
from candidates.ranking.ranker_features import PairFeatures
from candidates.topk import top_k_of_sorted


def top_positions(pairs: PairFeatures, scores: NDArray[np.float32] | None, k: int) -> NDArray[np.int32]:
    """Return the best k candidates of each list.

    Args:
        pairs: of n lists.
        scores: float32 (pairs,), equal ones in retrieval order; None for retrieval order.
        k: the width of the lists, at least 1.

    Returns:
        int32 (n, k), best first; -1 is padding.
    """
    order = np.arange(len(pairs.rows)) if scores is None else np.lexsort((-scores, pairs.rows))
    unused_scores = np.zeros(len(order), np.float32)
    positions, _ = top_k_of_sorted(pairs.rows[order], pairs.positions[order], unused_scores, pairs.list_count, k)
    return positions


@dataclass(frozen=True, eq=False)
class RankedLists:
    """Candidates of n users in their final order.

    Attributes:
        blended: the lists in this order, with the blender's scores.
        retrieval_ranks: int32 (n, k), each candidate's rank in retrieval order, from 1; 0 at padding.
        scores: float32 (n, k), the ranker's; NaN in lists that keep retrieval order.
    """

    blended: BlendedLists
    retrieval_ranks: NDArray[np.int32]
    scores: NDArray[np.float32]

    @classmethod
    def from_retrieval(cls, blended: BlendedLists) -> Self:
        """Keep retrieval order."""
        ranks = np.arange(1, blended.positions.shape[1] + 1, dtype=np.int32)
        retrieval_ranks = np.where(blended.positions >= 0, ranks, np.int32(0))
        return cls(blended, retrieval_ranks, np.full(blended.positions.shape, np.nan, np.float32))

    def first(self, k: int) -> Self:
        """Return the first k candidates of each list."""
        return type(self)(self.blended.first(k), self.retrieval_ranks[:, :k], self.scores[:, :k])


def rerank(blended: BlendedLists, pairs: PairFeatures, scores: NDArray[np.float32], depth: int) -> RankedLists:
    """Sort the first candidates of n users by score, equal ones in retrieval order; those behind them stay.

    Args:
        blended: the candidates of n users.
        pairs: the first `depth` candidates of each list, all of them; lists without pairs keep retrieval order.
        scores: float32 (pairs,), finite.
        depth: at least 1.

    Raises:
        ValueError: the pairs are not those of the lists.
    """
    n, k = blended.positions.shape
    if pairs.list_count != n or len(scores) != len(pairs.positions):
        raise ValueError(
            f"{n} lists need pairs of {n} lists and a score for each pair, not pairs of {pairs.list_count} lists and "
            f"{len(scores)} scores for {len(pairs.positions)} pairs."
        )
    positions, retrieval_scores = np.ascontiguousarray(blended.positions), np.ascontiguousarray(blended.scores)
    by_source = np.ascontiguousarray(blended.ranks), np.ascontiguousarray(blended.source_scores)
    starts = np.searchsorted(pairs.rows, np.arange(n + 1)).astype(np.int64)
    # From 0: -0 and 0 are equal scores, but not equal bits.
    descending = (np.float32(0) - scores).view(np.uint32)
    keys, same = _sort_keys(positions, min(depth, k), starts, pairs.positions, descending)
    if not same:
        raise ValueError("Pairs must be those of the lists, in their order.")
    keys.sort(axis=1)
    moved = _reorder(keys, starts, scores, positions, retrieval_scores, *by_source)
    return RankedLists(BlendedLists(blended.sources, *moved[:4]), *moved[4:])


@compiled
def _sort_keys(
    positions: NDArray[np.int32],
    depth: int,
    starts: NDArray[np.int64],
    pair_positions: NDArray[np.int32],
    bits: NDArray[np.uint32],
) -> tuple[NDArray[np.uint64], bool]:
    """Return a key for each of the first candidates, and whether pairs and candidates are the same.

    The upper half of a key sorts like the float32 with these bits, the lower half is the column: equal scores stay in
    order. Candidates without a score come after those with one.

    Args:
        positions: (n, k).
        depth: at most k.
        starts: (n + 1,), the first pair of each list.
        pair_positions: (pairs,).
        bits: (pairs,).
    """
    n = len(positions)
    keys, same = np.empty((n, depth), np.uint64), True
    sign, largest, half = np.uint32(1 << 31), np.uint32(0xFFFFFFFF), np.uint64(32)
    for row in range(n):
        count = starts[row + 1] - starts[row]
        for column in range(depth):
            upper = largest
            if column < count:
                pair = starts[row] + column
                same &= pair_positions[pair] == positions[row, column]
                upper = ~bits[pair] if bits[pair] & sign else bits[pair] | sign
            else:
                same &= count == 0 or positions[row, column] < 0
            keys[row, column] = (np.uint64(upper) << half) | np.uint64(column)
        same &= count <= depth
    return keys, same


@compiled
def _reorder(
    keys: NDArray[np.uint64],
    starts: NDArray[np.int64],
    pair_scores: NDArray[np.float32],
    positions: NDArray[np.int32],
    scores: NDArray[np.float32],
    ranks: NDArray[np.int32],
    source_scores: NDArray[np.float32],
) -> tuple[
    NDArray[np.int32],
    NDArray[np.float32],
    NDArray[np.int32],
    NDArray[np.float32],
    NDArray[np.int32],
    NDArray[np.float32],
]:
    """Return the last four arrays in the order of the keys, and ranks and scores of `RankedLists`."""
    n, k, sources = ranks.shape
    moved_positions, moved_scores = np.empty((n, k), np.int32), np.empty((n, k), np.float32)
    moved_ranks, moved_source_scores = np.empty((n, k, sources), np.int32), np.empty((n, k, sources), np.float32)
    retrieval_ranks, ranking_scores = np.empty((n, k), np.int32), np.empty((n, k), np.float32)
    depth, lower = keys.shape[1], np.uint64(0xFFFFFFFF)
    for row in range(n):
        count = starts[row + 1] - starts[row]
        for column in range(k):
            source = np.int64(keys[row, column] & lower) if column < depth else column
            moved_positions[row, column] = positions[row, source]
            moved_scores[row, column] = scores[row, source]
            moved_ranks[row, column] = ranks[row, source]
            moved_source_scores[row, column] = source_scores[row, source]
            retrieval_ranks[row, column] = source + 1 if positions[row, source] >= 0 else 0
            ranking_scores[row, column] = pair_scores[starts[row] + source] if source < count else np.nan
    return moved_positions, moved_scores, moved_ranks, moved_source_scores, retrieval_ranks, ranking_scores

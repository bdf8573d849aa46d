"""Candidate lists in the order of the ranker's scores."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from candidates.blender import BlendedLists
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

    def append_rest(self, blended: BlendedLists) -> Self:
        """Append the candidates of `blended` that are not reranked, in retrieval order.

        Args:
            blended: lists of which these are the first candidates.
        """
        k, whole = self.blended.positions.shape[1], type(self).from_retrieval(blended)

        def append(first: NDArray[Any], both: NDArray[Any]) -> NDArray[Any]:
            return np.concatenate([first, both[:, k:]], axis=1)

        lists = BlendedLists(
            blended.sources,
            append(self.blended.positions, blended.positions),
            append(self.blended.scores, blended.scores),
            append(self.blended.ranks, blended.ranks),
            append(self.blended.source_scores, blended.source_scores),
        )
        return type(self)(lists, append(self.retrieval_ranks, whole.retrieval_ranks), append(self.scores, whole.scores))


def rerank(blended: BlendedLists, pairs: PairFeatures, scores: NDArray[np.float32]) -> RankedLists:
    """Sort the candidates of n users by score, equal ones in retrieval order.

    Args:
        blended: the candidates of n users.
        pairs: the same candidates, built from `blended`; lists without pairs keep retrieval order.
        scores: float32 (pairs,), finite.

    Raises:
        ValueError: the pairs are not those of the lists.
    """
    ranked = np.bincount(pairs.rows, minlength=pairs.list_count) > 0
    if pairs.list_count != len(blended.positions) or len(scores) != len(pairs.positions):
        raise ValueError(
            f"{len(blended.positions)} lists need pairs of {len(blended.positions)} lists and a score for each pair, "
            f"not pairs of {pairs.list_count} lists and {len(scores)} scores for {len(pairs.positions)} pairs."
        )
    listed = (blended.positions >= 0) & ranked[:, None]
    same = np.array_equal(np.nonzero(listed)[0], pairs.rows)
    if not same or not np.array_equal(blended.positions[listed], pairs.positions):
        raise ValueError("Pairs must be those of the lists, in their order.")
    retrieved = RankedLists.from_retrieval(blended)
    retrieved.scores[listed] = scores
    # The stable sort leaves candidates without a score in place: whole lists, and padding at the end.
    keys = np.where(ranked[:, None], np.where(listed, -retrieved.scores, np.inf), 0)
    order = np.argsort(keys, axis=1, kind="stable")
    sorted_lists = BlendedLists(
        blended.sources,
        np.take_along_axis(blended.positions, order, axis=1),
        np.take_along_axis(blended.scores, order, axis=1),
        np.take_along_axis(blended.ranks, order[:, :, None], axis=1),
        np.take_along_axis(blended.source_scores, order[:, :, None], axis=1),
    )
    return RankedLists(
        sorted_lists,
        np.take_along_axis(retrieved.retrieval_ranks, order, axis=1),
        np.take_along_axis(retrieved.scores, order, axis=1),
    )

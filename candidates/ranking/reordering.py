"""From scores of candidates to lists in their order."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from candidates.blender import BlendedLists
from candidates.ranking.ranker_features import PairFeatures
from candidates.topk import top_k_of_sorted


def best_positions(pairs: PairFeatures, scores: NDArray[np.float32] | None, k: int) -> NDArray[np.int32]:
    """Return each list's best candidates.

    Args:
        pairs: of n lists.
        scores: float32 (pairs,), equal ones in retrieval's order; None for retrieval's order altogether.
        k: the width of the lists, at least 1.

    Returns:
        int32 (n, k), best first; -1 is padding.
    """
    order = np.arange(len(pairs.rows)) if scores is None else np.lexsort((-scores, pairs.rows))
    said = np.zeros(len(order), np.float32)
    positions, _ = top_k_of_sorted(pairs.rows[order], pairs.positions[order], said, pairs.users, k)
    return positions


@dataclass(frozen=True, eq=False)
class RankedLists:
    """Candidates of n users in the order in which they are shown.

    Attributes:
        blended: the lists in this order, with retrieval's scores.
        places: int32 (n, k), the rank that retrieval had given, from 1; 0 at padding.
        scores: float32 (n, k), the ranker's; NaN where retrieval's order stands.
    """

    blended: BlendedLists
    places: NDArray[np.int32]
    scores: NDArray[np.float32]

    @classmethod
    def as_retrieved(cls, blended: BlendedLists) -> Self:
        """Leave the order as it is."""
        places = np.where(
            blended.positions >= 0, np.arange(1, blended.positions.shape[1] + 1, dtype=np.int32), np.int32(0)
        )
        return cls(blended, places, np.full(blended.positions.shape, np.nan, np.float32))

    def first(self, k: int) -> Self:
        """Return the first k of each list."""
        return type(self)(self.blended.first(k), self.places[:, :k], self.scores[:, :k])

    def followed_by(self, blended: BlendedLists) -> Self:
        """Return these lists with what stands behind them in `blended`, of which they are the first, as it was."""
        k, whole = self.blended.positions.shape[1], type(self).as_retrieved(blended)

        def joined(first: NDArray[Any], every: NDArray[Any]) -> NDArray[Any]:
            return np.concatenate([first, every[:, k:]], axis=1)

        lists = BlendedLists(
            blended.sources,
            joined(self.blended.positions, blended.positions),
            joined(self.blended.scores, blended.scores),
            joined(self.blended.ranks, blended.ranks),
            joined(self.blended.source_scores, blended.source_scores),
        )
        return type(self)(lists, joined(self.places, whole.places), joined(self.scores, whole.scores))


def reordered(blended: BlendedLists, pairs: PairFeatures, scores: NDArray[np.float32]) -> RankedLists:
    """Put the candidates of n users into the order of their scores, equal ones in the order they had.

    Args:
        blended: the candidates of n users.
        pairs: the same candidates, made of `blended`; who has no pairs keeps his list as it is.
        scores: float32 (pairs,), finite.

    Raises:
        ValueError: the pairs are not those of the lists.
    """
    ranked = np.bincount(pairs.rows, minlength=pairs.users) > 0
    if pairs.users != len(blended.positions) or len(scores) != len(pairs.positions):
        raise ValueError(
            f"{len(blended.positions)} lists need pairs of as many and a score for each, not {len(scores)}."
        )
    listed = (blended.positions >= 0) & ranked[:, None]
    same = np.array_equal(np.nonzero(listed)[0], pairs.rows)
    if not same or not np.array_equal(blended.positions[listed], pairs.positions):
        raise ValueError("Pairs must be those of the lists, in their order.")
    retrieved = RankedLists.as_retrieved(blended)
    retrieved.scores[listed] = scores
    # What has no score stays where it is: whole lists, and padding at the end.
    keys = np.where(ranked[:, None], np.where(listed, -retrieved.scores, np.inf), 0)
    order = np.argsort(keys, axis=1, kind="stable")
    in_order = BlendedLists(
        blended.sources,
        np.take_along_axis(blended.positions, order, axis=1),
        np.take_along_axis(blended.scores, order, axis=1),
        np.take_along_axis(blended.ranks, order[:, :, None], axis=1),
        np.take_along_axis(blended.source_scores, order[:, :, None], axis=1),
    )
    return RankedLists(
        in_order,
        np.take_along_axis(retrieved.places, order, axis=1),
        np.take_along_axis(retrieved.scores, order, axis=1),
    )

"""From scores of candidates to lists in their order."""

import numpy as np
from numpy.typing import NDArray

from ranking.pair_features import PairFeatures
from retrieval.fusion import Fused
from retrieval.ranking import laid_out


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
    positions, _ = laid_out(pairs.rows[order], pairs.positions[order], said, pairs.users, k)
    return positions


def reordered(fused: Fused, pairs: PairFeatures, scores: NDArray[np.float32]) -> Fused:
    """Put the candidates of n users into the order of their scores, equal ones in the order they had.

    Args:
        fused: the candidates of n users.
        pairs: the same candidates, made of `fused`; who has no pairs keeps his list as it is.
        scores: float32 (pairs,), finite.

    Returns:
        The same candidates with these scores; what the sources said goes with them.

    Raises:
        ValueError: the pairs are not those of the lists.
    """
    ranked = np.bincount(pairs.rows, minlength=pairs.users) > 0
    if pairs.users != len(fused.positions) or len(scores) != len(pairs.positions):
        raise ValueError(f"{len(fused.positions)} lists need pairs of as many and a score for each, not {len(scores)}.")
    listed = (fused.positions >= 0) & ranked[:, None]
    same = np.array_equal(np.nonzero(listed)[0], pairs.rows)
    if not same or not np.array_equal(fused.positions[listed], pairs.positions):
        raise ValueError("Pairs must be those of the lists, in their order.")
    said = np.where(ranked[:, None], np.float32(-np.inf), fused.scores)
    said[listed] = scores
    keys = np.where(ranked[:, None], -said, np.float32(0))
    order = np.argsort(keys, axis=1, kind="stable")
    return Fused(
        fused.sources,
        np.take_along_axis(fused.positions, order, axis=1),
        np.take_along_axis(said, order, axis=1),
        np.take_along_axis(fused.ranks, order[:, :, None], axis=1),
        np.take_along_axis(fused.source_scores, order[:, :, None], axis=1),
    )

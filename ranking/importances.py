"""How much each feature is worth to the order of the candidates."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ranking.choosing import K, hits
from ranking.examples import Examples
from ranking.folds import Fold
from ranking.ranker import Ranker

MOST_LISTS: Final = 500  # each is ranked once for each feature


@dataclass(frozen=True)
class Importance:
    """What one feature is worth.

    Attributes:
        name: of the feature.
        loss: how much NDCG@12 falls if its values are exchanged among the candidates; about 0, or below, if it is
            worth nothing.
    """

    name: str
    loss: float


def importances(examples: Examples, folds: Sequence[Fold], seed: int) -> tuple[Importance, ...]:
    """Measure permutation importance on users whom the rankers have not seen.

    Breiman, "Random forests", Machine Learning 45, 2001, section 10. Two features that say the same hide each other.

    Args:
        examples: lists of past days.
        folds: fitted on them.
        seed: of the exchanges, and of the lists that are drawn if there are many.

    Returns:
        All features, the most important first, equal ones in their order.
    """
    names = examples.pairs.names
    generator = np.random.default_rng(seed)
    losses, lists = np.zeros(len(names)), 0
    for fold in folds:
        seen = fold.lists[np.isin(fold.lists, examples.judged)]
        part = examples.take(seen).drawn(MOST_LISTS // len(folds), seed)
        if len(part) == 0:
            continue
        losses += _losses(part, fold.ranker, generator)
        lists += len(part)
    order = np.argsort(-losses, kind="stable")
    return tuple(Importance(names[place], float(losses[place] / max(lists, 1))) for place in order)


def _losses(examples: Examples, ranker: Ranker, generator: np.random.Generator) -> NDArray[np.float64]:
    """How much the sum of NDCG over lists falls without each feature, (features,)."""
    matrix = examples.pairs.matrix
    whole = hits(examples, ranker.score(examples.pairs)).ndcg(K).sum()
    losses = np.zeros(matrix.shape[1])
    for feature in ranker.trees.tested:
        exchanged = matrix.copy()
        exchanged[:, feature] = generator.permutation(matrix[:, feature])
        scores = ranker.score(replace(examples.pairs, matrix=exchanged))
        losses[feature] = whole - hits(examples, scores).ndcg(K).sum()
    return losses

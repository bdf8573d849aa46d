"""How much each feature, and each origin of features, is worth to the order of the candidates."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from candidates.ranking.ranker import Ranker
from candidates.ranking.ranker_features import feature_origins
from candidates.ranking.training_examples import TrainingExamples
from evaluation.ranker.selection import K, hits

MOST_LISTS: Final = 500  # each is ranked once for each feature


@dataclass(frozen=True)
class Importance:
    """What one feature, or all of one origin, is worth.

    Attributes:
        name: of the feature, or of the origin.
        loss: how much NDCG@12 falls if its values are exchanged among the candidates; about 0, or below, if it is
            worth nothing.
    """

    name: str
    loss: float


def importances(examples: TrainingExamples, ranker: Ranker, seed: int) -> tuple[Importance, ...]:
    """Measure permutation importance on lists that the ranker has not seen.

    Breiman, "Random forests", Machine Learning 45, 2001, section 10. Two features that say the same hide each other:
    see `origin_importances`.

    Args:
        examples: lists of a week after those from which the ranker learned.
        ranker: what asks for the features.
        seed: of the exchanges, and of the lists that are drawn if there are many.

    Returns:
        All features, the most important first, equal ones in their order.
    """
    return _importances(examples, ranker, seed, {name: (name,) for name in examples.pairs.names})


def origin_importances(examples: TrainingExamples, ranker: Ranker, seed: int) -> tuple[Importance, ...]:
    """Measure the same of all features of one origin at once: each candidate gets those of another, together.

    Of features that say the same, each may be exchanged without loss as long as the others stand; not all of them.

    Returns:
        All origins of `feature_origins`, the most important first, equal ones in their order.
    """
    return _importances(examples, ranker, seed, feature_origins(examples.pairs.sources))


def _importances(
    examples: TrainingExamples, ranker: Ranker, seed: int, parts: dict[str, tuple[str, ...]]
) -> tuple[Importance, ...]:
    columns = [[examples.pairs.names.index(name) for name in names] for names in parts.values()]
    generator = np.random.default_rng(seed)
    lists = examples.take(examples.judged).drawn(MOST_LISTS, seed)
    losses = _losses(lists, ranker, columns, generator) / max(len(lists), 1)
    order, names = np.argsort(-losses, kind="stable"), [*parts]
    return tuple(Importance(names[place], float(losses[place])) for place in order)


def _losses(
    examples: TrainingExamples, ranker: Ranker, columns: Sequence[Sequence[int]], generator: np.random.Generator
) -> NDArray[np.float64]:
    """How much the sum of NDCG over lists falls without some columns, (parts,)."""
    matrix = examples.pairs.matrix
    whole = hits(examples, ranker.score(examples.pairs)).ndcg(K).sum()
    losses = np.zeros(len(columns))
    for part, together in enumerate(columns):
        tested = [column for column in together if column in ranker.trees.tested]
        if not tested:
            continue
        exchanged = matrix.copy()
        exchanged[:, tested] = generator.permutation(matrix[:, tested])
        scores = ranker.score(replace(examples.pairs, matrix=exchanged))
        losses[part] = whole - hits(examples, scores).ndcg(K).sum()
    return losses

"""Permutation importance of the ranker's features, and of groups of features."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from candidates.ranking.ranker import Ranker
from candidates.ranking.ranker_features import feature_groups
from candidates.ranking.training_examples import TrainingExamples
from evaluation.ranker.selection import K, compute_hits

MAX_LISTS: Final = 500  # each is ranked once per feature


@dataclass(frozen=True)
class Importance:
    """The contribution of one feature or one group of features to the ranking.

    Attributes:
        name: of the feature or of the group.
        ndcg_drop: decrease of NDCG@12 if its values are permuted among the candidates; about 0 or below for a feature
            that contributes nothing.
    """

    name: str
    ndcg_drop: float


def feature_importances(examples: TrainingExamples, ranker: Ranker, seed: int) -> tuple[Importance, ...]:
    """Measure the permutation importance of each feature on lists that the ranker has not seen.

    Breiman, "Random forests", Machine Learning 45, 2001, section 10. Two correlated features hide each other: see
    `group_importances`.

    Args:
        examples: lists of a week after those on which the ranker was trained; at most `MAX_LISTS` are sampled.
        ranker: to evaluate.
        seed: of the permutations and of the sample.

    Returns:
        All features, the most important first, equal ones in their order.
    """
    names = examples.pairs.feature_names
    return _permutation_importances(examples, ranker, seed, {name: (name,) for name in names})


def group_importances(examples: TrainingExamples, ranker: Ranker, seed: int) -> tuple[Importance, ...]:
    """Measure the permutation importance of each group of features: all features of a group are permuted together.

    A feature can be permuted without a drop while others carry the same information; a group of them cannot.

    Returns:
        All groups of `feature_groups`, the most important first, equal ones in their order.
    """
    return _permutation_importances(examples, ranker, seed, feature_groups(examples.pairs.sources))


def _permutation_importances(
    examples: TrainingExamples, ranker: Ranker, seed: int, groups: Mapping[str, Sequence[str]]
) -> tuple[Importance, ...]:
    names = examples.pairs.feature_names
    columns = [[names.index(name) for name in group] for group in groups.values()]
    generator = np.random.default_rng(seed)
    lists = examples.take(examples.evaluable).sample(MAX_LISTS, seed)
    drops = _drops(lists, ranker, columns, generator) / max(len(lists), 1)
    order, group_names = np.argsort(-drops, kind="stable"), [*groups]
    return tuple(Importance(group_names[group], float(drops[group])) for group in order)


def _drops(
    examples: TrainingExamples, ranker: Ranker, columns: Sequence[Sequence[int]], generator: np.random.Generator
) -> NDArray[np.float64]:
    """Return the decrease of the sum of NDCG over lists if the columns of each group are permuted, (groups,)."""
    matrix = examples.pairs.matrix
    original = compute_hits(examples, ranker.score(examples.pairs)).ndcg(K).sum()
    drops = np.zeros(len(columns))
    for index, group in enumerate(columns):
        used = [column for column in group if column in ranker.used_columns]
        if not used:
            continue
        permuted = matrix.copy()
        permuted[:, used] = generator.permutation(matrix[:, used])
        scores = ranker.score(replace(examples.pairs, matrix=permuted))
        drops[index] = original - compute_hits(examples, scores).ndcg(K).sum()
    return drops

"""What ranked lists were worth: one number per user, and intervals for their mean."""

import numpy as np
from numpy.typing import NDArray

from candidates.item_lists import ItemLists
from evaluation.bootstrap import LEVEL, RESAMPLES, Bootstrap, interval_of
from evaluation.hits import Hits


def recall_at(positions: NDArray[np.int32], relevant: ItemLists, k: int) -> NDArray[np.float64]:
    """Return the share of each user's relevant items that is among the first k: |top k and relevant| / |relevant|.

    The metric is the mean over users.

    Args:
        positions: (n, width) int32, best first, no item twice in a row; -1 is padding and never counts. Lists
            shorter than k are judged as they are.
        relevant: n lists, none empty.
        k: At least 1.

    Returns:
        (n,) float64, 0 to 1.

    Raises:
        ValueError: An argument does not have this form.
    """
    return _hits(positions, relevant, k).recall(k)


def hit_rate_at(positions: NDArray[np.int32], relevant: ItemLists, k: int) -> NDArray[np.float64]:
    """Return 1 for each user with a relevant item among the first k, else 0.

    Arguments, result and errors are those of `recall_at`.
    """
    return _hits(positions, relevant, k).hit_rate(k)


def average_precision_at(positions: NDArray[np.int32], relevant: ItemLists, k: int) -> NDArray[np.float64]:
    """Return each user's average precision at k; its mean over users is MAP@k.

    AP@k = 1 / min(|relevant|, k) * sum over ranks i <= k of precision(i) * [item at i is relevant], as on the
    evaluation page of Kaggle's H&M Personalized Fashion Recommendations, where k = 12.

    Arguments, result and errors are those of `recall_at`.
    """
    return _hits(positions, relevant, k).average_precision(k)


def ndcg_at(positions: NDArray[np.int32], relevant: ItemLists, k: int) -> NDArray[np.float64]:
    """Return each user's normalised discounted cumulative gain at k, relevant items gaining 1 and others 0.

    DCG@k = sum over ranks i <= k of gain(i) / log2(i + 1), divided by that of min(|relevant|, k) relevant items in
    front. Normalisation after Järvelin and Kekäläinen, "Cumulated gain-based evaluation of IR techniques", ACM TOIS
    20(4), 2002; the discount log2(i + 1) after Burges et al., "Learning to rank using gradient descent", ICML 2005.

    Arguments, result and errors are those of `recall_at`.
    """
    return _hits(positions, relevant, k).ndcg(k)


def bootstrap_interval(
    values: NDArray[np.float64], seed: int, resamples: int = RESAMPLES, level: float = LEVEL
) -> tuple[float, float]:
    """Return an interval for the mean over users, resampling users with replacement.

    Percentile bootstrap: Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13.

    Args:
        values: (n,) float64, one number per user, finite, at least one user.
        seed: The same seed gives the same interval.
        resamples: How many means to draw, at least 1.
        level: The share of drawn means inside the interval, between 0 and 1.

    Returns:
        Lower and upper end.

    Raises:
        ValueError: An argument does not have this form.
    """
    if values.ndim != 1 or len(values) == 0 or not np.isfinite(values).all():
        raise ValueError(f"Values must be finite numbers of shape (users,), at least one, not {values.shape}.")
    if resamples < 1 or not 0 < level < 1:
        raise ValueError(f"Resamples must be at least 1 and level between 0 and 1, not {resamples} and {level}.")
    return interval_of(Bootstrap.of(len(values), seed, resamples).means(values[:, None])[:, 0], level)


def paired_interval(
    values: NDArray[np.float64],
    baseline: NDArray[np.float64],
    seed: int,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
) -> tuple[float, float]:
    """Return an interval for the mean difference `values - baseline` over the same users, in the same order.

    Narrower than two separate intervals let one hope, because easy users are easy for both. Other arguments and
    errors are those of `bootstrap_interval`.

    Raises:
        ValueError: The two are not about the same number of users.
    """
    if values.shape != baseline.shape:
        raise ValueError(f"Both must be about the same users, not {values.shape} and {baseline.shape}.")
    return bootstrap_interval(values - baseline, seed, resamples, level)


def _hits(positions: NDArray[np.int32], relevant: ItemLists, k: int) -> Hits:
    """Return the hits among the first k; checks what `recall_at` promises."""
    if k < 1:
        raise ValueError(f"k must be at least 1, not {k}.")
    return Hits.of(positions[:, :k], relevant)

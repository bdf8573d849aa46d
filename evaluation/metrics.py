"""What ranked lists were worth: one number per user, and intervals for their mean."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from retrieval.item_lists import ItemLists

RESAMPLES: Final = 1_000
LEVEL: Final = 0.95


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
    hits = _hits(positions, relevant, k)
    return np.asarray(np.count_nonzero(hits, axis=1) / relevant.counts)


def hit_rate_at(positions: NDArray[np.int32], relevant: ItemLists, k: int) -> NDArray[np.float64]:
    """Return 1 for each user with a relevant item among the first k, else 0.

    Arguments, result and errors are those of `recall_at`.
    """
    return np.asarray(_hits(positions, relevant, k).any(axis=1), np.float64)


def average_precision_at(positions: NDArray[np.int32], relevant: ItemLists, k: int) -> NDArray[np.float64]:
    """Return each user's average precision at k; its mean over users is MAP@k.

    AP@k = 1 / min(|relevant|, k) * sum over ranks i <= k of precision(i) * [item at i is relevant], as on the
    evaluation page of Kaggle's H&M Personalized Fashion Recommendations, where k = 12.

    Arguments, result and errors are those of `recall_at`.
    """
    hits = _hits(positions, relevant, k)
    precision = hits.cumsum(axis=1) / _ranks(hits)
    return np.asarray((precision * hits).sum(axis=1) / np.minimum(relevant.counts, k))


def ndcg_at(positions: NDArray[np.int32], relevant: ItemLists, k: int) -> NDArray[np.float64]:
    """Return each user's normalised discounted cumulative gain at k, relevant items gaining 1 and others 0.

    DCG@k = sum over ranks i <= k of gain(i) / log2(i + 1), divided by that of min(|relevant|, k) relevant items in
    front. Normalisation after Järvelin and Kekäläinen, "Cumulated gain-based evaluation of IR techniques", ACM TOIS
    20(4), 2002; the discount log2(i + 1) after Burges et al., "Learning to rank using gradient descent", ICML 2005.

    Arguments, result and errors are those of `recall_at`.
    """
    hits = _hits(positions, relevant, k)
    gained = (hits / np.log2(_ranks(hits) + 1)).sum(axis=1)
    in_front = np.minimum(relevant.counts, k)
    ideal = np.cumsum(1 / np.log2(np.arange(1, int(in_front.max(initial=1)) + 1) + 1))
    return np.asarray(gained / ideal[in_front - 1])


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
    generator = np.random.default_rng(seed)
    users = len(values)
    means = [values[generator.integers(users, size=users)].mean() for _ in range(resamples)]
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


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


def _hits(positions: NDArray[np.int32], relevant: ItemLists, k: int) -> NDArray[np.bool_]:
    """Return (n, min(k, width)) bool, True where a relevant item stands; checks what `recall_at` promises."""
    if k < 1:
        raise ValueError(f"k must be at least 1, not {k}.")
    missing = int((relevant.counts == 0).sum())
    if missing:
        raise ValueError(f"{missing} of {len(relevant)} users have no relevant item: leave them out before measuring.")
    top = positions[:, :k]
    found = relevant.contains(top)
    ordered = np.sort(top, axis=1)
    if ((ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] >= 0)).any():
        raise ValueError("An item stands twice in one list and would count twice.")
    return found


def _ranks(hits: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the ranks 1 to width of the columns, (width,) int64."""
    return np.arange(1, hits.shape[1] + 1)

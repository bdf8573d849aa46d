"""Paired differences and ratios of models and baselines on the same users."""

from collections.abc import Mapping, Sequence
from itertools import product
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from evaluation.bootstrap import Bootstrap, percentile_interval
from evaluation.results import PROTOCOLS, Comparison, Protocol, ProtocolComparisons

UserMetrics: TypeAlias = Mapping[Protocol, Mapping[str, NDArray[np.float64]]]
"""By protocol and metric: (users of that protocol,) float64, as from `metrics.metrics_per_user`."""


def compare_models(
    user_metrics: Mapping[str, UserMetrics],
    resamples: Mapping[Protocol, Bootstrap],
    models: Sequence[str],
    baselines: Sequence[str],
    metrics: Sequence[str],
) -> dict[str, dict[str, ProtocolComparisons]]:
    """Compare every model with every baseline on all metrics and protocols, as `compare_on_metric` does.

    Args:
        user_metrics: By name of the model.
        resamples: By protocol; protocols without users are missing.
        models: Names of the compared models, the main one first.
        baselines: Names of what they are compared with.
        metrics: For example "recall@100", as from `metrics.comparison_metrics`.

    Returns:
        By model, then baseline: the `comparisons` of a window's results.
    """
    comparisons: dict[str, dict[str, ProtocolComparisons]] = {
        model: {baseline: {"all": {}, "new": {}} for baseline in baselines if baseline != model} for model in models
    }
    for protocol, metric in product([each for each in PROTOCOLS if each in resamples], metrics):
        values = {name: user_metrics[name][protocol][metric] for name in (*models, *baselines)}
        for model, compared in compare_on_metric(values, resamples[protocol], models, baselines).items():
            for baseline, comparison in compared.items():
                comparisons[model][baseline][protocol][metric] = comparison
    return comparisons


def compare_on_metric(
    user_values: Mapping[str, NDArray[np.float64]],
    resamples: Bootstrap,
    models: Sequence[str],
    baselines: Sequence[str],
) -> dict[str, dict[str, Comparison]]:
    """Compare every model with every baseline on one metric.

    The difference is the mean over users of model minus baseline, its interval that of `bootstrap.paired_interval`.
    The ratio is the model's mean over the baseline's; its interval takes both means from the same resample (Efron and
    Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13).

    Args:
        user_values: (users,) float64 each, one metric of every model and baseline, by name.
        resamples: Drawn for the same users.
        models: Names of the compared models.
        baselines: Names of what they are compared with; a model is not compared with itself.

    Returns:
        By model, then baseline. The ratio is None if the baseline's mean is 0 in any resample.

    Raises:
        KeyError: A name is not in `user_values`.
        ValueError: The values and the resamples have different numbers of users.
    """
    names = list(dict.fromkeys([*models, *baselines]))
    values = np.stack([user_values[name] for name in names], axis=1)
    means = dict(zip(names, values.mean(axis=0).tolist(), strict=True))
    resampled = dict(zip(names, resamples.means(values).T, strict=True))

    def compared(model: str, baseline: str) -> Comparison:
        difference = [means[model] - means[baseline], *percentile_interval(resampled[model] - resampled[baseline])]
        if means[baseline] == 0 or (resampled[baseline] == 0).any():
            return {"difference": difference, "ratio": None}
        ratio = [means[model] / means[baseline], *percentile_interval(resampled[model] / resampled[baseline])]
        return {"difference": difference, "ratio": ratio}

    return {
        model: {baseline: compared(model, baseline) for baseline in baselines if baseline != model} for model in models
    }

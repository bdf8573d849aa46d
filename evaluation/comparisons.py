"""Models beside the simple lists they have to beat, on the same users: paired differences and ratios."""

from collections.abc import Mapping, Sequence
from itertools import product
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from evaluation.bootstrap import Bootstrap, percentile_interval
from evaluation.results import PROTOCOLS, Comparison, Protocol, ProtocolComparisons

UserMetrics: TypeAlias = Mapping[Protocol, Mapping[str, NDArray[np.float64]]]
"""By protocol and name of the measure: (users of that protocol,) float64, as from `measures.metrics_per_user`."""


def compare_models(
    measured: Mapping[str, UserMetrics],
    resamples: Mapping[Protocol, Bootstrap],
    models: Sequence[str],
    baselines: Sequence[str],
    measures: Sequence[str],
) -> dict[str, dict[str, ProtocolComparisons]]:
    """Compare every model with every baseline on every protocol that has users, as `compare_on_metric` does.

    Args:
        measured: By name of the model.
        resamples: By protocol; one without users has none.
        models: Names of what is compared, the one that matters most first.
        baselines: Names of what it is compared with.
        measures: For example "recall@100", as from `measures.comparison_metrics`.

    Returns:
        By model, then baseline: the `differences` of a cut's results.
    """
    differences: dict[str, dict[str, ProtocolComparisons]] = {
        model: {baseline: {"all": {}, "new": {}} for baseline in baselines if baseline != model} for model in models
    }
    for protocol, measure in product([each for each in PROTOCOLS if each in resamples], measures):
        values = {name: measured[name][protocol][measure] for name in (*models, *baselines)}
        for model, compared in compare_on_metric(values, resamples[protocol], models, baselines).items():
            for baseline, comparison in compared.items():
                differences[model][baseline][protocol][measure] = comparison
    return differences


def compare_on_metric(
    measured: Mapping[str, NDArray[np.float64]],
    resamples: Bootstrap,
    models: Sequence[str],
    baselines: Sequence[str],
) -> dict[str, dict[str, Comparison]]:
    """Compare every model with every baseline on one measure.

    The difference is the mean over users of model minus baseline, its interval that of `metrics.paired_interval`.
    The ratio is the model's mean over the baseline's; its interval takes both means from the same resample (Efron and
    Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13).

    Args:
        measured: (users,) float64 each, one measure of every model and baseline, by name.
        resamples: Drawn for these users.
        models: Names of what is compared.
        baselines: Names of what it is compared with; a model is not compared with itself.

    Returns:
        By model, then baseline. A ratio is None where the baseline's mean is 0 in any resample.

    Raises:
        KeyError: A name is not among `measured`.
        ValueError: A measure is not about the users that were drawn.
    """
    names = list(dict.fromkeys([*models, *baselines]))
    values = np.stack([measured[name] for name in names], axis=1)
    means = dict(zip(names, values.mean(axis=0).tolist(), strict=True))
    drawn = dict(zip(names, resamples.means(values).T, strict=True))

    def compared(model: str, baseline: str) -> Comparison:
        difference = [means[model] - means[baseline], *percentile_interval(drawn[model] - drawn[baseline])]
        if means[baseline] == 0 or (drawn[baseline] == 0).any():
            return {"difference": difference, "ratio": None}
        ratio = [means[model] / means[baseline], *percentile_interval(drawn[model] / drawn[baseline])]
        return {"difference": difference, "ratio": ratio}

    return {
        model: {baseline: compared(model, baseline) for baseline in baselines if baseline != model} for model in models
    }

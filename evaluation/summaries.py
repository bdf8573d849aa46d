"""Results of several windows combined: medians and ratios over windows."""

from collections.abc import Sequence

import numpy as np

from evaluation.metrics import primary_cutoff
from evaluation.results import (
    FORMAT,
    PROTOCOLS,
    Medians,
    Protocol,
    Ratios,
    RatiosToBest,
    Results,
    RunInfo,
    WindowResult,
)


def combine_windows(run: RunInfo, cutoffs: Sequence[int], windows: list[WindowResult]) -> Results:
    """Combine the results of windows, with medians and ratios over them.

    Args:
        run: Where the results come from.
        cutoffs: Those of the metrics, ascending.
        windows: In the order of time, at least one, all with the same models.

    Raises:
        ValueError: There is no window, or the windows have different models.
    """
    if not windows:
        raise ValueError("Results need at least one window.")
    models = list(windows[0]["models"])
    for window in windows:
        if set(window["models"]) != set(models):
            raise ValueError(
                f"All windows must have the same models: {windows[0]['cut_date']} has {', '.join(models)}, and "
                f"{window['cut_date']} has {', '.join(window['models'])}."
            )
    metric, compared = f"recall@{primary_cutoff(cutoffs)}", compared_models(windows)
    return {
        "format": FORMAT,
        "run": run,
        "cutoffs": list(cutoffs),
        "windows": windows,
        "medians": {model: _medians(windows, model) for model in models},
        "ratios": {
            model: {baseline: _ratios(windows, model, baseline, metric) for baseline in baselines}
            for model, baselines in compared.items()
        },
        "ratios_to_best": {model: _summarize_ratios_to_best(windows, model) for model in compared},
    }


def compared_models(windows: Sequence[WindowResult]) -> dict[str, list[str]]:
    """Return the baselines of each compared model in any window, in the order of the results."""
    compared: dict[str, dict[str, None]] = {}
    for window in windows:
        for model, baselines in window["comparisons"].items():
            compared.setdefault(model, {}).update(dict.fromkeys(baselines))
    return {model: list(baselines) for model, baselines in compared.items()}


def cold_user_recall(windows: Sequence[WindowResult]) -> tuple[int, float] | None:
    """Return the number of cold users of all windows and their mean recall, None if there are none."""
    cold = [window["cold_users"] for window in windows if "cold_users" in window]
    recalls = [(each["users"], each["recall"][0]) for each in cold if each["recall"]]
    users = sum(number for number, _ in recalls)
    return (users, sum(number * recall for number, recall in recalls) / users) if users else None


def median_ratio(
    windows: Sequence[WindowResult], model: str, baseline: str, protocol: Protocol, metric: str
) -> float | None:
    """Return the median over windows of model over baseline.

    Windows without users on the protocol are left out.

    Returns:
        None if no window is left, or if the baseline is 0 in one.
    """
    pairs = [
        (window["models"][model][protocol][metric][0], window["models"][baseline][protocol][metric][0])
        for window in windows
        if window["models"][model][protocol]
    ]
    if not pairs or any(baseline_mean == 0 for _, baseline_mean in pairs):
        return None
    return float(np.median([mean / baseline_mean for mean, baseline_mean in pairs]))


def ratios_to_best(windows: Sequence[WindowResult], model: str, protocol: Protocol, metric: str) -> list[float]:
    """Return the ratio of the model to the best baseline of each window.

    This is harder than the ratio to any single baseline, because the best one differs between windows. Baselines are
    those that models are compared with and that are not compared themselves. Windows without users on the protocol are
    left out.

    Returns:
        In the order of the windows; empty if no window or no baseline is left, or if the best baseline is 0 in one.
    """
    compared = compared_models(windows)
    baselines = {baseline for names in compared.values() for baseline in names} - set(compared)
    results = [window["models"] for window in windows if window["models"][model][protocol]]
    best = [max((models[name][protocol][metric][0] for name in baselines), default=0.0) for models in results]
    if 0 in best:
        return []
    return [models[model][protocol][metric][0] / highest for models, highest in zip(results, best, strict=True)]


def _summarize_ratios_to_best(windows: Sequence[WindowResult], model: str) -> RatiosToBest:
    """Return the ratios of all metrics on which the model is compared in any window."""
    ratios: RatiosToBest = {"all": {}, "new": {}}
    for protocol in PROTOCOLS:
        compared = [each[protocol] for window in windows for each in window["comparisons"].get(model, {}).values()]
        for metric in dict.fromkeys(metric for metrics in compared for metric in metrics):
            found = ratios_to_best(windows, model, protocol, metric)
            if found:
                ratios[protocol][metric] = {"median": float(np.median(found)), "min": min(found), "max": max(found)}
    return ratios


def _ratios(windows: Sequence[WindowResult], model: str, baseline: str, metric: str) -> Ratios:
    return {
        "all": median_ratio(windows, model, baseline, "all", metric),
        "new": median_ratio(windows, model, baseline, "new", metric),
    }


def _medians(windows: Sequence[WindowResult], model: str) -> Medians:
    medians: Medians = {"all": {}, "new": {}}
    for protocol in PROTOCOLS:
        results = [window["models"][model][protocol] for window in windows if window["models"][model][protocol]]
        medians[protocol] = {
            metric: float(np.median([estimates[metric][0] for estimates in results]))
            for metric in (results[0] if results else {})
        }
    return medians

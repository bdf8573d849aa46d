"""The texts at the top of the report: main result, key figures and protocol."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from evaluation.bootstrap import Estimate
from evaluation.metrics import primary_cutoff
from evaluation.report.formatting import counted, percent, plain, protocols_of, ratio, shortened, significance
from evaluation.report.styles import best_baseline
from evaluation.results import Protocol, Results
from evaluation.summaries import compared_models, median_ratio

_NAME: Final = 60  # characters
_ON: Final[dict[Protocol, str]] = {"all": "all purchases", "new": "items new to the user"}


@dataclass(frozen=True)
class MainResult:
    """The main model compared with the best baseline on one protocol.

    Attributes:
        model: Its name: the first compared model, or the best of all if none is compared.
        k: The primary cutoff.
        recall: Median over windows.
        baseline: Name of the baseline with the highest median recall; None without baselines.
        baseline_recall: Its median recall.
        ratio: Median over windows of the ratio of the two; None if it is undefined.
        differences: Paired difference in each window, with its interval.
    """

    model: str
    k: int
    recall: float
    baseline: str | None = None
    baseline_recall: float | None = None
    ratio: float | None = None
    differences: tuple[Estimate, ...] = ()


@dataclass(frozen=True)
class KeyFigure:
    """One large number and its caption."""

    number: str
    caption: str


def main_result(results: Results, protocol: Protocol) -> MainResult | None:
    """Return the main result on one protocol, or None if the protocol has no users."""
    k = primary_cutoff(results["cutoffs"])
    metric = f"recall@{k}"
    recalls = {name: medians[protocol][metric] for name, medians in results["medians"].items() if medians[protocol]}
    if not recalls:
        return None
    model = next(iter(compared_models(results["windows"])), max(recalls, key=recalls.__getitem__))
    baseline = best_baseline(results, protocol)
    if baseline is None:
        return MainResult(model, k, recalls[model])
    compared = [window["comparisons"].get(model, {}).get(baseline) for window in results["windows"]]
    return MainResult(
        model=model,
        k=k,
        recall=recalls[model],
        baseline=baseline,
        baseline_recall=recalls[baseline],
        ratio=median_ratio(results["windows"], model, baseline, protocol, metric),
        differences=tuple(
            each[protocol][metric]["difference"] for each in compared if each and metric in each[protocol]
        ),
    )


def summary_sentence(result: MainResult, protocol: Protocol) -> str:
    """Return the main result in a sentence or two."""
    text = f"“{shortened(result.model, _NAME)}” has a recall@{result.k} of {percent(result.recall)} on {_ON[protocol]}"
    if result.baseline is None:
        return f"{text}."
    baseline = f"the best baseline, “{shortened(result.baseline, _NAME)}” ({percent(result.baseline_recall)})"
    text += f", compared with {baseline}." if result.ratio is None else f": {ratio(result.ratio)} times {baseline}."
    significant = significance(list(result.differences))
    return f"{text} {significant[0].upper()}{significant[1:]}." if significant else text


def key_figures(results: Results) -> list[KeyFigure]:
    """Return the key figures of the main model."""
    figures = []
    for protocol in protocols_of(results):
        result = main_result(results, protocol)
        if result:
            figures.append(KeyFigure(percent(result.recall), f"recall@{result.k}, {_ON[protocol]}"))
            if result.ratio is not None:
                number = f"{ratio(result.ratio)} \N{MULTIPLICATION SIGN}"
                figures.append(KeyFigure(number, f"recall of the best baseline, {_ON[protocol]}"))
    result = main_result(results, "all")
    if result:
        coverages = [window["models"][result.model]["catalogue_coverage"]["coverage"] for window in results["windows"]]
        figures.append(KeyFigure(percent(float(np.median(coverages))), "catalogue coverage"))
    return figures


def protocol_text(results: Results) -> str:
    """Return the evaluation protocol in one paragraph."""
    windows, run, k = results["windows"], results["run"], primary_cutoff(results["cutoffs"])
    users = sorted({window["users"] for window in windows})
    number = f"{users[0]:,}" if len(users) == 1 else f"{users[0]:,} to {users[-1]:,}"
    first, last = windows[0]["cut_date"], windows[-1]["cut_date"]
    cuts = f"the cut date {first}" if len(windows) == 1 else f"{len(windows)} cut dates, {first} to {last}"
    return (
        f"Backtest with {cuts}. At each cut, models are trained on the data before it and retrieve up to "
        f"{max(results['cutoffs']):,} candidates out of {counted(run['items'], 'item')} for each of {number} users who "
        f"bought before the cut and in the 7 days after it. Recall@{k} is the share of a user's purchases in these 7 "
        f"days that is among the first {k:,} candidates, averaged over users. There are two protocols: all purchases, "
        "and items new to the user, for which lists exclude the items that the user bought before."
    )


def run_text(results: Results) -> str:
    """Return data set, time, commit and seed of the run."""
    run = results["run"]
    return (
        f"Data: {plain(run['dataset'])}; {counted(run['users'], 'user')}, {counted(run['items'], 'item')}, "
        f"{counted(run['purchases'], 'purchase')}. Created {plain(run['created'])} at commit {plain(run['commit'])}, "
        f"seed {run['seed']}, in {run['seconds']:,.0f} seconds."
    )

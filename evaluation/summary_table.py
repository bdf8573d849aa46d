"""The terminal summary of an evaluation: tables of models, filters and ratios to the best baseline."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from evaluation.filter_costs import FilterCosts
from evaluation.metrics import primary_cutoff
from evaluation.results import PROTOCOLS, Protocol, Results
from evaluation.summaries import cold_user_recall
from features.report_table import ReportTable

_NAME: Final = 28  # columns of a model's or filter's name; longer names are abbreviated
_TITLES: Final[dict[Protocol, str]] = {
    "all": "All purchases",
    "new": "Items new to the user (bought items are excluded from the lists)",
}
_NO_VALUE: Final = "-"


def summary_table(results: Results) -> str:
    """Return the tables, at most 100 columns wide. Values are medians over windows, ranges minimum and maximum."""
    windows = results["windows"]
    users = sorted(window["users"] for window in windows)
    title = (
        f"Medians over {len(windows)} weekly windows, cuts {windows[0]['cut_date']} to {windows[-1]['cut_date']}, "
        f"{users[0]:,}-{users[-1]:,} users each.\nR@k: recall among the first k candidates, whole catalogue."
    )
    parts = [
        title,
        *(_model_table(results, protocol) for protocol in PROTOCOLS if _has_users(results, protocol)),
        _cold_users(results),
        _ratio_table(results),
        _filter_table(results),
    ]
    return "\n" + "\n\n".join(part for part in parts if part) + "\n"


def _has_users(results: Results, protocol: Protocol) -> bool:
    return any(medians[protocol] for medians in results["medians"].values())


def _model_table(results: Results, protocol: Protocol) -> str:
    """One row per model: recall at every cutoff, MAP, the range of recall at the primary cutoff, and coverage."""
    first, primary = min(results["cutoffs"]), primary_cutoff(results["cutoffs"])
    metrics = [*(f"recall@{k}" for k in results["cutoffs"]), f"map@{first}"]
    header = [
        "model",
        *(f"R@{k}" for k in results["cutoffs"]),
        f"MAP@{first}",
        f"R@{primary} range",
        *(["coverage"] if protocol == "all" else []),
    ]
    body = []
    for name, medians in results["medians"].items():
        models = [window["models"][name] for window in results["windows"]]
        coverage = np.median([model["catalogue_coverage"]["coverage"] for model in models])
        body.append(
            [
                _shorten(name),
                *(_decimals(medians[protocol].get(metric)) for metric in metrics),
                _range([model[protocol][f"recall@{primary}"][0] for model in models if model[protocol]]),
                *([f"{coverage:.3f}"] if protocol == "all" else []),
            ]
        )
    return _table(_TITLES[protocol], header, body)


def _cold_users(results: Results) -> str:
    cold = cold_user_recall(results["windows"])
    if cold is None:
        return ""
    k = primary_cutoff(results["cutoffs"])
    return f"Not included: {cold[0]:,} cold users, who receive last week's bestsellers (R@{k} {cold[1]:.4f})."


def _ratio_table(results: Results) -> str:
    """One row per compared model and protocol: MAP, and its ratio to the best baseline; empty without comparisons."""
    metric = f"map@{min(results['cutoffs'])}"
    body = []
    for name, ratios in results.get("ratios_to_best", {}).items():
        for protocol in PROTOCOLS:
            models = [window["models"][name][protocol] for window in results["windows"]]
            ratio = ratios[protocol].get(metric)
            body.append(
                [
                    _shorten(name),
                    protocol,
                    _decimals(results["medians"][name][protocol].get(metric)),
                    _range([estimates[metric][0] for estimates in models if estimates]),
                    f"{ratio['median']:.3f}" if ratio else _NO_VALUE,
                    f"{ratio['min']:.3f}-{ratio['max']:.3f}" if ratio else _NO_VALUE,
                ]
            )
    if not body:
        return ""
    name = metric.upper()
    return _table(
        f"{name}, and its ratio to the best baseline of each window",
        ["model", "items", name, "range", "ratio", "range"],
        body,
    )


def _filter_table(results: Results) -> str:
    """One row per filter: dropped candidates, and the change of recall; empty if no filter was measured."""
    filters = FilterCosts.from_windows(results["windows"])
    if not filters:
        return ""
    k = primary_cutoff(results["cutoffs"])
    body = [
        [
            _shorten(f"{each.name}, {each.setting}" if each.setting else each.name),
            "yes" if each.active else "no",
            f"{100 * np.median(each.dropped):.1f} %",
            *(cell for protocol in PROTOCOLS for cell in _changes(each.changes(protocol))),
        ]
        for each in filters
    ]
    return _table(
        f"Filters: share of the first {k:,} candidates dropped, and change of R@{k} in percentage points",
        ["filter", "active", "dropped", "all", "range", "new", "range"],
        body,
    )


def _table(title: str, header: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    return f"{title}\n\n{ReportTable.of(header, body, header[:1]).text()}"


def _shorten(name: str) -> str:
    return name if len(name) <= _NAME else f"{name[: _NAME - 1].rstrip()}…"


def _changes(changes: Sequence[float]) -> tuple[str, str]:
    if not changes:
        return _NO_VALUE, _NO_VALUE
    low, high = 100 * min(changes), 100 * max(changes)
    return f"{100 * np.median(changes):+.2f}", f"{low:+.2f} to {high:+.2f}"


def _range(values: Sequence[float]) -> str:
    return f"{min(values):.4f}-{max(values):.4f}" if values else _NO_VALUE


def _decimals(value: float | None) -> str:
    return _NO_VALUE if value is None else f"{value:.4f}"

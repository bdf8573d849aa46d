"""What an evaluation prints: every model, every filter, and how the models order; medians over the cuts."""

from collections.abc import Mapping

import numpy as np
from tabulate import tabulate

from evaluation.filter_costs import FilterCosts
from evaluation.metrics import primary_cutoff
from evaluation.results import PROTOCOLS, Protocol, RatioToBest, Results
from evaluation.summaries import cold_users_of


def evaluation_table(results: Results) -> str:
    """One row for each model, beneath one for each filter and each order: medians over the cuts, least and largest."""
    k = primary_cutoff(results["cutoffs"])
    measures = [*(f"recall@{cutoff}" for cutoff in results["cutoffs"]), f"map@{min(results['cutoffs'])}"]
    header = ["", *(f"{measure}" for measure in measures), "windows", f"new: recall@{k}", "windows", "coverage"]
    body = []
    for name, medians in results["medians"].items():
        models = [cut["models"][name] for cut in results["windows"]]
        body.append(
            [
                name,
                *(_shown(medians["all"].get(measure)) for measure in measures),
                _range([model["all"][f"recall@{k}"][0] for model in models]),
                _shown(medians["new"].get(f"recall@{k}")),
                _range([model["new"][f"recall@{k}"][0] for model in models if model["new"]]),
                f"{models[-1]['catalogue_coverage']['coverage']:.3f}",
            ]
        )
    table: str = tabulate(body, headers=header, disable_numparse=True)
    cuts = results["windows"]
    cold = cold_users_of(cuts)
    beside = (
        f"\nBeside these {cold[0]:,} users who had never bought before, and are shown last week's bestsellers: "
        f"recall@{k} {cold[1]:.4f}\n"
        if cold
        else ""
    )
    return (
        f"\nMedians over {len(cuts)} cuts, {cuts[0]['cut_date']} to {cuts[-1]['cut_date']}, "
        f"{min(cut['users'] for cut in cuts):,} to {max(cut['users'] for cut in cuts):,} users, whole catalogue:\n\n"
        f"{table}\n{beside}{_filter_table(results, k)}{_order_table(results)}"
    )


def _filter_table(results: Results, k: int) -> str:
    """What filters drop, and recall with them minus recall without any; nothing if none was priced."""
    filters = FilterCosts.of(results["windows"])
    if not filters:
        return ""
    body = [
        [
            each.name,
            each.setting or "-",
            "yes" if each.in_force else "no",
            f"{np.median(each.dropped):.4f}",
            _range(each.dropped),
            *_changed(each.changes("all")),
            *_changed(each.changes("new")),
        ]
        for each in filters
    ]
    header = [
        "filter",
        "setting",
        "in force",
        "dropped",
        "windows",
        f"recall@{k}",
        "windows",
        f"new: recall@{k}",
        "windows",
    ]
    table: str = tabulate(body, headers=header, disable_numparse=True)
    return f"\nFilters: share of {k:,} candidates dropped, and recall with the filter minus without any:\n\n{table}\n"


def _order_table(results: Results) -> str:
    """How far in front the purchases stand, beside the best simple list of each week; nothing if none is compared."""
    measure = f"map@{min(results['cutoffs'])}"
    body = [
        [name, *(cell for each in PROTOCOLS for cell in _in_front(results, name, each, measure, ratios[each]))]
        for name, ratios in results.get("ratios_to_best", {}).items()
    ]
    if not body:
        return ""
    columns = [measure, "windows", "ratio", "windows"]
    header = ["", *columns, f"new: {measure}", *columns[1:]]
    table: str = tabulate(body, headers=header, disable_numparse=True)
    return f"\nOrder: {measure}, and its ratio to that of each week's best simple list:\n\n{table}\n"


def _in_front(
    results: Results, name: str, protocol: Protocol, measure: str, ratios: Mapping[str, RatioToBest]
) -> list[str]:
    """Return the cells of one model on one protocol: its median and range, those of its ratio to the best list."""
    judged = [cut["models"][name][protocol] for cut in results["windows"]]
    ratio = ratios.get(measure)
    return [
        _shown(results["medians"][name][protocol].get(measure)),
        _range([estimates[measure][0] for estimates in judged if estimates]),
        *([f"{ratio['median']:.3f}", f"{ratio['min']:.3f}-{ratio['max']:.3f}"] if ratio else ["-", "-"]),
    ]


def _changed(changes: list[float]) -> list[str]:
    if not changes:
        return ["-", "-"]
    return [f"{np.median(changes):+.4f}", f"{min(changes):+.4f} to {max(changes):+.4f}"]


def _range(values: list[float]) -> str:
    return f"{min(values):.4f}-{max(values):.4f}" if values else "-"


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"

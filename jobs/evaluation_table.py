"""What an evaluation prints: every model and every filter, both protocols side by side, medians over the cuts."""

import numpy as np
from tabulate import tabulate

from evaluation.filter_prices import PricedFilter
from evaluation.measures import judged_at
from evaluation.results import Results
from evaluation.summaries import cold_users_of


def evaluation_table(results: Results) -> str:
    """One row for each model, and beneath one for each filter: medians over the cuts, the least and the largest."""
    k = judged_at(results["cutoffs"])
    measures = [*(f"recall@{cutoff}" for cutoff in results["cutoffs"]), "map@12"]
    header = ["", *(f"{measure}" for measure in measures), "cuts", f"new: recall@{k}", "cuts", "coverage"]
    body = []
    for name, medians in results["medians"].items():
        models = [cut["models"][name] for cut in results["cuts"]]
        body.append(
            [
                name,
                *(_shown(medians["all"].get(measure)) for measure in measures),
                _range([model["all"][f"recall@{k}"][0] for model in models]),
                _shown(medians["new"].get(f"recall@{k}")),
                _range([model["new"][f"recall@{k}"][0] for model in models if model["new"]]),
                f"{models[-1]['breadth']['coverage']:.3f}",
            ]
        )
    table: str = tabulate(body, headers=header, disable_numparse=True)
    cuts = results["cuts"]
    cold = cold_users_of(cuts)
    beside = (
        f"\nBeside these {cold[0]:,} users who had never bought before, and are shown last week's bestsellers: "
        f"recall@{k} {cold[1]:.4f}\n"
        if cold
        else ""
    )
    return (
        f"\nMedians over {len(cuts)} cuts, {cuts[0]['cut']} to {cuts[-1]['cut']}, "
        f"{min(cut['users'] for cut in cuts):,} to {max(cut['users'] for cut in cuts):,} users, whole catalogue:\n\n"
        f"{table}\n{beside}{_filter_table(results, k)}"
    )


def _filter_table(results: Results, k: int) -> str:
    """What filters drop, and recall with them minus recall without any; nothing if none was priced."""
    filters = PricedFilter.of(results["cuts"])
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
    header = ["filter", "setting", "in force", "dropped", "cuts", f"recall@{k}", "cuts", f"new: recall@{k}", "cuts"]
    table: str = tabulate(body, headers=header, disable_numparse=True)
    return f"\nFilters: share of {k:,} candidates dropped, and recall with the filter minus without any:\n\n{table}\n"


def _changed(changes: list[float]) -> list[str]:
    if not changes:
        return ["-", "-"]
    return [f"{np.median(changes):+.4f}", f"{min(changes):+.4f} to {max(changes):+.4f}"]


def _range(values: list[float]) -> str:
    return f"{min(values):.4f}-{max(values):.4f}" if values else "-"


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"

"""The main table of the report: medians of all models on both protocols."""

from dataclasses import dataclass
from typing import Final

from evaluation.metrics import primary_cutoff
from evaluation.report.formatting import NO_VALUE, decimals, metric_name, percent, protocols_of, ratio
from evaluation.report.styles import ROLES, ModelStyle, best_baseline, model_styles
from evaluation.results import Protocol, Results
from evaluation.summaries import median_ratio

RATIO: Final = "ratio"


@dataclass(frozen=True)
class Cell:
    """A number as text, and whether it is the best of its column."""

    text: str
    best: bool = False


@dataclass(frozen=True)
class LeaderboardRow:
    """One model; `heading` is its role where a new role begins, else empty."""

    style: ModelStyle
    heading: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Leaderboard:
    """The table.

    Attributes:
        protocols: Those with users; each has all `columns`.
        columns: Headers below each protocol.
        rows: With protocols times columns cells.
    """

    protocols: tuple[Protocol, ...]
    columns: tuple[str, ...]
    rows: tuple[LeaderboardRow, ...]


def leaderboard(results: Results, metrics: tuple[str, ...]) -> Leaderboard:
    """Return the medians over windows of all models.

    Args:
        results: A whole evaluation.
        metrics: Their names in the results, or `RATIO`: the median over windows of recall over that of the baseline
            with the highest median on the same protocol.
    """
    styles, protocols = model_styles(results), protocols_of(results)
    columns = [_column(results, styles, protocol, metric) for protocol in protocols for metric in metrics]
    rows, role = [], ""
    for number, style in enumerate(styles):
        heading = ROLES[style.role] if style.role != role else ""
        rows.append(LeaderboardRow(style, heading, tuple(column[number] for column in columns)))
        role = style.role
    return Leaderboard(protocols, tuple(_header(metric) for metric in metrics), tuple(rows))


def main_metrics(results: Results) -> tuple[str, ...]:
    """Return the metrics of the main table: recall at every cutoff, MAP, NDCG and the ratio."""
    first = min(results["cutoffs"])
    return (*(f"recall@{k}" for k in results["cutoffs"]), f"map@{first}", f"ndcg@{first}", RATIO)


def hit_rates(results: Results) -> tuple[str, ...]:
    """Return the metrics of the second table."""
    return tuple(f"hit_rate@{k}" for k in results["cutoffs"])


def _header(metric: str) -> str:
    """Return the name of a metric with a space before the cutoff, where narrow headers break: "MAP @12"."""
    return metric_name(metric).replace("@", " @")


def _column(results: Results, styles: tuple[ModelStyle, ...], protocol: Protocol, metric: str) -> list[Cell]:
    values = [
        _ratio(results, style.name, protocol)
        if metric == RATIO
        else results["medians"][style.name][protocol].get(metric)
        for style in styles
    ]
    best = max((value for value in values if value is not None), default=None)
    write = ratio if metric == RATIO else percent if metric.startswith(("recall", "hit_rate")) else decimals
    return [Cell(NO_VALUE) if value is None else Cell(write(value), value == best) for value in values]


def _ratio(results: Results, name: str, protocol: Protocol) -> float | None:
    baseline = best_baseline(results, protocol)
    if baseline is None:
        return None
    return median_ratio(results["windows"], name, baseline, protocol, f"recall@{primary_cutoff(results['cutoffs'])}")

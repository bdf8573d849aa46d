"""All models beside each other on both protocols: the page's main table."""

from dataclasses import dataclass
from typing import Final

from evaluation.metrics import primary_cutoff
from evaluation.report.formatting import NO_VALUE, decimals, percent, times
from evaluation.report.model_styles import ROLES, ModelStyle, best_baseline, contenders_of
from evaluation.report.recall_plots import protocols_of
from evaluation.results import Protocol, Results
from evaluation.summaries import median_ratio

RATIO: Final = "ratio"


@dataclass(frozen=True)
class Cell:
    """A number as text, and whether it is the best of its column."""

    text: str
    best: bool = False


@dataclass(frozen=True)
class Row:
    """One model; `heading` is the kind of model where a new kind begins, else empty."""

    contender: ModelStyle
    heading: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Leaderboard:
    """The table.

    Attributes:
        protocols: Those that had users; each has as many columns as there are in `columns`.
        columns: Headers under each protocol.
        rows: As long as protocols times columns.
    """

    protocols: tuple[Protocol, ...]
    columns: tuple[str, ...]
    rows: tuple[Row, ...]


def leaderboard(results: Results, measures: tuple[str, ...]) -> Leaderboard:
    """Return medians over cuts.

    Args:
        results: A whole evaluation.
        measures: Their names in the results, or `RATIO`: the median over cuts of recall over that of the baseline
            with the highest median on the same protocol, which has 1.00 itself.
    """
    contenders, protocols = contenders_of(results), protocols_of(results)
    columns = [_column(results, contenders, protocol, measure) for protocol in protocols for measure in measures]
    kinds = [contender.role for contender in contenders]
    return Leaderboard(
        protocols=protocols,
        columns=tuple(_header(measure) for measure in measures),
        rows=tuple(
            Row(
                contender,
                ROLES[contender.role] if contender.role not in kinds[:place] else "",
                tuple(column[place] for column in columns),
            )
            for place, contender in enumerate(contenders)
        ),
    )


def main_measures(results: Results) -> tuple[str, ...]:
    """Return the measures of the main table: recall at every cut-off, MAP, NDCG and the ratio."""
    first = min(results["cutoffs"])
    return (*(f"recall@{k}" for k in results["cutoffs"]), f"map@{first}", f"ndcg@{first}", RATIO)


def hit_rates(results: Results) -> tuple[str, ...]:
    """Return the measures of the second table."""
    return tuple(f"hit_rate@{k}" for k in results["cutoffs"])


def _header(measure: str) -> str:
    """Write a measure as two words, between which a narrow header may break: "MAP @12"."""
    if measure == RATIO:
        return measure
    name, _, cutoff = measure.partition("@")
    return f"{name.upper() if name in {'map', 'ndcg'} else name.replace('_', ' ')} @{cutoff}"


def _column(results: Results, contenders: tuple[ModelStyle, ...], protocol: Protocol, measure: str) -> list[Cell]:
    """Return a column's cells, the best (or all equally good ones) marked."""
    values = [
        _ratio(results, contender.name, protocol)
        if measure == RATIO
        else results["medians"][contender.name][protocol].get(measure)
        for contender in contenders
    ]
    best = max((value for value in values if value is not None), default=None)
    write = times if measure == RATIO else percent if measure.startswith(("recall", "hit_rate")) else decimals
    return [Cell(NO_VALUE) if value is None else Cell(write(value), value == best) for value in values]


def _ratio(results: Results, name: str, protocol: Protocol) -> float | None:
    baseline = best_baseline(results, protocol)
    if baseline is None:
        return None
    return median_ratio(results["windows"], name, baseline, protocol, f"recall@{primary_cutoff(results['cutoffs'])}")

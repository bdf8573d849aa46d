"""What the leak check prints."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tabulate import tabulate

from features.progress import Stopwatch
from pipelines.leakage.differences import Difference
from pipelines.leakage.stages import Stage


@dataclass(frozen=True)
class TimedStage:
    """A stage and how long it took."""

    stage: Stage
    seconds: float


def timed(stages: Iterable[Stage]) -> list[TimedStage]:
    """Go through stages that are computed when asked for."""
    watch, done, before = Stopwatch(), [], 0.0
    for stage in stages:
        now = watch.seconds
        done.append(TimedStage(stage, now - before))
        before = now
    return done


def summary(stages: list[TimedStage]) -> str:
    """One row for each stage."""
    header = ["compared", "as of (UTC)", "questions", "rows", "values", "columns that differ", "seconds"]
    body = [
        [
            timed_stage.stage.name,
            _shown(timed_stage.stage.moment) if timed_stage.stage.moment else "each row's stamp",
            len(comparisons := timed_stage.stage.comparisons),
            f"{sum(comparison.rows for comparison in comparisons):,}",
            f"{sum(comparison.rows * comparison.columns for comparison in comparisons):,}",
            sum(len(comparison.differences) for comparison in comparisons),
            f"{timed_stage.seconds:.0f}",
        ]
        for timed_stage in stages
    ]
    table: str = tabulate(body, headers=header, disable_numparse=True, colalign=("left", "left", *["right"] * 5))
    return table


def leaks(stages: list[TimedStage], views: set[str]) -> list[str]:
    """A paragraph for every column that differs somewhere, with the first rows; then what to do.

    Args:
        stages: what was compared.
        views: names of the feature views that there are; a list or a vocabulary comes from none.
    """
    found: dict[tuple[str, str], list[tuple[Stage, Difference]]] = {}
    for stage in (timed_stage.stage for timed_stage in stages):
        for comparison in stage.comparisons:
            for difference in comparison.differences:
                found.setdefault((difference.view, difference.column), []).append((stage, difference))
    advice = dict.fromkeys(stage.advice for where in found.values() for stage, _ in where)
    return [
        *(
            f"LEAK: {'feature view ' if view in views else ''}{view}, column {column}\n{_where_first(where)}"
            for (view, column), where in found.items()
        ),
        *(f"What to do: {sentence}" for sentence in advice),
    ]


def _where_first(where: list[tuple[Stage, Difference]]) -> str:
    stage, difference = where[0]
    rows = [[*map(_shown, row.key), *_shown_apart(row.expected, row.found)] for row in difference.rows]
    columns = difference.keys if difference.rows[0].key else ()
    table = tabulate(rows, headers=[*columns, "expected", "found"], disable_numparse=True)
    moment = f" as of {_shown(stage.moment)}" if stage.moment else ""
    again = f"\n\nOther comparisons that find it: {len(where) - 1}" if where[1:] else ""
    return (
        f"{stage.name}{moment}; {difference.question}\n"
        f"rows that differ: {difference.count:,}; the first:\n\n{table}{again}"
    )


def _shown_apart(expected: Any, found: Any) -> tuple[str, str]:
    """Both values, with all their digits if nine do not tell them apart."""
    one, other = _shown(expected), _shown(found)
    return (repr(expected), repr(found)) if one == other else (one, other)


def _shown(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, float):
        return f"{value:.9g}"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S.%f}".removesuffix(".000000")
    if isinstance(value, list | tuple):
        return ", ".join(map(_shown, value)) or "nothing"
    return str(value)

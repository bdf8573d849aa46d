"""The results of the leakage test for people to read: a summary, and each leak with its first rows."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from features.progress import Stopwatch
from features.report_table import ReportTable
from features.text import counted
from pipelines.leakage.comparison import Difference
from pipelines.leakage.stages import StageResult


@dataclass(frozen=True)
class TimedStage:
    """The result of a stage and the seconds it took."""

    result: StageResult
    seconds: float


def run_timed(stages: Iterable[StageResult]) -> list[TimedStage]:
    """Run stages that are computed one by one as they are iterated over."""
    watch, done, before = Stopwatch(), [], 0.0
    for result in stages:
        now = watch.seconds
        done.append(TimedStage(result, now - before))
        before = now
    return done


def summary_table(stages: Sequence[TimedStage]) -> ReportTable:
    """Return a row for each stage."""
    columns = ["compared", "as of (UTC)", "snapshots", "rows", "columns\nthat differ", "seconds"]
    rows = []
    for stage in stages:
        comparisons, moment = stage.result.comparisons, stage.result.moment
        rows.append([
            stage.result.name,
            _shown(moment) if moment else "each row",
            len(comparisons),
            f"{sum(comparison.rows for comparison in comparisons):,}",
            sum(len(comparison.differences) for comparison in comparisons),
            f"{stage.seconds:.0f}",
        ])  # fmt: skip
    return ReportTable.of(columns, rows, columns[:2])


@dataclass(frozen=True)
class Leak:
    """A column that differs in at least one stage.

    Attributes:
        view: its feature view, or the origin of a list or an encoding.
        column: its name.
        found_by: the stages and snapshots that differ, in the order in which they were compared.
        rows: number of different rows in the first of them.
        first_rows: key, expected and found value of the first different rows.
    """

    view: str
    column: str
    found_by: tuple[str, ...]
    rows: int
    first_rows: ReportTable

    def heading(self) -> str:
        """Return lines that name the column, where it differs first, and in how many other comparisons."""
        others = len(self.found_by) - 1
        also = f", and by {counted(others, 'other comparison')}" if others else ""
        return (
            f"LEAK in {self.view}, column {self.column}: {counted(self.rows, 'different row')}\n"
            f"found by {self.found_by[0]}{also}"
        )


def find_leaks(stages: Sequence[TimedStage]) -> list[Leak]:
    """Return a leak for each column that differs somewhere."""
    found: dict[tuple[str, str], list[tuple[StageResult, Difference]]] = {}
    for result in (stage.result for stage in stages):
        for comparison in result.comparisons:
            for difference in comparison.differences:
                found.setdefault((difference.view, difference.column), []).append((result, difference))
    return [
        Leak(
            view,
            column,
            tuple(_place(result, difference) for result, difference in differences),
            differences[0][1].count,
            _first_rows(differences[0][1]),
        )
        for (view, column), differences in found.items()
    ]


def advice(stages: Sequence[TimedStage]) -> list[str]:
    """Return what to do, once for each kind of stage that found a difference."""
    results = (stage.result for stage in stages)
    return list(dict.fromkeys(result.advice for result in results if any(c.differences for c in result.comparisons)))


def verdict(leaks: Sequence[Leak], uncompared: Sequence[str], *, allow_uncompared: bool) -> tuple[bool, str]:
    """Return whether the test is passed, and a sentence that says so.

    Args:
        leaks: columns that differ.
        uncompared: feature services that could not be compared.
        allow_uncompared: whether the test can be passed without these.
    """
    if leaks:
        return False, f"leakage test failed: {counted(len(leaks), 'leaking column')}"
    services = counted(len(uncompared), "feature service")
    if uncompared and not allow_uncompared:
        return False, f"leakage test incomplete: {services} not compared (--allow-uncompared accepts this)"
    return True, f"leakage test passed{f', {services} not compared' if uncompared else ''}"


def _place(result: StageResult, difference: Difference) -> str:
    moment = f" as of {_shown(result.moment)}" if result.moment else ""
    return f"{result.name}{moment}; {difference.snapshot}"


def _first_rows(difference: Difference) -> ReportTable:
    rows = [[*map(_shown, row.key), *_shown_apart(row.expected, row.found)] for row in difference.rows]
    columns = [*(difference.keys if difference.rows[0].key else ()), "expected", "found"]
    return ReportTable.of(columns, rows, columns)


def _shown_apart(expected: Any, found: Any) -> tuple[str, str]:
    """Return both values, with all their digits if they are equal in the first nine."""
    texts = _shown(expected), _shown(found)
    return (repr(expected), repr(found)) if texts[0] == texts[1] else texts


def _shown(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, float):
        return f"{value:.9g}"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S.%f}".removesuffix(".000000")
    if isinstance(value, list | tuple):
        return ", ".join(map(_shown, value)) or "empty"
    return str(value)

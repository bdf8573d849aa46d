"""Faults injected into all jobs: killed, run at once, without disk space, on tampered files, on hostile ids.

    python benchmarks/kill_test.py
    python benchmarks/kill_test.py --quick
    python benchmarks/kill_test.py --only kills --job materialize --verbose

On a small shop of the toy data, each job goes from one whole state to another. After a fault, readers must see one of
the two, whole, or be refused with one sentence; the next run must succeed, and leave no scratch files. A result that
is wrong or mixed with exit status 0 is silent, and there must be none. Prints a Markdown table, then each failure; the
exit status is 1 if there is any. Linux only.
"""

import sys
import time
from collections.abc import Iterator
from functools import partial
from random import Random
from typing import TYPE_CHECKING

import click

from features.report_table import ReportTable
from jobs import console

if TYPE_CHECKING:
    from fault_injection.workers import Task

KINDS = ("kills", "tampering", "ids", "disks", "pairs")


@click.command()
@click.option("--trials", type=click.IntRange(1), default=200, show_default=True, help="Kills, about; others in ratio.")
@click.option("--quick", is_flag=True, help="A few faults of each kind.")
@click.option("--only", type=click.Choice(KINDS), multiple=True, help="A kind of faults; may be repeated.")
@click.option("--job", "jobs", multiple=True, help="Of kills and disks: begin of a job's name; may be repeated.")
@click.option("--workers", type=click.IntRange(1), default=2, show_default=True, help="Processes.")
@click.option("--verbose", is_flag=True, help="Print each trial to stderr.")
@console.seed_option
def main(
    trials: int, *, quick: bool, only: tuple[str, ...], jobs: tuple[str, ...], workers: int, verbose: bool, seed: int
) -> None:
    """Print how many faults were tried, survived and silent."""
    started, commit = time.monotonic(), console.commit()
    from fault_injection.forks import import_everything

    import_everything()
    from fault_injection.workers import run_tasks

    found = []
    for trial in run_tasks(_tasks(10 if quick else trials, only or KINDS, jobs, seed), workers, console.ROOT):
        found.append(trial)
        if verbose:
            print(f"{time.monotonic() - started:6.0f} s  {trial}", file=sys.stderr, flush=True)
    kinds = list(dict.fromkeys(sorted(trial.kind for trial in found)))
    groups = [*((kind, [trial for trial in found if trial.kind == kind]) for kind in kinds), ("all", found)]
    rows = [
        [kind, len(group), sum(trial.survived for trial in group), sum(bool(trial.silent) for trial in group)]
        for kind, group in groups
    ]
    print(ReportTable.of(["fault", "tried", "survived", "silent"], rows, ["fault"]).markdown())
    print(f"\nseed {seed}, commit {commit}, {time.monotonic() - started:,.0f} s")
    failures = [trial for trial in found if not trial.survived]
    for trial in failures:
        print(f"\n{trial.kind}: {trial.name}")
        for label, problems in (("silent", trial.silent), ("failed", trial.failed)):
            for problem in problems:
                print(f"  {label}: {problem}")
    sys.exit(1 if failures else 0)


def _tasks(trials: int, only: tuple[str, ...], jobs: tuple[str, ...], seed: int) -> "list[Task]":
    """The tasks of some kinds of faults, the longest first."""
    from fault_injection.full_disks import fill_disk
    from fault_injection.hostile_ids import try_hostile_ids
    from fault_injection.kills import kill
    from fault_injection.pairs import PAIRS, run_pair
    from fault_injection.project import Project
    from fault_injection.scenarios import SCENARIOS, Rehearsal, Scenario
    from fault_injection.tampering import TAMPERINGS, tamper
    from fault_injection.verdict import Trial
    from fault_injection.workers import Task

    def chance(name: object) -> Random:
        return Random(f"{seed} {name}")  # noqa: S311 - draws faults

    def kill_job(scenario: Scenario, project: Project) -> Iterator[Trial]:
        return kill(Rehearsal.of(scenario, project), max(1, trials // len(SCENARIOS)), chance(f"kill {scenario.name}"))

    def fill_disk_of_job(scenario: Scenario, project: Project) -> Iterator[Trial]:
        few = trials // (4 * len(SCENARIOS))
        return fill_disk(Rehearsal.of(scenario, project), few, chance(f"disk {scenario.name}"))

    def tamper_files(project: Project) -> Iterator[Trial]:
        return tamper(project, max(1, trials * len(TAMPERINGS) // 200), chance("tamper"))

    def run_one_pair(number: int, project: Project) -> Iterator[Trial]:
        yield run_pair(project, PAIRS[number % len(PAIRS)], chance(f"pair {number}"))

    scenarios = [each for each in SCENARIOS if not jobs or each.name.startswith(jobs)]
    tasks: dict[str, list[Task]] = {
        "kills": [partial(kill_job, scenario) for scenario in scenarios],
        "tampering": [tamper_files],
        "ids": [try_hostile_ids],
        "disks": [partial(fill_disk_of_job, scenario) for scenario in scenarios],
        "pairs": [partial(run_one_pair, number) for number in range(max(1, trials // 10))],
    }
    return [task for kind in KINDS if kind in only for task in tasks[kind]]


if __name__ == "__main__":
    main()

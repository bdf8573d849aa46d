"""Two jobs at once: each result is whole, as if one had run after the other, or one of them is refused."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

from fault_injection import readers
from fault_injection.forks import FEAST, Command, Ended, Fork, run
from fault_injection.project import DATA_END, RELEASE_END, Project
from fault_injection.readers import Reader, Seen
from fault_injection.scenarios import BASE
from fault_injection.verdict import Trial

PAIR: Final = "two jobs at once"
_BETWEEN: Final = "2020-01-25"


@dataclass(frozen=True)
class Pair:
    """Two jobs, and the readers of what they write.

    Attributes:
        first: starts first.
        second: starts up to as many seconds later as the first one takes.
        readers: of what they write.
        prepare: changes the base state before.
    """

    first: Callable[[Project], Command]
    second: Callable[[Project], Command]
    readers: Sequence[Reader]
    prepare: Callable[[Project], None] = lambda _: None


def _materialize(project: Project) -> Command:
    return project.materialize(DATA_END)


def _refill(project: Project) -> Command:
    return project.materialize(RELEASE_END, "--from-scratch")


def _generate_offline(project: Project) -> Command:
    return project.generate(12, None, "--features", "offline")


def _build_demo(project: Project) -> Command:
    """Build the demo's tables, in the place of the shop's."""
    command = project.build()
    arguments = [str(project.demo) if each == str(project.raw("second")) else each for each in command.arguments]
    return Command.of(command.job, *arguments)


_ONLINE, _FILE, _TABLES = readers.online_candidates, readers.shown_candidates, readers.feature_tables
_REGISTRY, _TOWERS = readers.declarations, readers.saved_towers
PAIRS: Final = (
    Pair(Project.build, Project.train, [_TABLES, _ONLINE]),
    Pair(Project.build, Project.generate, [_TABLES, _FILE]),
    Pair(Project.build, _generate_offline, [_TABLES, _FILE]),
    Pair(Project.build, _materialize, [_TABLES, _ONLINE]),
    Pair(Project.build, lambda project: project.build("first"), [_TABLES]),
    Pair(_materialize, Project.generate, [_ONLINE, _FILE]),
    Pair(_materialize, lambda project: project.materialize(_BETWEEN), [_ONLINE]),
    Pair(_materialize, _refill, [_ONLINE]),
    Pair(_materialize, Project.train, [_ONLINE]),
    Pair(Project.train, lambda project: project.train(3), [_ONLINE]),
    Pair(Project.train, Project.generate, [_ONLINE, _FILE]),
    Pair(Project.train, Project.export, [_ONLINE, _TOWERS]),
    Pair(Project.apply, _materialize, [_REGISTRY, _ONLINE], Project.declare_differently),
    Pair(Project.apply, Project.generate, [_REGISTRY, _FILE], Project.declare_differently),
    Pair(Project.apply, Project.apply, [_REGISTRY, _ONLINE], Project.declare_differently),
    Pair(Project.generate, lambda project: project.generate(6), [_FILE, readers.candidate_file]),
    Pair(Project.generate, Project.show, [_FILE]),
    Pair(Project.export, Project.export, [_TOWERS]),
    Pair(Project.fetch, lambda project: project.fetch("first"), [readers.demo_tables]),
    Pair(Project.fetch, _build_demo, [readers.demo_tables, _TABLES]),
)


def run_pair(project: Project, pair: Pair, chance: Random) -> Trial:
    """Run two jobs one after the other, in both orders, to learn the whole states; then at once."""
    _begin(project, pair)
    begin = readers.observe(project, pair.readers)
    first_alone, both, seconds = _run_in_order(project, pair, (pair.first, pair.second))
    second_alone, both_reversed, _ = _run_in_order(project, pair, (pair.second, pair.first))
    _begin(project, pair)
    delay = chance.uniform(0, 0.8 * seconds)
    commands = pair.first(project), pair.second(project)
    name = " + ".join(_describe(command, project) for command in commands)
    trial = Trial(PAIR, f"{name}, the second after {delay:.3f} s")
    forks = Fork(commands[0].call), Fork(lambda: _call_after(commands[1], delay))
    ended = [fork.wait() for fork in forks]
    for command, each in zip(commands, ended, strict=True):
        if each.status and not each.refusal and command.job != FEAST:
            trial.failed.append(f"{command.job} ends without a clear message: {each.last_line[:300]}")
    allowed = {
        (True, True): [both, both_reversed], (True, False): [first_alone], (False, True): [second_alone],
        (False, False): [begin],
    }[ended[0].status == 0, ended[1].status == 0]  # fmt: skip
    if not any(each.status == 0 for each in ended):
        trial.failed.append(f"both are refused: {ended[0].last_line[:200]}; {ended[1].last_line[:200]}")
    trial.compare(readers.observe(project, pair.readers), allowed, f"with status {[each.status for each in ended]}")
    trial.expect_no_leftovers(project.leftovers())
    return trial


def _run_in_order(
    project: Project, pair: Pair, order: Sequence[Callable[[Project], Command]]
) -> tuple[dict[str, Seen], dict[str, Seen], float]:
    """What readers see after the first job, and after both, and the seconds of the first; some may be refused."""
    _begin(project, pair)
    ended: list[Ended] = [run(order[0](project))]
    middle = readers.observe(project, pair.readers)
    run(order[1](project))
    return middle, readers.observe(project, pair.readers), ended[0].seconds


def _begin(project: Project, pair: Pair) -> None:
    project.restore(BASE)
    pair.prepare(project)


def _call_after(command: Command, seconds: float) -> None:
    time.sleep(seconds)
    command.call()


def _describe(command: Command, project: Project) -> str:
    arguments = " ".join(command.arguments).replace(f"{project.folder}/", "")
    return f"{command.job} {arguments}"

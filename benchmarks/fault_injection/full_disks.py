"""A disk that becomes full or read-only at a write, and files that cannot grow."""

import re
from collections.abc import Iterator
from random import Random
from typing import Final

from fault_injection.forks import FEAST, Command, Ended, Fork
from fault_injection.scenarios import Rehearsal, run_hooked, survive
from fault_injection.verdict import Trial
from fault_injection.write_hook import Fault, WriteHook, limit_file_size

FULL: Final = "disk full"
READ_ONLY: Final = "disk read-only"
LIMITED: Final = "file size limited"
_FAULTS: Final[dict[str, Fault]] = {FULL: "full", READ_ONLY: "read-only"}
_KILOBYTES: Final = (0, 1, 4, 16, 64, 256)


def fill_disk(rehearsal: Rehearsal, trials: int, chance: Random) -> Iterator[Trial]:
    """Let the writes of a job fail from one on, with each of the two errors; and those beyond a size.

    Args:
        rehearsal: of the job.
        trials: how many, at most, of each error and of the sizes; if 0, one in all. Of writes of one kind to files of
            one kind, such as arrays of a release, one is drawn.
        chance: draws.
    """
    kinds = (*_FAULTS, LIMITED) if trials else (chance.choice((*_FAULTS, LIMITED)),)
    trials = max(1, trials)
    groups: dict[str, list[int]] = {}
    for number, write in enumerate(rehearsal.writes):
        groups.setdefault(re.sub(r"[\w-]+(?=\.\w+$)|(?<=scratch-)\w+", "*", write), []).append(number)
    drawn = [chance.choice(numbers) for numbers in groups.values()]
    for kind in (kind for kind in _FAULTS if kind in kinds):
        for number in sorted(chance.sample(drawn, min(trials, len(drawn)))):
            yield _fail_from(rehearsal, kind, number)
    for kilobytes in sorted(chance.sample(_KILOBYTES, min(trials, len(_KILOBYTES)))) if LIMITED in kinds else ():
        yield _limit(rehearsal, kilobytes)


def _fail_from(rehearsal: Rehearsal, kind: str, number: int) -> Trial:
    trial = Trial(kind, f"{rehearsal.scenario.name}, from write {number}: {rehearsal.writes[number]}")
    rehearsal.begin()
    ended = run_hooked(rehearsal.command, WriteHook(rehearsal.project.root, _FAULTS[kind], number))
    return _judge(trial, rehearsal, ended)


def _limit(rehearsal: Rehearsal, kilobytes: int) -> Trial:
    trial = Trial(LIMITED, f"{rehearsal.scenario.name}, files of at most {kilobytes} kB")
    rehearsal.begin()

    def work() -> None:
        limit_file_size(1024 * kilobytes)
        rehearsal.command.call()

    return _judge(trial, rehearsal, Fork(work).wait())


def _judge(trial: Trial, rehearsal: Rehearsal, ended: Ended) -> Trial:
    if ended.status and not ended.refusal and not _is_feast(rehearsal.command):
        trial.failed.append(f"the job ends without a clear message: {ended.last_line[:300]}")
    survive(trial, rehearsal, "after the fault", done=ended.status == 0)
    return trial


def _is_feast(command: Command) -> bool:
    """Whether the messages are Feast's own."""
    return command.job == FEAST

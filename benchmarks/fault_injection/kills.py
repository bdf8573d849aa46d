"""SIGKILL before each write that readers may see, and at random times."""

from collections.abc import Iterator
from random import Random
from typing import Final

from fault_injection.forks import Fork
from fault_injection.scenarios import Rehearsal, run_hooked, survive
from fault_injection.verdict import Trial
from fault_injection.write_hook import WriteHook

CHOSEN: Final = "killed before a write"
RANDOM: Final = "killed at a random time"


def kill(rehearsal: Rehearsal, trials: int, chance: Random) -> Iterator[Trial]:
    """Kill a job before each of its visible writes, and at random times.

    Args:
        rehearsal: of the job.
        trials: about how many kills. A job with more than twice as many visible writes is killed at some of them.
        chance: decides on times.
    """
    points = list(range(len(rehearsal.visible)))
    if len(points) > 2 * trials:
        points = sorted(chance.sample(points, (trials + 1) // 2))
    for number in points:
        yield _kill_before_write(rehearsal, number)
    for _ in range(max(trials - len(points), trials // 4)):
        yield _kill_after(rehearsal, chance.uniform(0.02, rehearsal.seconds))


def _kill_before_write(rehearsal: Rehearsal, number: int) -> Trial:
    trial = Trial(CHOSEN, f"{rehearsal.scenario.name}, write {number}: {rehearsal.visible[number]}")
    rehearsal.begin()
    hook = WriteHook(rehearsal.project.root, "kill", number, visible=True)
    ended = run_hooked(rehearsal.command, hook)
    if not ended.was_killed:
        trial.failed.append(f"the job was not killed, and ended with status {ended.status}: {ended.last_line}")
    survive(trial, rehearsal, "after the kill")
    return trial


def _kill_after(rehearsal: Rehearsal, seconds: float) -> Trial:
    trial = Trial(RANDOM, f"{rehearsal.scenario.name}, after {seconds:.3f} of {rehearsal.seconds:.3f} s")
    rehearsal.begin()
    Fork(rehearsal.command.call).wait(kill_after=seconds)
    survive(trial, rehearsal, "after the kill")
    return trial

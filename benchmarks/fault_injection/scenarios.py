"""Each job on its way from one whole state to another, and what readers see in both."""

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from fault_injection import readers
from fault_injection.forks import Command, Ended, Fork, run
from fault_injection.project import DATA_END, RELEASE_END, Project
from fault_injection.readers import Reader, Seen
from fault_injection.verdict import Trial
from fault_injection.write_hook import WriteHook

BASE: Final = "base"
_WRITES: Final = "writes.json"


@dataclass(frozen=True)
class Scenario:
    """A job, the state before it, and its readers.

    Attributes:
        name: of the job, and in which state it begins.
        command: the job.
        readers: of what it writes.
        prepare: changes the base state before the job.
    """

    name: str
    command: Callable[[Project], Command]
    readers: Sequence[Reader]
    prepare: Callable[[Project], None] = lambda _: None


def _remove_demo(project: Project) -> None:
    shutil.rmtree(project.demo)


def _remove_registry(project: Project) -> None:
    (project.root / "data" / "registry.db").unlink()


def _rebuild(project: Project) -> None:
    """The tables were corrected after the store was filled: the moment is the same, the rows are not."""
    run(project.build("second"))


SCENARIOS: Final = (
    Scenario("fetch_demo_data, first", Project.fetch, [readers.demo_tables], _remove_demo),
    Scenario("fetch_demo_data, again", Project.fetch, [readers.demo_tables]),
    Scenario(
        "build_features", Project.build, [readers.feature_tables, readers.offline_candidates, readers.online_candidates]
    ),
    Scenario("feast apply, first", Project.apply, [readers.declarations, readers.online_candidates], _remove_registry),
    Scenario(
        "feast apply, again",
        Project.apply,
        [readers.declarations, readers.online_candidates],
        Project.declare_differently,
    ),
    Scenario("train", Project.train, [readers.online_candidates]),
    Scenario("materialize", lambda project: project.materialize(DATA_END), [readers.online_candidates]),
    Scenario(
        "materialize --from-scratch",
        lambda project: project.materialize(RELEASE_END, "--from-scratch"),
        [readers.online_candidates],
        _rebuild,
    ),
    Scenario("generate_candidates", Project.generate, [readers.shown_candidates, readers.candidate_file]),
    Scenario("export_towers", Project.export, [readers.saved_towers]),
)


@dataclass(frozen=True, eq=False)
class Rehearsal:
    """A scenario that was run once without a fault.

    Attributes:
        scenario: the scenario.
        project: where it runs.
        before: what readers see before the job.
        after: what they see afterwards.
        seconds: of the job.
        writes: all of the job.
        visible: those that readers may see.
    """

    scenario: Scenario
    project: Project
    before: dict[str, Seen]
    after: dict[str, Seen]
    seconds: float
    writes: list[str]
    visible: list[str]

    @classmethod
    def of(cls, scenario: Scenario, project: Project) -> "Rehearsal":
        """Run the job.

        Raises:
            RuntimeError: the job fails, or changes nothing that a reader sees.
        """
        project.restore(BASE)
        scenario.prepare(project)
        project.save(_state(scenario))
        before = readers.observe(project, scenario.readers)
        project.restore(_state(scenario))
        ended = run_hooked(scenario.command(project), WriteHook(project.root))
        if ended.status:
            raise RuntimeError(f"{scenario.name} fails without a fault: {ended.stderr}")
        writes = json.loads((project.folder / _WRITES).read_text(encoding="utf-8"))
        after = readers.observe(project, scenario.readers)
        if before == after or any(seen.kind == "crashed" for seen in (*before.values(), *after.values())):
            raise RuntimeError(f"{scenario.name} does not lead from one state to another: {before}, {after}")
        return cls(scenario, project, before, after, ended.seconds, *writes)

    @property
    def command(self) -> Command:
        """The job."""
        return self.scenario.command(self.project)

    def begin(self) -> None:
        """Return to the state before the job."""
        self.project.restore(_state(self.scenario))

    def observe(self) -> dict[str, Seen]:
        """What readers see now."""
        return readers.observe(self.project, self.scenario.readers)


def run_hooked(command: Command, hook: WriteHook) -> Ended:
    """Run a job in a fork under a hook, which leaves its writes in a file beside the project."""

    def work() -> None:
        hook.install()
        try:
            command.call()
        finally:
            (hook.root.parent / _WRITES).write_text(json.dumps([hook.seen, hook.seen_by_readers]), encoding="utf-8")

    return Fork(work).wait()


def survive(trial: Trial, rehearsal: Rehearsal, when: str, *, done: bool = False) -> None:
    """Read what a fault has left, run the job again, and read again.

    Args:
        trial: records what is wrong.
        rehearsal: of the job.
        when: for messages, such as "after the kill".
        done: whether the job ended with status 0, so that readers must see its result.
    """
    seen = rehearsal.observe()
    trial.compare(seen, [rehearsal.after] if done else [rehearsal.before, rehearsal.after], when)
    if done:
        lost = [reader for reader, each in rehearsal.after.items() if each.kind != seen[reader].kind]
        trial.silent += [f"{when}, with status 0, {reader} is {seen[reader].kind}" for reader in lost]
    ended = run(rehearsal.command)
    # The export takes a new folder only: it is done already if the fault came after the rename.
    exists = rehearsal.scenario.command is Project.export and "exists" in (ended.refusal or "")
    if ended.status and not exists:
        trial.failed.append(f"the next run fails: {ended.last_line[:300]}")
    trial.expect(rehearsal.observe(), rehearsal.after, "after the next run")
    trial.expect_no_leftovers(rehearsal.project.leftovers())


def _state(scenario: Scenario) -> str:
    return "".join(char if char.isalnum() else "-" for char in f"state {scenario.name}")

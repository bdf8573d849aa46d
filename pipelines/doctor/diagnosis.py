"""The diagnosis of a project: the state of all parts, and the next command."""

from collections.abc import Callable
from dataclasses import dataclass

from features.errors import InputError
from pipelines.doctor.files import check_candidates, check_feature_tables, check_raw_tables, check_versions
from pipelines.doctor.finding import Finding, Found, Project
from pipelines.doctor.stores import check_catalogue, check_online_store, check_registry, check_release


@dataclass(frozen=True)
class Diagnosis:
    """The state of all parts.

    Attributes:
        findings: by name of the part, in the order of the data flow.
    """

    findings: dict[str, Finding]

    @property
    def broken(self) -> bool:
        """Whether a part cannot be used."""
        return any(finding.state == "broken" for finding in self.findings.values())

    @property
    def next_command(self) -> str:
        """The command of the first part that has one, or the one that shows candidates."""
        commands = (finding.command for finding in self.findings.values() if finding.command)
        return next(commands, "python jobs/show_candidates.py")


def diagnose(project: Project, commit: str | None) -> Diagnosis:
    """Check all parts of a project without changing any.

    Args:
        project: where the parts are.
        commit: of the code, if it is known.
    """
    found = Found()
    checks: dict[str, tuple[Callable[[], Finding], str]] = {
        "versions": (lambda: check_versions(commit), ""),
        "raw tables": (lambda: check_raw_tables(project), ""),
        "feature tables": (lambda: check_feature_tables(project.tables), "python jobs/build_features.py"),
        "registry": (lambda: check_registry(project.repo, found), f"feast -c {project.repo} apply"),
        "release": (lambda: check_release(project.releases, found), "python jobs/train.py"),
        "online store": (lambda: check_online_store(found), "python jobs/materialize.py --from-scratch"),
        "catalogue": (lambda: check_catalogue(found), "python jobs/materialize.py"),
        "candidates": (lambda: check_candidates(project.candidates, found), "python jobs/generate_candidates.py"),
    }
    return Diagnosis({part: _run(check, command) for part, (check, command) in checks.items()})


def _run(check: Callable[[], Finding], command: str) -> Finding:
    """Run a check; if it raises, the part is broken, and `command` creates it again."""
    try:
        return check()
    except InputError as error:
        return Finding("broken", str(error), command)
    except Exception as error:  # noqa: BLE001 - damage of any kind must not hide the state of the other parts
        return Finding("broken", f"{type(error).__name__}: {' '.join(str(error).split())[:300]}", command)

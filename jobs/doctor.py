"""Print the state of the project and the next command.

python jobs/doctor.py
"""

import sys
from pathlib import Path

import click

from features.report_table import ReportTable
from jobs.console import (
    CANDIDATES,
    FEATURE_TABLES,
    ConsoleReporter,
    as_typed,
    commit,
    job,
    raw_dir_option,
    releases_option,
    repo_option,
)  # fmt: skip


@click.command()
@raw_dir_option
@click.option(
    "--tables",
    type=click.Path(path_type=Path, file_okay=False),
    default=FEATURE_TABLES,
    show_default="data/features",
    help="Folder of the feature tables.",
)
@repo_option
@releases_option
@click.option(
    "--candidates",
    type=click.Path(path_type=Path, dir_okay=False),
    default=CANDIDATES,
    show_default="data/candidates.parquet",
    help="Candidate file.",
)
@job
def main(reporter: ConsoleReporter, raw_dir: Path, tables: Path, repo: Path, releases: Path, candidates: Path) -> None:
    """Print the state of the project and the next command.

    Checks library versions, raw tables, feature tables, registry, current release, online store and candidate file,
    and changes nothing. The exit status is 1 if a part is broken, and 0 if parts are only missing or outdated.
    """
    from pipelines.doctor.diagnosis import diagnose
    from pipelines.doctor.finding import Project

    diagnosis = diagnose(Project(raw_dir, tables, repo, releases, candidates), commit())
    columns = ("part", "state", "details")
    rows = [(part, finding.state, as_typed(finding.details)) for part, finding in diagnosis.findings.items()]
    reporter.table(ReportTable.of(columns, rows, columns))
    reporter.next(diagnosis.next_command)
    sys.exit(1 if diagnosis.broken else 0)


if __name__ == "__main__":
    main()

"""Print the state of the project and the next command.

python jobs/doctor.py
"""

import sys
from pathlib import Path

import click

from features.report_table import ReportTable
from jobs import console


@click.command()
@console.path_option("--raw-dir", folder=True, text="Folder of the raw tables.  [default: as recorded by the build]")
@console.path_option("--tables", folder=True, default=console.FEATURE_TABLES, text="Folder of the feature tables.")
@console.repo_option
@console.releases_option
@console.candidates_option
@console.job
def main(
    reporter: console.ConsoleReporter, raw_dir: Path | None, tables: Path, repo: Path, releases: Path, candidates: Path
) -> None:
    """Print the state of the project and the next command.

    Checks library versions, raw tables, feature tables, registry, current release, online store and candidate file,
    and changes nothing. The exit status is 1 if a part is broken, and 0 if parts are only missing or outdated.
    """
    from pipelines.doctor.diagnosis import diagnose
    from pipelines.doctor.finding import Project

    diagnosis = diagnose(
        Project(raw_dir, tables, repo, releases, candidates, default_raw_dir=console.RAW_DIR), console.commit()
    )
    columns = ("part", "state", "details")
    rows = [(part, finding.state, console.as_typed(finding.details)) for part, finding in diagnosis.findings.items()]
    reporter.table(ReportTable.of(columns, rows, columns))
    reporter.next(diagnosis.next_command)
    sys.exit(1 if diagnosis.broken else 0)


if __name__ == "__main__":
    main()

"""CPU seconds of a nightly materialization, after a build with one more day of purchases.

    .venv/bin/python benchmarks/nightly.py
    .venv/bin/python benchmarks/nightly.py --checkout ../earlier

The online store is filled from tables without the last day, the tables are replaced by a build with it, and
jobs/materialize.py is measured. It is compared with a window of tables that did not change, filled up to the same
moments; by turns, also with the jobs of other checkouts. Works in a temporary folder, so that data/ stays unchanged.
"""

import os
import platform
import shutil
import subprocess
import sys
import tempfile
from datetime import timedelta
from pathlib import Path
from statistics import median
from typing import Final

import click

from features.build_record import read_build
from features.report_table import ReportTable
from jobs.console import ROOT, commit

WINDOW: Final = "window, tables unchanged"
REBUILT: Final = "one more day, tables rebuilt"


def run_job(checkout: Path, name: str, *arguments: str) -> float:
    """Run a job of a checkout, and return its CPU seconds."""
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    command = [sys.executable, str(checkout / "jobs" / f"{name}.py"), *arguments]
    process = subprocess.Popen(command, stdout=sys.stderr, env=environment)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise click.ClickException(f"{name} ended with status {os.waitstatus_to_exitcode(status)}")
    return usage.ru_utime + usage.ru_stime


class Shop:
    """Feature tables with and without the last day, and an online store.

    Args:
        work: an empty folder.
        raw_dir: raw tables; None for the demo data.
        checkout: whose jobs build the tables.
    """

    def __init__(self, work: Path, raw_dir: Path | None, checkout: Path) -> None:
        self._repo, self._tables = work / "feature_repo", work / "data" / "features"
        self._builds = {built: work / f"features-{built}" for built in ("early", "late")}
        shutil.copytree(checkout / "feature_repo", self._repo, ignore=shutil.ignore_patterns("__pycache__"))
        if raw_dir is None:
            raw_dir = work / "raw"
            run_job(checkout, "fetch_demo_data", "--raw-dir", str(raw_dir))
        raw, late, early = ("--raw-dir", str(raw_dir)), self._builds["late"], self._builds["early"]
        run_job(checkout, "build_features", *raw, "--output", str(late))
        self.end = read_build(late).data_end
        last = (self.end - timedelta(days=1, microseconds=1)).isoformat()
        rest = ("--as-of", last, "--quarantine", str(work / "last_day.csv"))
        run_job(checkout, "build_features", *raw, "--output", str(early), *rest)
        self.use("late")
        feast = Path(sys.executable).parent / "feast"
        subprocess.run([feast, "-c", self._repo, "apply"], check=True, stdout=sys.stderr)

    def use(self, built: str) -> None:
        """Replace the feature tables by those with the last day ("late") or without it ("early")."""
        shutil.rmtree(self._tables, ignore_errors=True)
        shutil.copytree(self._builds[built], self._tables)

    def fill(self, checkout: Path, *arguments: str) -> float:
        """Materialize with the job of a checkout, and return its CPU seconds."""
        return run_job(checkout, "materialize", "--repo", str(self._repo), *arguments)

    def measure(self, checkout: Path, kind: str) -> float:
        """Return the CPU seconds of a materialization up to the end of the data."""
        self.use("early" if kind == REBUILT else "late")
        self.fill(checkout, "--from-scratch", "--as-of", (self.end - timedelta(days=1)).isoformat())
        self.use("late")
        return self.fill(checkout)


@click.command()
@click.option("--raw-dir", type=click.Path(path_type=Path), help="Raw tables; by default the demo data.")
@click.option(
    "--checkout",
    "checkouts",
    multiple=True,
    type=click.Path(path_type=Path, exists=True, file_okay=False, resolve_path=True),
    help="Another working copy of this project to compare with; may be repeated.",
)
@click.option("--repeats", default=3, show_default=True)
def main(raw_dir: Path | None, checkouts: tuple[Path, ...], repeats: int) -> None:
    """Measure by turns, and print medians."""
    compared = [(checkout, kind) for checkout in (ROOT, *checkouts) for kind in (WINDOW, REBUILT)]
    with tempfile.TemporaryDirectory(prefix="nightly-") as folder:
        shop = Shop(Path(folder), None if raw_dir is None else raw_dir.resolve(), ROOT)
        runs = [{case: shop.measure(*case) for case in compared} for _ in range(repeats)]
    base = median(run[ROOT, WINDOW] for run in runs)
    rows = [
        (
            "this one" if checkout == ROOT else str(checkout),
            kind,
            f"{median(run[checkout, kind] for run in runs):.1f}",
            " ".join(f"{run[checkout, kind]:.1f}" for run in runs),
            f"{median(run[checkout, kind] for run in runs) / base:.2f}",
        )
        for checkout, kind in compared
    ]
    header = ["checkout", "materialization", "CPU seconds", "all runs", "ratio"]
    print(ReportTable.of(header, rows, header[:2]).markdown())
    print(f"\nend of the data {shop.end:%Y-%m-%d}, commit {commit()}, {os.cpu_count()} cores, {platform.machine()}")


if __name__ == "__main__":
    main()

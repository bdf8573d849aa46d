"""Run the leakage test: nothing that a release learns or a request reads may depend on later data.

python jobs/check_leakage.py
python jobs/check_leakage.py --raw-dir my_tables --moments 5
"""

import sys
from pathlib import Path
from typing import Any

import click

from jobs import console


@click.command()
@console.repo_option
@console.path_option("--raw-dir", folder=True, text="Folder of the raw tables.  [default: as recorded by the build]")
@console.releases_option
@console.release_option
@click.option("--moments", type=click.IntRange(1), default=2, show_default=True, help="Random moments.")
@click.option("--users", type=click.IntRange(1), default=1000, show_default=True, help="Users to compare online.")
@click.option("--items", type=click.IntRange(1), default=1000, show_default=True, help="Items to compare online.")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="Of moments, permutations, samples.")
@click.option("--allow-uncompared", is_flag=True, help="Pass although a feature service cannot be compared.")
@console.memory_limit_option
@console.job
def main(
    reporter: console.ConsoleReporter,
    repo: Path,
    releases: Path,
    version: str | None,
    *,
    allow_uncompared: bool,
    **settings: Any,
) -> None:
    """Run the leakage test.

    The exit status is 1 if something depends on later data, or could not be compared.

    At random moments the later purchases are deleted, then permuted, and the feature tables are built again: training
    rows, features, vocabularies, scales and bestsellers as of the moment must be bit-identical. Online features must
    equal offline ones and retrieve the same lists. All of this happens on copies.
    """
    console.load_tensorflow()
    from features.store.registry import open_feature_store
    from models.release.release import load_release
    from pipelines.leakage.leakage_test import run_leakage_test
    from pipelines.leakage.report import advice, find_leaks, summary_table, verdict

    release, store = load_release(releases, version), open_feature_store(repo)
    with console.scratch_folder(releases) as folder, console.quiet_libraries():
        stages, uncompared = run_leakage_test(
            store, release, releases / release.version, folder=folder, reporter=reporter, **settings
        )
    leaks = find_leaks(stages)
    for leak in leaks:
        reporter.result(f"\n{leak.heading()}")
        reporter.table(leak.first_rows)
    reporter.result("")
    reporter.table(summary_table(stages))
    for line in (*advice(stages), *(f"not compared: {service}" for service in uncompared)):
        reporter.result(f"\n{line}")
    passed, sentence = verdict(leaks, uncompared, allow_uncompared=allow_uncompared)
    reporter.result(f"\n{sentence}")
    sys.exit(0 if passed else 1)


if __name__ == "__main__":
    main()

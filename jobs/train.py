"""Train two towers on point-in-time features, a blender and rankers, and write a release.

python jobs/train.py
python jobs/train.py --preset seed --epochs 1
python jobs/train.py --require-better
python jobs/train.py --from LATEST
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from jobs import console


@click.command()
@console.repo_option
@console.releases_option
@click.option("--preset", type=click.Choice(["default", "seed"]), default="default", show_default=True)
@click.option("--from", "version", help="Warm start from this release, or LATEST, on the days since and 28 before.")
@click.option("--as-of", help="Timestamp of the release, UTC; by default the morning after the last purchase.")
@click.option("--validation-days", type=click.IntRange(1), default=7, show_default=True)
@click.option("--training-days", type=click.IntRange(1), help="Days before the cut to train on; default by preset.")
@click.option("--epochs", type=click.IntRange(1), help="Epochs of the first stage, at most; default by preset.")
@click.option("--ranker-weeks", type=click.IntRange(1), default=4, show_default=True, help="At least 3 for a ranker.")
@console.seed_option
@console.filters_option
@click.option("--require-better", is_flag=True, help="Stop with status 1 and write nothing if the gate is not passed.")
@console.job
def main(
    reporter: console.ConsoleReporter, repo: Path, releases: Path, filters_file: Path | None, **settings: Any
) -> None:
    """Train two towers on point-in-time features, a blender and rankers, and write a release.

    The last days before --as-of validate the release; then the towers are refitted on the most recent days, these
    included. A warm start keeps the rankers of its release, and its filters unless --filters is
    given.
    """
    from candidates.filters.settings import read_settings

    filters = read_settings(filters_file) if filters_file else None
    console.load_tensorflow()
    from features.locks import writer_lock
    from features.store.registry import open_feature_store
    from models.release.find_release import LATEST
    from models.release.writer import make_latest, write_release
    from pipelines.filter_context import filter_warnings
    from pipelines.golden_queries import golden_queries_writer
    from pipelines.served_metrics import served_table
    from pipelines.train_release import train_release
    from pipelines.training_options import TrainingOptions

    store = open_feature_store(repo)
    options = TrainingOptions.of_release(store, releases, filters=filters, commit=console.commit(), **settings)
    console.warn(filter_warnings(store, filters, options.split.as_of) if filters else [])
    lock = writer_lock(releases / LATEST, f"The folder of releases {releases}")
    with console.scratch_folder(releases) as folder, lock:
        trained = train_release(store, options, folder, reporter)
        reporter.result(f"\n{trained.served.window}\n")
        reporter.table(served_table(trained.served))
        version = write_release(releases, trained.release, datetime.now(UTC), golden_queries_writer(store))
        make_latest(releases, version)
    reporter.result(f"\nrelease {releases / version} after {trained.seconds:.0f} s")
    reporter.next("python jobs/materialize.py")


if __name__ == "__main__":
    main()

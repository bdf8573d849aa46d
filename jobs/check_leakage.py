"""Prove that nothing a tower learns or is asked depends on the future.

python jobs/check_leakage.py
python jobs/check_leakage.py --raw-dir my_tables --moments 5
"""

import sys
from pathlib import Path

import click

from features.progress import Stopwatch
from jobs.console import (
    ConsoleReporter,
    job,
    load_tensorflow,
    quiet_libraries,
    raw_dir_option,
    releases_option,
    repo_option,
    scratch_folder,
)


@click.command()
@repo_option
@raw_dir_option
@releases_option
@click.option("--release", "version", help="Version of the release; by default the latest.")
@click.option("--moments", "number", type=click.IntRange(1), default=2, show_default=True, help="Random moments.")
@click.option("--users", type=click.IntRange(1), default=1000, show_default=True, help="Users asked about online.")
@click.option("--items", type=click.IntRange(1), default=1000, show_default=True, help="Items asked about online.")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="Of moments, shuffles and samples.")
@click.option("--memory-limit", default="4GB", show_default=True, help="Memory that DuckDB may use before it spills.")
@job
def main(
    reporter: ConsoleReporter,
    repo: Path,
    raw_dir: Path,
    releases: Path,
    version: str | None,
    number: int,
    users: int,
    items: int,
    seed: int,
    memory_limit: str,
) -> None:
    """Prove that nothing a tower learns or is asked depends on the future; if something does, say what.

    At random moments the later purchases are deleted, then permuted, everything is built again beside the tables in
    use, and what was known must stay the same to the bit. Online features are compared with offline ones, and the lists
    to which they lead. Everything is done on copies.
    """
    load_tensorflow()
    from features.store.data_end import data_end
    from features.store.registry import open_feature_store, tower_schemas
    from models.release.release import load_release
    from pipelines.leakage.answers import all_services
    from pipelines.leakage.questions import LeakQuestions
    from pipelines.leakage.raw_world import RawWorld
    from pipelines.leakage.report import leaks, summary, timed
    from pipelines.leakage.store_copy import store_copy

    watch = Stopwatch()
    release = load_release(releases, version)
    used = open_feature_store(repo)
    release.check_tower_services(tower_schemas(used, release.schemas.query.service, release.schemas.item.service))
    services, others = all_services(used)
    progress = reporter.progress
    questions = LeakQuestions(release, releases / release.version, services, data_end(used), seed, progress)

    with (
        scratch_folder(releases) as folder,
        quiet_libraries(),
        RawWorld.loaded(raw_dir, folder, memory_limit=memory_limit) as world,
    ):
        moments, store = world.moments(number, seed=seed), store_copy(used, folder / "store")
        done = timed(questions.stages(store, world, moments, folder, users=users, items=items))
    found = leaks(done, {view.name for view in (*used.list_feature_views(), *used.list_on_demand_feature_views())})
    print("\n\n".join([*found, summary(done), *(f"NOT COMPARED: {service}" for service in others)]))
    print(f"{'LEAKS' if found else 'no leak'} found after {watch.seconds:.0f} s")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()

"""Build the approximate index of the item vectors of a release.

python jobs/index_items.py
python jobs/index_items.py --min-recall 0.99 --queries 5000
python jobs/index_items.py --rollback
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import click

from jobs import console


@click.command()
@console.repo_option
@console.releases_option
@console.release_option
@click.option(
    "--engine",
    type=click.Choice(["exact", "approximate"]),
    default="approximate",
    show_default=True,
    help="The exact engine searches the vectors of the release: nothing is built.",
)
@console.features_option
@click.option(
    "--queries",
    "count",
    type=click.IntRange(1),
    default=1_000,
    show_default=True,
    help="Users whose recall is measured.",
)
@click.option(
    "--min-recall",
    type=click.FloatRange(0, 1),
    default=0.98,
    show_default=True,
    help="Recall@100 against the exact search that the index must reach; otherwise the earlier index stays.",
)
@click.option("--rollback", is_flag=True, help="Make the previous index of the release the current one.")
@console.seed_option
@console.job
def main(
    reporter: console.ConsoleReporter,
    repo: Path,
    releases: Path,
    version: str | None,
    engine: Literal["exact", "approximate"],
    source: Literal["online", "offline"],
    count: int,
    min_recall: float,
    seed: int,
    *,
    rollback: bool,
) -> None:
    """Build the approximate index of the item vectors of a release.

    The index is written beside the release, and `generate_candidates.py --engine approximate` searches it. Its recall
    against the exact search is measured with the query vectors of random users; the search effort rises until
    --min-recall is reached. The index before the current one is kept for --rollback.
    """
    from features.errors import InputError
    from models.release.find_release import find_release

    release = find_release(releases, version).name  # before Feast is imported, which takes seconds
    if rollback and engine == "exact":
        raise InputError("The exact engine has no index to roll back: --rollback needs --engine approximate.")
    from pipelines.index_store import index_folder, roll_back, write_index

    if rollback:
        reporter.result(f"index {roll_back(releases, release)} of release {release} is the current one again")
        return
    from pipelines.candidate_generation import open_pipeline
    from pipelines.index_items import RECALL_DEPTH, build_index, sample_queries

    pipeline, _ = open_pipeline(
        repo, releases=releases, version=release, filters=None, already_bought=None, k=RECALL_DEPTH, source=source
    )
    items = pipeline.sources.index
    if engine == "exact":
        reporter.result(
            f"nothing to build: the exact engine searches the {len(items):,} item vectors of release {release} "
            f"({items.nbytes / 2**20:,.0f} MB)"
        )
        return
    reporter.stage("query vectors")
    queries = sample_queries(pipeline, count, seed)
    reporter.stage("index")
    index = build_index(pipeline, queries, min_recall, reporter)
    name = write_index(
        releases, pipeline.release, index, datetime.now(UTC), min_recall=min_recall, queries=count, seed=seed
    )
    size = index.nbytes - items.nbytes
    reporter.result(
        f"index {name} of {len(index):,} items in {index_folder(releases, release)}, {size / 2**20:,.0f} MB, after "
        f"{reporter.watch.seconds:.0f} s"
    )
    reporter.next("python jobs/generate_candidates.py --engine approximate")


if __name__ == "__main__":
    main()

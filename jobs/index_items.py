"""Build an index of the item vectors of a release, in this process or in OpenSearch.

python jobs/index_items.py
python jobs/index_items.py --engine opensearch --url http://localhost:9200
python jobs/index_items.py --min-recall 0.99 --queries 5000
python jobs/index_items.py --refresh --engine exact
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
    type=click.Choice(["exact", "approximate", "opensearch"]),
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
@click.option(
    "--refresh",
    is_flag=True,
    help="First write a release with the items as of now and the models as trained, and make it the current one.",
)
@console.url_option
@console.alias_option
@click.option("--replicas", type=click.IntRange(0, 100), help="Copies of the index in OpenSearch.  [default: 0]")
@console.seed_option
@console.job
def main(
    reporter: console.ConsoleReporter,
    repo: Path,
    releases: Path,
    version: str | None,
    engine: Literal["exact", "approximate", "opensearch"],
    source: Literal["online", "offline"],
    count: int,
    min_recall: float,
    seed: int,
    url: str | None,
    alias: str | None,
    replicas: int | None,
    *,
    rollback: bool,
    refresh: bool,
) -> None:
    """Build an index of the item vectors of a release, in this process or in OpenSearch.

    The index is written beside the release, or into OpenSearch, and `generate_candidates.py --engine` searches it. Its
    recall against the exact search is measured with the query vectors of random users; the search effort rises until
    --min-recall is reached. With --refresh, new items and the present features of all items are embedded without
    training; the new release becomes the current one when its index is complete. The index before the current one is
    kept for --rollback. User and password of OpenSearch come from OPENSEARCH_USER and OPENSEARCH_PASSWORD.
    """
    from features.errors import InputError
    from models.release.find_release import find_release

    release = find_release(releases, version).name  # before Feast is imported, which takes seconds
    if rollback and engine == "exact":
        raise InputError("The exact engine has no index to roll back: --rollback needs another --engine.")
    if rollback and refresh:
        raise InputError("--rollback and --refresh cannot be used together.")
    from pipelines.engines import check_server_options
    from pipelines.index_store import index_folder, roll_back, write_index

    check_server_options(engine, url=url, alias=alias, replicas=replicas)
    server = None
    if engine == "opensearch":
        from candidates.opensearch.item_index import roll_back as roll_back_alias
        from pipelines.opensearch_index import connect, index_in_opensearch

        server = connect(url, alias)
    if rollback:
        name = roll_back_alias(*server) if server else roll_back(releases, release)
        reporter.result(f"index {name} is the current one again")
        return
    from candidates.approximate_index import ApproximateIndex
    from pipelines.candidate_generation import open_pipeline
    from pipelines.index_items import RECALL_DEPTH, choose_efforts, sample_queries

    if refresh:
        release = _refresh(reporter, repo, releases, release, source)
    pipeline, _ = open_pipeline(
        repo, releases=releases, version=release, filters=None, already_bought=None, k=RECALL_DEPTH, source=source
    )
    items = pipeline.sources.index
    of_items = f"{len(items):,} items as of {pipeline.release.as_of:%Y-%m-%d %H:%M} UTC"
    if engine == "exact":
        _make_latest(releases, release, refreshed=refresh)
        reporter.result(
            f"no index to build: the exact engine searches the vectors of release {release}, {of_items} "
            f"({items.nbytes / 2**20:,.0f} MB)"
        )
        return
    reporter.stage("query vectors")
    queries, settings = sample_queries(pipeline, count, seed), {"queries": count, "seed": seed}
    if server:
        created = datetime.now(UTC)
        name, _ = index_in_opensearch(
            pipeline, *server, queries, min_recall, created, settings, reporter, replicas=replicas or 0
        )
        connection, served_alias = server
        place = f"OpenSearch at {connection.url}, alias {served_alias}"
        connection.close()
    else:
        reporter.stage("index")
        index = choose_efforts(ApproximateIndex.build(items, [*queries]), queries, min_recall, release, reporter)
        name = write_index(releases, pipeline.release, index, datetime.now(UTC), min_recall=min_recall, **settings)
        place = f"{index_folder(releases, release)}, {(index.nbytes - items.nbytes) / 2**20:,.0f} MB"
    _make_latest(releases, release, refreshed=refresh)
    reporter.result(f"index {name} of {of_items}, in {place}, after {reporter.watch.seconds:.0f} s")
    reporter.next(f"python jobs/generate_candidates.py --engine {engine}")


def _refresh(
    reporter: console.ConsoleReporter, repo: Path, releases: Path, version: str, source: Literal["online", "offline"]
) -> str:
    """Write a refreshed release, and return its version."""
    console.load_tensorflow()
    from models.release.earlier_release import EarlierRelease
    from pipelines.refresh import refresh_release
    from pipelines.serving import open_release_and_reader

    reporter.stage("refresh items")
    reader, _, moment = open_release_and_reader(repo, releases, version, source=source)
    earlier = EarlierRelease.read(releases, version)
    with console.scratch_folder(releases) as folder:
        done = refresh_release(reader.store, releases, earlier, moment, datetime.now(UTC), folder)
    reporter.metrics(
        f"release {done.version}, refreshed from {version}: {done.items:,} items, {done.new_items:,} of them new, "
        f"{done.removed_items:,} gone"
    )
    return done.version


def _make_latest(releases: Path, version: str, *, refreshed: bool) -> None:
    """Make a refreshed release the current one."""
    from models.release.writer import make_latest

    if refreshed:
        make_latest(releases, version)


if __name__ == "__main__":
    main()

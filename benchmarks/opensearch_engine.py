"""OpenSearch over HTTP beside the exact search, on the item vectors and query vectors of a release.

    scripts/opensearch.sh up /tmp/opensearch 9200
    python benchmarks/opensearch_engine.py --items 105542
    scripts/opensearch.sh down /tmp/opensearch

The index is measured after a refresh, as `index_items.py` leaves it. --items beyond the release's own adds perturbed
copies, as `benchmarks/index_engines.py` does. Single queries are sent one after the other, batches by _msearch; recall
is that of the project's engine, which scores the items that the server proposes exactly, on every second query. Then
the alias is switched --switches times between two indexes, of the two halves of the items, while another thread reads,
as the project does, and by the name of the alias, as other clients may. A read fails if it raises anything, and mixes
if its list is neither that of the one index nor that of the other.
"""

import threading
import time
import uuid
from pathlib import Path
from typing import Any

import click
import serving_parts
from index_engines import enlarge

from features.progress import SilentReporter
from features.report_table import ReportTable
from jobs import console

SINGLE_QUERIES = 300
HEADER = [
    "engine", "dimensions", "effort", "recall", "single query p50, ms", "p99, ms", "queries/s in batches",
    "ratio to exact",
]  # fmt: skip


@click.command()
@console.repo_option
@console.releases_option
@console.release_option
@console.url_option
@click.option("--items", type=click.IntRange(1), help="Size of the catalogue.  [default: that of the release]")
@click.option("--queries", default=1_000, show_default=True, help="Users whose query vectors are searched for.")
@click.option("--k", default=100, show_default=True, help="Items per query.")
@click.option("--min-recall", default=0.98, show_default=True, help="Recall at which efforts are no longer raised.")
@click.option("--switches", default=100, show_default=True, help="Switches of the alias under reads.")
@console.seed_option
def main(
    repo: Path,
    releases: Path,
    version: str | None,
    url: str | None,
    items: int | None,
    queries: int,
    k: int,
    min_recall: float,
    switches: int,
    seed: int,
) -> None:
    """Print a table, the time of indexing, and the reads under switches."""
    import numpy as np
    import pyarrow as pa

    from candidates.index import ItemIndex
    from candidates.opensearch.connection import Connection
    from candidates.opensearch.item_index import delete_index, write_index

    pipeline = serving_parts.open_pipeline(repo, releases, version, k)
    found = pipeline.read(serving_parts.draw_users(pipeline, seed)[:queries]).queries
    warm = np.flatnonzero(~found.histories.empty)
    vectors = enlarge(pipeline.release.item_vectors, items, seed)
    index = ItemIndex(pa.array([f"{position:010d}" for position in range(len(vectors))]), vectors)
    by_dimensions = {each.shape[1]: each[warm] for each in (found.vectors, found.new_item_vectors)}
    connection, alias = Connection.open(url), f"benchmark-{uuid.uuid4().hex[:8]}"
    names = [f"{alias}-{number}" for number in range(2)]
    parts = {dimensions: index.vectors[:, :dimensions] for dimensions in by_dimensions}
    clock = Clock()
    try:
        write_index(connection, alias, names[0], index.item_ids.to_pylist(), parts, {}, {}, clock)
        clock.stage("search")
        rows = [
            row
            for dimensions, each in by_dimensions.items()
            for row in measure(connection, names[0], index, dimensions, each, k, min_recall)
        ]
        print(ReportTable.of(HEADER, rows, ["engine"]).markdown())
        seconds = ", ".join(f"{name} {value:.0f} s" for name, value in clock.seconds.items())
        print(f"\nindexing of {len(index):,} items: {seconds}")
        half = {dimensions: each[len(index) // 2 :] for dimensions, each in parts.items()}
        write_index(connection, alias, names[1], index.item_ids.to_pylist()[len(index) // 2 :], half, {}, {})
        [dimensions, *_] = by_dimensions
        query = by_dimensions[dimensions][:1]
        reads, failed, mixed = read_under_switches(connection, alias, names, dimensions, query, k, switches)
        print(f"\n{switches} switches of the alias: {reads:,} reads, {failed} failed, {mixed} mixed")
    finally:
        for name in names:
            if connection.client.indices.exists(index=name):
                delete_index(connection, name)
        connection.close()
    print(
        f"\n{len(warm):,} query vectors of users with a history, k = {k}, release {pipeline.release.version}, seed "
        f"{seed}, commit {console.commit()}"
    )


class Clock(SilentReporter):
    """Seconds of each stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._began: tuple[str, float] | None = None

    def stage(self, name: str) -> None:
        """End the stage before, and begin another."""
        now = time.perf_counter()
        if self._began:
            self.seconds[self._began[0]] = now - self._began[1]
        self._began = name, now


def measure(
    connection: Any, name: str, index: Any, dimensions: int, queries: Any, k: int, min_recall: float
) -> list[list[str]]:
    """The lines of the exact search and of OpenSearch, one for each effort up to the recall."""
    import numpy as np

    from candidates.approximate_index import ApproximateIndex
    from candidates.opensearch.searcher import EFFORTS, OpenSearchSearcher
    from candidates.search_engine import list_recall

    exact = index.search(queries[1::2], k)
    reference = rate(index, queries, k)
    lines = [["exact", str(dimensions), "", "1.0000", *single(index, queries, k), f"{reference:,.0f}", "1.00"]]
    for effort in EFFORTS:
        engine = ApproximateIndex(index, {dimensions: OpenSearchSearcher(connection, name, dimensions, effort)})
        recall, speed = list_recall(engine.search(queries[1::2], k), exact), rate(engine, queries, k)
        figures = [f"{recall:.4f}", *single(engine, queries, k), f"{speed:,.0f}", f"{speed / reference:.3f}"]
        lines.append(["OpenSearch", str(dimensions), str(effort), *figures])
        if not np.isfinite(recall) or recall >= min_recall:
            break
    return lines


def single(engine: Any, queries: Any, k: int) -> list[str]:
    """The median and the 99th percentile of single queries in milliseconds."""
    import numpy as np

    times = []
    for row in range(min(SINGLE_QUERIES, len(queries))):
        started = time.perf_counter()
        engine.search(queries[row : row + 1], k)
        times.append(1_000 * (time.perf_counter() - started))
    return [f"{value:.2f}" for value in np.percentile(times[1:], [50, 99])]


def rate(engine: Any, queries: Any, k: int) -> float:
    """Queries per second in one call; the better of two."""
    seconds = []
    for _ in range(2):
        started = time.perf_counter()
        engine.search(queries, k)
        seconds.append(time.perf_counter() - started)
    return len(queries) / min(seconds)


def read_under_switches(
    connection: Any, alias: str, names: list[str], dimensions: int, query: Any, k: int, switches: int
) -> tuple[int, int, int]:
    """Switch the alias while a thread reads; return the reads, and how many failed or mixed two indexes."""
    from candidates.item_lists import ItemLists
    from candidates.opensearch.item_index import read_current, switch_alias
    from candidates.opensearch.searcher import OpenSearchSearcher

    def search(name: str) -> list[int]:
        found = OpenSearchSearcher(connection, name, dimensions).search(query, k, ItemLists.empty(1), None)
        return found[0].tolist()

    switch_alias(connection, alias, names[0], {})
    expected = {name: search(name) for name in names}
    counts, ended = {"reads": 0, "failed": 0, "mixed": 0}, threading.Event()

    def read() -> None:
        while not ended.is_set():
            by_alias = counts["reads"] % 2 == 1
            counts["reads"] += 1
            try:
                name = alias if by_alias else read_current(connection, alias).name
                found = search(name)
            except Exception:  # noqa: BLE001  any failure of a read counts
                counts["failed"] += 1
            else:
                counts["mixed"] += found not in (expected.values() if by_alias else [expected[name]])

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(switches):
        switch_alias(connection, alias, names[(number + 1) % 2], {})
    ended.set()
    reader.join()
    return counts["reads"], counts["failed"], counts["mixed"]


if __name__ == "__main__":
    main()

"""Throughput of candidate generation, part by part, beside exact searches of other libraries over the same vectors.

    python benchmarks/batch.py
    python benchmarks/batch.py --users 1000 --repeats 1

The complete job, from ids to a Parquet file, with online and with offline features, in blocks of users in as many
threads as processors. The peers, with the same query vectors, k and number of threads: FAISS' flat index, implicit's
batch top-k, a matrix product alone; they search the item vectors, and do nothing else. Wall and CPU seconds, medians of
`--repeats`. Then the CPU seconds of each part, in one thread. Prints two Markdown tables.
"""

import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from itertools import cycle, islice
from pathlib import Path
from typing import Any, Literal

import click
import serving_parts

from features.report_table import ReportTable
from jobs import console

COMPLETE, SEARCH = "complete, {} features", "ItemIndex.search alone"
PEER_BLOCK = 512
SOURCES: tuple[Literal["online", "offline"], ...] = ("online", "offline")


@click.command()
@console.repo_option
@console.releases_option
@console.release_option
@click.option("--users", type=click.IntRange(1), default=10_000, show_default=True, help="Repeated if there are fewer.")
@click.option("--k", type=click.IntRange(1), default=100, show_default=True, help="Candidates per user.")
@click.option("--repeats", type=click.IntRange(1), default=3, show_default=True)
@console.seed_option
def main(repo: Path, releases: Path, version: str | None, users: int, k: int, repeats: int, seed: int) -> None:
    """Print users per second of the job, of its parts and of the peers."""
    from candidates.parallel import available_processors

    pipelines = {source: serving_parts.open_pipeline(repo, releases, version, k, source) for source in SOURCES}
    pipeline = pipelines["online"]
    ids = list(islice(cycle(serving_parts.draw_users(pipeline, seed)), users))
    parts, vectors = measure_parts(pipeline, ids)
    runs: dict[str, Callable[[], Any]] = {
        COMPLETE.format(source): lambda source=source: generate(pipelines[source], ids) for source in SOURCES
    }
    runs |= searches(pipeline, vectors, k)
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in runs}
    for run in runs.values():
        run()  # connects, compiles, allocates
    for _ in range(repeats):
        for name, run in runs.items():
            wall, cpu = time.perf_counter(), time.process_time()
            run()
            seconds[name].append((time.perf_counter() - wall, time.process_time() - cpu))
    medians = {name: [statistics.median(each) for each in zip(*taken, strict=True)] for name, taken in seconds.items()}
    reference = medians[COMPLETE.format("online")][0]
    rows = [
        [name, f"{users / wall:,.0f}", f"{reference / wall:.2f}", f"{1_000 * cpu / users:.2f}"]
        for name, (wall, cpu) in medians.items()
    ]
    header = ["", "users/s", "ratio to complete, online", "CPU ms per user"]
    print(ReportTable.of(header, rows, [""]).markdown() + "\n")
    total = sum(parts.values())
    rows = [[name, f"{1_000 * taken / users:.3f}", f"{taken / total:.1%}"] for name, taken in parts.items()]
    print(ReportTable.of(["part, online features, one thread", "CPU ms per user", "share"], rows, []).markdown())
    items, dimensions = pipeline.release.item_vectors.shape
    print(
        f"\n{users:,} users, {items:,} items x {dimensions}, k = {k}, {available_processors()} threads, medians of "
        f"{repeats}, release {pipeline.release.version}, seed {seed}, commit {console.commit()}"
    )


def generate(pipeline: Any, ids: list[str]) -> None:
    """Write the candidates of all users to a temporary file."""
    from features.progress import SILENT
    from pipelines.candidate_generation import write_candidates
    from pipelines.filter_context import release_filters

    with tempfile.TemporaryDirectory() as folder:
        settings = release_filters(pipeline.release)
        for start in range(0, len(ids), len(set(ids))):  # no user twice in a file
            part = ids[start : start + len(set(ids))]
            write_candidates(pipeline, settings, part, Path(folder) / f"{start}.parquet", SILENT)


def measure_parts(pipeline: Any, ids: list[str]) -> tuple[dict[str, float], Any]:
    """CPU seconds of each part, in blocks of users in one thread, and the query vectors of all users."""
    import numpy as np
    from threadpoolctl import threadpool_limits

    from features.store.reader import id_blocks

    totals: Counter[str] = Counter()
    vectors = []
    with threadpool_limits(1):
        serving_parts.timed_parts(pipeline, ids[:2])
        for block in id_blocks(ids):
            parts, request = serving_parts.timed_parts(pipeline, list(dict.fromkeys(block)), time.process_time)
            totals.update(parts)
            vectors.append(request.queries.vectors)
    return dict(totals), np.concatenate(vectors)


def searches(pipeline: Any, vectors: Any, k: int) -> dict[str, Callable[[], Any]]:
    """Return searches of the item vectors by name."""
    import faiss
    import numpy as np
    from implicit.cpu.topk import topk

    from candidates.parallel import available_processors

    index = pipeline.retriever.sources.index
    items = index.vectors
    flat = faiss.IndexFlatIP(items.shape[1])
    flat.add(items)
    faiss.omp_set_num_threads(available_processors())
    blocks = [vectors[start : start + PEER_BLOCK] for start in range(0, len(vectors), PEER_BLOCK)]
    product = np.empty((PEER_BLOCK, len(items)), np.float32)

    def multiply() -> None:
        for block in blocks:
            np.matmul(block, items.T, out=product[: len(block)])

    return {
        SEARCH: lambda: index.search(vectors, k),
        "FAISS IndexFlatIP": lambda: [flat.search(block, k) for block in blocks],
        "implicit topk": lambda: [topk(items, block, k, num_threads=available_processors()) for block in blocks],
        "matrix product alone": multiply,
    }


if __name__ == "__main__":
    main()

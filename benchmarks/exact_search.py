"""Throughput of exact search, as a share of the matrix product alone, against FAISS, implicit, TensorFlow and NumPy.

    python benchmarks/exact_search.py --items 92331 --dimensions 320 --threads 2
    python benchmarks/exact_search.py --items 20000 --queries 512

All search the same seeded random vectors, by turns in one process with the same number of threads; the results are
medians. The limit is the product of the tiles of queries and items that `ItemIndex` multiplies, in as many threads.
CPU seconds are those of all threads, waiting ones included; on a busy machine, compare these. NumPy and TensorFlow
search blocks of 256 queries: no block size from 32 to 1,024 was clearly faster for either.
"""

import os
import statistics
import time
from collections.abc import Callable
from typing import Any

import click

RUNS = 3
PEER_BLOCK = 256
SINGLE_QUERIES = 50
LIMIT = "matrix product alone"
INDEX = "ItemIndex.search"


@click.command()
@click.option("--items", default=105_542, show_default=True, help="Item vectors; H&M's catalogue by default.")
@click.option("--dimensions", default=64, show_default=True, help="Length of a vector.")
@click.option("--k", default=100, show_default=True, help="Items per query.")
@click.option("--queries", default=2_048, show_default=True, help="Queries in one call.")
@click.option("--threads", default=1, show_default=True, help="Threads of each search.")
@click.option("--seed", default=0, show_default=True, help="Seed of the vectors.")
def main(*, items: int, dimensions: int, k: int, queries: int, threads: int, seed: int) -> None:
    """Print queries/s of each search, the ratio to ItemIndex, and the median time of a single query."""
    # The libraries read this variable on import.
    os.environ["OPENBLAS_NUM_THREADS"] = str(threads)
    import numpy as np
    import pyarrow as pa
    from threadpoolctl import threadpool_limits

    from candidates.index import ItemIndex

    generator = np.random.default_rng(seed)
    vectors = generator.standard_normal((items, dimensions), np.float32)
    query_vectors = generator.standard_normal((queries, dimensions), np.float32)
    index = ItemIndex(pa.array([f"{position:010d}" for position in range(items)]), vectors)
    searches = {
        INDEX: _search_in_threads(index, threads),
        LIMIT: _multiply_in_threads(vectors, threads),
        **_peers(vectors, threads),
    }
    found = {name: search(query_vectors, k) for name, search in searches.items()}  # also the warm-up
    clocks = _measure({name: lambda search=search: search(query_vectors, k) for name, search in searches.items()}, RUNS)
    click.echo(
        f"{items:,} items x {dimensions}, k = {k}, {queries:,} queries, {threads} thread(s), seed {seed}, "
        f"medians of {RUNS} runs"
    )
    reference, limit = clocks[INDEX], clocks[LIMIT]
    for name, (wall, cpu) in clocks.items():
        same = "" if name == LIMIT else f"   {(found[name] == found[INDEX]).mean():.4%} of ranks equal"
        click.echo(
            f"{name:<28} {queries / wall:8,.0f} queries/s, {limit[0] / wall:4.0%} of the limit, "
            f"{wall / reference[0]:5.2f} x the time of ItemIndex   {1_000 * cpu / queries:6.3f} CPU ms/query, "
            f"{limit[1] / cpu:4.0%} of the limit, {cpu / reference[1]:5.2f} x ItemIndex{same}"
        )
    singles = {INDEX: lambda query: index.search(query, k), **_single_peers(vectors, k)}
    with threadpool_limits(1):
        for name, search in singles.items():
            search(query_vectors[:1])
            times = []
            for row in range(min(SINGLE_QUERIES, queries)):
                wall, cpu = time.perf_counter(), time.process_time()
                search(query_vectors[row : row + 1])
                times.append((time.perf_counter() - wall, time.process_time() - cpu))
            walls, cpus = zip(*times, strict=True)
            click.echo(
                f"one query, one thread, {name:<28} p50 {1_000 * statistics.median(walls):6.2f} ms, "
                f"fastest {1_000 * min(walls):6.2f} ms, CPU p50 {1_000 * statistics.median(cpus):6.2f} ms"
            )


def _measure(calls: dict[str, Callable[[], Any]], runs: int) -> dict[str, tuple[float, float]]:
    """Return the median wall and CPU seconds of each call; they take turns."""
    clocks: dict[str, list[tuple[float, float]]] = {name: [] for name in calls}
    for _ in range(runs):
        for name, call in calls.items():
            wall, cpu = time.perf_counter(), time.process_time()
            call()
            clocks[name].append((time.perf_counter() - wall, time.process_time() - cpu))
    return {
        name: (statistics.median(wall for wall, _ in times), statistics.median(cpu for _, cpu in times))
        for name, times in clocks.items()
    }


def _search_in_threads(index: Any, threads: int) -> Callable[[Any, int], Any]:
    import numpy as np

    from candidates.index import QUERIES_PER_BLOCK
    from candidates.parallel import map_in_threads

    def search(queries: Any, k: int) -> Any:
        blocks = [queries[start : start + QUERIES_PER_BLOCK] for start in range(0, len(queries), QUERIES_PER_BLOCK)]
        return np.concatenate([*map_in_threads(lambda block: index.search(block, k)[0], blocks, threads)])

    return search


def _multiply_in_threads(vectors: Any, threads: int) -> Callable[[Any, int], Any]:
    import numpy as np

    from candidates.index import QUERIES_PER_BLOCK, SCORES_PER_TILE
    from candidates.parallel import map_in_threads

    def multiply(queries: Any) -> None:
        width = SCORES_PER_TILE // len(queries)
        scores = np.empty((len(queries), width), np.float32)
        for first in range(0, len(vectors), width):
            tile = vectors[first : first + width]
            np.matmul(queries, tile.T, out=scores[:, : len(tile)])

    def search(queries: Any, _: int) -> None:
        blocks = [queries[start : start + QUERIES_PER_BLOCK] for start in range(0, len(queries), QUERIES_PER_BLOCK)]
        for _ in map_in_threads(multiply, blocks, threads):
            pass

    return search


def _peers(vectors: Any, threads: int) -> dict[str, Callable[[Any, int], Any]]:
    """Return other exact searches: queries and k to positions."""
    import faiss
    import implicit.cpu.topk
    import numpy as np
    from threadpoolctl import threadpool_limits

    import models  # noqa: F401 - selects Keras 2 before TensorFlow is imported

    import tensorflow as tf  # isort: skip
    import tensorflow_recommenders as tfrs  # isort: skip

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    faiss.omp_set_num_threads(threads)

    def search_implicit(queries: Any, k: int) -> Any:
        with threadpool_limits(1, "blas"):
            return implicit.cpu.topk.topk(vectors, queries, k, num_threads=threads)[0]

    def in_blocks(search: Callable[[Any, int], Any]) -> Callable[[Any, int], Any]:
        return lambda queries, k: np.concatenate(
            [search(queries[start : start + PEER_BLOCK], k) for start in range(0, len(queries), PEER_BLOCK)]
        )

    layers: dict[int, Any] = {}

    def brute_force(queries: Any, k: int) -> Any:
        if k not in layers:
            layers[k] = tfrs.layers.factorized_top_k.BruteForce(k=k).index(vectors)
        return layers[k](queries)[1].numpy()

    return {
        "FAISS knn": lambda queries, k: faiss.knn(queries, vectors, k, faiss.METRIC_INNER_PRODUCT)[1],
        "implicit topk": search_implicit,
        "TFRS BruteForce": in_blocks(brute_force),
        "NumPy matmul + argpartition": in_blocks(lambda queries, k: _argpartition(queries, vectors, k)),
    }


def _argpartition(queries: Any, vectors: Any, k: int) -> Any:
    import numpy as np

    scores = queries @ vectors.T
    best = np.argpartition(scores, len(vectors) - k, axis=1)[:, len(vectors) - k :]
    best_scores = np.take_along_axis(scores, best, axis=1)
    return np.take_along_axis(best, np.argsort(-best_scores, axis=1), axis=1)


def _single_peers(vectors: Any, k: int) -> dict[str, Callable[[Any], Any]]:
    import faiss

    return {
        "FAISS knn": lambda query: faiss.knn(query, vectors, k, faiss.METRIC_INNER_PRODUCT),
        "NumPy matmul + argpartition": lambda query: _argpartition(query, vectors, k),
    }


if __name__ == "__main__":
    main()

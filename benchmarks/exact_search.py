"""Throughput of exact search: ItemIndex.search against TensorFlow and against NumPy's argpartition.

    python benchmarks/exact_search.py
    python benchmarks/exact_search.py --items 20000 --queries 256 --threads 1

All three search the same seeded random vectors, by turns in one process with the same number of threads; the results
are medians. The peers search blocks of 256 queries: no block size from 32 to 1,024 was clearly faster for either.
"""

import os
import statistics
import time
from collections.abc import Callable
from typing import Any

import click

RUNS = 5
PEER_BLOCK = 256


@click.command()
@click.option("--items", default=105_542, show_default=True, help="Item vectors; H&M's catalogue by default.")
@click.option("--dimensions", default=64, show_default=True, help="Length of a vector.")
@click.option("--k", default=100, show_default=True, help="Items per query.")
@click.option("--queries", default=1_024, show_default=True, help="Queries in one call.")
@click.option("--threads", default=1, show_default=True, help="Threads of each search.")
@click.option("--seed", default=0, show_default=True, help="Seed of the vectors.")
def main(*, items: int, dimensions: int, k: int, queries: int, threads: int, seed: int) -> None:
    """Print the throughput of ItemIndex, TensorFlow and NumPy's argpartition in queries/s, and the ratios."""
    # NumPy and TensorFlow read these variables on import.
    os.environ["OPENBLAS_NUM_THREADS"] = str(threads)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import numpy as np
    import tensorflow as tf

    from candidates.index import ItemIndex

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)

    generator = np.random.default_rng(seed)
    vectors = generator.standard_normal((items, dimensions), np.float32)
    query_vectors = generator.standard_normal((queries, dimensions), np.float32)
    index = ItemIndex(np.array([f"{position:010d}" for position in range(items)]), vectors)
    tensor = tf.constant(vectors)

    def argpartition() -> Any:
        found = []
        for start in range(0, queries, PEER_BLOCK):
            scores = query_vectors[start : start + PEER_BLOCK] @ vectors.T
            best = np.argpartition(scores, items - k, axis=1)[:, items - k :]
            best_scores = np.take_along_axis(scores, best, axis=1)
            found.append(np.take_along_axis(best, np.argsort(-best_scores, axis=1), axis=1))
        return np.concatenate(found)

    def tensorflow() -> Any:
        found = []
        for start in range(0, queries, PEER_BLOCK):
            scores = tf.linalg.matmul(query_vectors[start : start + PEER_BLOCK], tensor, transpose_b=True)
            found.append(tf.math.top_k(scores, k).indices.numpy())
        return np.concatenate(found)

    searches: dict[str, Callable[[], Any]] = {
        "ItemIndex.search": lambda: index.search(query_vectors, k)[0],
        "TensorFlow matmul + top_k": tensorflow,
        "NumPy matmul + argpartition": argpartition,
    }
    results = {name: search() for name, search in searches.items()}  # also the warm-up
    seconds: dict[str, list[float]] = {name: [] for name in searches}
    for _ in range(RUNS):
        for name, search in searches.items():
            started = time.perf_counter()
            search()
            seconds[name].append(time.perf_counter() - started)

    reference, *_ = medians = [statistics.median(runs) for runs in seconds.values()]
    click.echo(
        f"{items:,} items x {dimensions}, k = {k}, {queries:,} queries, {threads} thread(s), seed {seed}, "
        f"medians of {RUNS} runs"
    )
    for (name, result), median in zip(results.items(), medians, strict=True):
        same = (result == results["ItemIndex.search"]).mean()
        click.echo(
            f"{name:<28} {queries / median:8,.0f} queries/s   ItemIndex is {median / reference:5.2f} x as fast   "
            f"{same:.4%} of ranks hold the same item"
        )


if __name__ == "__main__":
    main()

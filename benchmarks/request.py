"""Latency of one candidate request in one thread, part by part, beside a TensorFlow search and Feast's own read.

    python benchmarks/request.py
    python benchmarks/request.py --users 50

Requests of users with a history, one at a time, from the id to the ranked list: features from the online store, query
tower, filter masks, retrieval, ranking. Peers in the same run, for the same users: `get_online_features` of Feast for
the same features; `tfrs.layers.factorized_top_k.BruteForce` for the item vectors alone, the one step of a plain
two-tower service after the query vector. Prints a Markdown table of p50, p99 and shares.
"""

import os
import time
from pathlib import Path
from typing import Any

import click

from features.report_table import ReportTable
from jobs import console

REQUEST = "complete request"


@click.command()
@console.repo_option
@console.releases_option
@console.release_option
@click.option("--users", type=click.IntRange(1), default=300, show_default=True, help="Requests that are measured.")
@click.option("--k", type=click.IntRange(1), default=100, show_default=True, help="Candidates of each of them.")
@console.seed_option
def main(repo: Path, releases: Path, version: str | None, users: int, k: int, seed: int) -> None:
    """Print the latency of each part."""
    # Read when the libraries are imported.
    os.environ |= dict.fromkeys(("OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"), "1")
    import numpy as np
    import serving_parts

    pipeline = serving_parts.open_pipeline(repo, releases, version, k)
    drawn = serving_parts.draw_users(pipeline, seed)
    wall: list[dict[str, float]] = []
    cpu: list[float] = []
    requests: list[Any] = []
    for user in drawn:
        started = time.process_time()
        parts, request = serving_parts.timed_parts(pipeline, [user])
        spent = time.process_time() - started
        if request.queries.histories.empty[0]:
            continue
        requests.append(request)
        wall.append(parts)
        cpu.append(spent)
        if len(wall) > users:
            break
    del wall[0], cpu[0], requests[0]  # the first request connects, and loads the compiled code
    if not wall:
        raise click.ClickException("No user has a purchase history: there are no requests to measure.")
    totals = np.array([sum(parts.values()) for parts in wall]) * 1_000
    peers = {
        "Feast: get_online_features, the same features": _feast(pipeline, requests),
        "TFRS: BruteForce, item vectors alone": _brute_force(pipeline, requests, k),
    }
    rows = [_row(REQUEST, totals, totals)]
    rows += [_row(name, np.array([parts[name] for parts in wall]) * 1_000, totals) for name in wall[0]]
    rows += [_row(name, milliseconds, totals) for name, milliseconds in peers.items()]
    print(ReportTable.of(["one user, one thread", "p50, ms", "p99, ms", "p50, ratio to request"], rows, []).markdown())
    items = len(pipeline.release.item_ids)
    print(
        f"\n{len(wall)} users with a history, {items:,} items, k = {k}, release {pipeline.release.version}, seed "
        f"{seed}, commit {console.commit()}; CPU time per request {np.median(cpu) * 1_000:.2f} ms (p50)"
    )


def _row(name: str, milliseconds: Any, totals: Any) -> list[str]:
    import numpy as np

    p50 = np.median(milliseconds)
    return [name, f"{p50:.2f}", f"{np.percentile(milliseconds, 99):.2f}", f"{p50 / np.median(totals):.2f}"]


def _feast(pipeline: Any, requests: list[Any]) -> Any:
    """Milliseconds of Feast's own read of the features of each request."""
    import numpy as np

    from features.schema import REQUEST_TIMESTAMP, USER_ID
    from features.store.request_services import CANDIDATE_REQUEST

    store = pipeline.reader.store
    service, seconds = store.get_feature_service(CANDIDATE_REQUEST), []
    for request in requests:
        started = time.perf_counter()
        rows = {USER_ID: list(request.user_ids), REQUEST_TIMESTAMP: [pipeline.moment]}
        store.get_online_features(features=service, entity_rows=rows).to_dict()
        seconds.append(time.perf_counter() - started)
    return np.array(seconds) * 1_000


def _brute_force(pipeline: Any, requests: list[Any], k: int) -> Any:
    """Milliseconds of the search of TFRS for the query vector of each request."""
    console.load_tensorflow()
    import numpy as np
    import tensorflow as tf
    import tensorflow_recommenders as tfrs

    index, seconds = tfrs.layers.factorized_top_k.BruteForce(k=k), []
    index.index(tf.constant(pipeline.release.item_vectors), tf.range(len(pipeline.release.item_ids)))
    index(tf.constant(requests[0].queries.vectors))
    for request in requests:
        started = time.perf_counter()
        index(tf.constant(request.queries.vectors))[1].numpy()
        seconds.append(time.perf_counter() - started)
    return np.array(seconds) * 1_000


if __name__ == "__main__":
    main()

"""Choosing the search effort of an approximate index: the smallest that reaches a recall on real queries.

An effort is chosen on one half of the queries, and its recall is measured on the other half.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from candidates.approximate_index import ApproximateIndex
from candidates.search_engine import list_recall
from features.errors import InputError
from features.progress import Reporter
from features.store.catalogue import user_ids
from pipelines.serving import CandidatePipeline

RECALL_DEPTH: Final = 100


def sample_queries(pipeline: CandidatePipeline, count: int, seed: int) -> dict[int, NDArray[np.float32]]:
    """Compute the query vectors of random users with a history, as candidate generation searches for them.

    Args:
        pipeline: an opened pipeline.
        count: of the users that are read; those without a history have no query.
        seed: of the selection.

    Returns:
        Query vectors float32 (n, dimensions), by their number of dimensions.

    Raises:
        InputError: none of the users has a history.
    """
    ids = user_ids(pipeline.reader.store, pipeline.moment).to_pylist()
    chosen = np.random.default_rng(seed).permutation(len(ids))[:count]
    queries = pipeline.read([ids[position] for position in chosen]).queries
    with_history = ~queries.histories.empty
    if not with_history.any():
        raise InputError(
            f"None of {len(chosen)} users has a purchase history, so that recall cannot be measured: raise --queries, "
            "or use --engine exact."
        )
    vectors: dict[int, list[NDArray[np.float32]]] = {}
    for each in (queries.vectors, queries.new_item_vectors):
        vectors.setdefault(each.shape[1], []).append(each[with_history])
    return {dimensions: np.concatenate(parts) for dimensions, parts in vectors.items()}


def choose_efforts(
    index: ApproximateIndex,
    queries: dict[int, NDArray[np.float32]],
    min_recall: float,
    version: str,
    reporter: Reporter,
) -> ApproximateIndex:
    """Return an index with the smallest efforts that reach a recall on both halves of the queries.

    Args:
        index: with a searcher for the queries of each number of dimensions.
        queries: float32 (n, dimensions), by the number of dimensions. Every second one chooses the effort, and the
            others measure the recall that is reported; a single query does both.
        min_recall: of the top `RECALL_DEPTH` against the exact search, 0 to 1.
        version: of the release, for messages.
        reporter: receives the recall at each effort.

    Raises:
        InputError: no effort reaches the recall.
    """
    for dimensions, vectors in queries.items():
        halves = vectors[::2], vectors[1::2] if len(vectors) > 1 else vectors
        exact = [index.items.search(half, RECALL_DEPTH) for half in halves]
        best = 0.0
        for effort in index.searchers[dimensions].efforts:
            tried = index.with_effort(dimensions, effort)
            chosen, recall = (
                list_recall(tried.search(half, RECALL_DEPTH), found) for half, found in zip(halves, exact, strict=True)
            )
            reporter.detail(
                f"{dimensions} dimensions, effort {effort}: recall@{RECALL_DEPTH} {chosen:.4f}, other half {recall:.4f}"
            )
            if min(chosen, recall) >= min_recall:
                index = index.with_effort(dimensions, effort, recall)
                reporter.metrics(
                    f"recall@{RECALL_DEPTH} {recall:.4f} of {len(halves[1]):,} queries of {dimensions} dimensions "
                    f"(effort {effort}, which also reaches it on as many others)"
                )
                break
            best = max(best, min(chosen, recall))
        else:
            raise InputError(
                f"The index of release {version} has recall@{RECALL_DEPTH} {best:.4f} for queries of {dimensions} "
                f"dimensions, {min_recall} was required, and the earlier index stays: lower --min-recall, or use "
                "--engine exact."
            )
    return index

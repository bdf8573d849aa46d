"""Approximate search engines beside the exact search, on the item vectors and query vectors of a release.

    python benchmarks/index_engines.py
    python benchmarks/index_engines.py --items 105542
    python benchmarks/index_engines.py --engine "FAISS HNSW, 8 bits" --queries 500

Two indexes for each engine: the complete item vectors with the users' query vectors, and the content part of the item
vectors with their new-item query vectors. --items beyond the release's own adds copies of random items, perturbed by
Gaussian noise of a tenth of their norm. Searches are by turns in one process. Recall is the share of the exact top k
that an engine returns. A list of one engine has a line for each search effort. With --filters, at the smallest effort
that reaches --min-recall (otherwise at the largest one), random items are excluded for all queries: within the search
in FAISS, by over-fetching in the other engines. Engines that are not installed are skipped: `pip install usearch
hnswlib`. Memory is the size of the index as it is stored. On a busy machine, compare the CPU time.
"""

import importlib.util
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import serving_parts

from features.report_table import ReportTable
from jobs import console

EXACT = "exact"
HEADER = [
    "engine", "effort", "recall", "CPU ms/query", "speed, ratio to exact", "queries/s, 1 thread", "ratio, 1 thread",
    "2 threads", "ratio, 2 threads", "single query p50, ms", "p99, ms", "MB", "build, s",
]  # fmt: skip
FILTER_HEADER = ["engine", "effort", "excluded", "recall", "shortest list", "queries/s, 1 thread", "ratio to exact"]
EXCLUDED_SHARES = (0.01, 0.5, 0.99)
SINGLE_QUERIES = 300
FILTERED_QUERIES = 200
NOISE = 0.1
NEIGHBOURS, CONSTRUCTION_EFFORT, LISTS = 32, 200, 256
GRAPH_EFFORTS, LIST_EFFORTS = (100, 150, 200, 300), (16, 32, 64, 128)


@dataclass(frozen=True)
class Built:
    """An index that was built.

    Attributes:
        search: queries, k, effort and threads to positions (n, k), -1 where there are fewer.
        search_eligible: queries, k, effort and eligible items to positions, with one thread.
        bytes: of the stored index.
    """

    search: Callable[[Any, int, int, int], Any]
    search_eligible: Callable[[Any, int, int, Any], Any]
    bytes: int


@dataclass(frozen=True)
class Engine:
    """An engine that can be measured.

    Attributes:
        module: what has to be installed.
        efforts: settings of the search, ascending: candidates of a graph search, inverted lists or multiples of k read.
        build: item vectors to an index, with 2 threads.
    """

    module: str
    efforts: tuple[int, ...]
    build: Callable[[Any], Built]


@click.command()
@console.repo_option
@console.releases_option
@console.release_option
@click.option("--items", type=click.IntRange(1), help="Size of the catalogue.  [default: that of the release]")
@click.option("--queries", default=2_000, show_default=True, help="Users whose query vectors are searched for.")
@click.option("--k", default=100, show_default=True, help="Items per query.")
@click.option("--min-recall", default=0.98, show_default=True, help="Recall at which the filters are measured.")
@click.option("--filters", is_flag=True, help="Measure the filters too.")
@click.option("--engine", "only", multiple=True, help="Engine to measure, repeatable.  [default: all]")
@console.seed_option
def main(
    repo: Path,
    releases: Path,
    version: str | None,
    items: int | None,
    queries: int,
    k: int,
    min_recall: float,
    *,
    filters: bool,
    only: tuple[str, ...],
    seed: int,
) -> None:
    """Print a table for the complete vectors and one for the content part."""
    os.environ |= dict.fromkeys(
        ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"), "1"
    )  # read when the libraries are imported
    import numpy as np

    if unknown := set(only) - ENGINES.keys():
        raise click.BadParameter(f"{sorted(unknown)}; choose from {[*ENGINES]}.", param_hint="--engine")
    pipeline = serving_parts.open_pipeline(repo, releases, version, k)
    found = pipeline.read(serving_parts.draw_users(pipeline, seed)[:queries]).queries
    warm = np.flatnonzero(~found.histories.empty)
    vectors = enlarge(pipeline.release.item_vectors, items, seed)
    content = found.new_item_vectors.shape[1]
    for title, item_vectors, query_vectors in (
        ("complete item vectors", vectors, found.vectors[warm]),
        ("content part, new-item queries", np.ascontiguousarray(vectors[:, :content]), found.new_item_vectors[warm]),
    ):
        print(f"\n{title}: {len(item_vectors):,} items x {item_vectors.shape[1]}\n")
        measure(item_vectors, query_vectors, k, min_recall, only, filters=filters, seed=seed)
    print(
        f"\n{len(warm):,} query vectors of users with a history, k = {k}, {len(vectors):,} items "
        f"({max(0, len(vectors) - len(pipeline.release.item_ids)):,} of them perturbed copies), release "
        f"{pipeline.release.version}, seed {seed}, commit {console.commit()}"
    )


def enlarge(vectors: Any, items: int | None, seed: int) -> Any:
    """The first item vectors, or all of them and perturbed copies of random ones."""
    import numpy as np

    if items is None or items <= len(vectors):
        return vectors[:items]
    generator = np.random.default_rng(seed)
    copies = vectors[generator.integers(len(vectors), size=items - len(vectors))]
    noise = generator.standard_normal(copies.shape, np.float32)
    noise *= NOISE * np.linalg.norm(copies, axis=1, keepdims=True) / np.linalg.norm(noise, axis=1, keepdims=True)
    return np.concatenate([vectors, copies + noise])


def measure(
    vectors: Any, queries: Any, k: int, min_recall: float, only: tuple[str, ...], *, filters: bool, seed: int
) -> None:
    """Print the tables of one kind of vectors."""
    import numpy as np

    exact = build_exact(vectors)
    nearest = exact.search(queries, k, 0, 1)
    reference = speeds_of(exact, queries, k, 0)
    rows, at_filter = [row(EXACT, exact, queries, k, 0, nearest, reference, reference, 0.0)], [(EXACT, exact, 0)]
    for name, engine in ENGINES.items():
        if only and name not in only:
            continue
        if importlib.util.find_spec(engine.module) is None:
            print(f"{name}: skipped, {engine.module} is not installed.")
            continue
        started = time.perf_counter()
        built = engine.build(vectors)
        seconds = time.perf_counter() - started
        reached = engine.efforts[-1]
        for effort in engine.efforts:
            speeds = speeds_of(built, queries, k, effort)
            rows.append(row(name, built, queries, k, effort, nearest, speeds, reference, seconds))
            if float(rows[-1][2]) >= min_recall:
                reached = effort
                break
        at_filter.append((name, built, reached))
    print(ReportTable.of(HEADER, rows, ["engine"]).markdown())
    if not filters:
        return
    generator, rows, queries = np.random.default_rng(seed), [], queries[:FILTERED_QUERIES]
    for share in EXCLUDED_SHARES:
        eligible = generator.random(len(vectors)) >= share
        nearest, speed = exact.search_eligible(queries, k, 0, eligible), 0.0
        for name, built, effort in at_filter:
            started = time.perf_counter()
            found = built.search_eligible(queries, k, effort, eligible)
            rate = len(queries) / (time.perf_counter() - started)
            speed = speed or rate  # the exact search is the first
            shortest = (found >= 0).sum(axis=1).min()
            figures = [f"{share:.0%}", f"{recall(found, nearest):.4f}", str(shortest)]
            rows.append([name, str(effort or ""), *figures, f"{rate:,.0f}", f"{rate / speed:.2f}"])
    print("\n" + ReportTable.of(FILTER_HEADER, rows, ["engine"]).markdown())


def row(
    name: str,
    built: Built,
    queries: Any,
    k: int,
    effort: int,
    nearest: Any,
    speeds: list[float],
    reference: list[float],
    seconds: float,
) -> list[str]:
    """The line of one engine at one effort."""
    import numpy as np

    found = built.search(queries, k, effort, 1)
    single = []
    for each in range(min(SINGLE_QUERIES, len(queries))):
        started = time.perf_counter()
        built.search(queries[each : each + 1], k, effort, 1)
        single.append(1_000 * (time.perf_counter() - started))
    pairs = zip(speeds, reference, strict=True)
    (_, cpu), *walls = [(f"{speed:,.0f}", f"{speed / exact:.2f}") for speed, exact in pairs]
    ratios = [f"{1_000 / speeds[0]:.3f}", cpu, *(text for pair in walls for text in pair)]
    p50, p99 = np.percentile(single[1:], [50, 99])
    figures = [f"{p50:.2f}", f"{p99:.2f}", f"{built.bytes / 2**20:.0f}", f"{seconds:.0f}"]
    return [name, str(effort or ""), f"{recall(found, nearest):.4f}", *ratios, *figures]


def speeds_of(built: Built, queries: Any, k: int, effort: int) -> list[float]:
    """Queries per second of CPU time in one thread, of time in one thread and in two; the better of two runs each."""
    speeds = []
    for clock, threads in ((time.process_time, 1), (time.perf_counter, 1), (time.perf_counter, 2)):
        seconds = []
        for _ in range(2):
            started = clock()
            built.search(queries, k, effort, threads)
            seconds.append(clock() - started)
        speeds.append(len(queries) / min(seconds))
    return speeds


def recall(found: Any, nearest: Any) -> float:
    """The share of the exact lists that was found."""
    from candidates.item_lists import ItemLists

    listed = nearest >= 0
    return float(ItemLists.from_padded(found.astype("int32")).contains(nearest)[listed].mean())


def build_exact(vectors: Any) -> Built:
    """Build the project's exact search."""
    import numpy as np
    import pyarrow as pa
    from threadpoolctl import threadpool_limits

    from candidates.index import FEW_QUERIES, QUERIES_PER_BLOCK, ItemIndex
    from candidates.parallel import map_in_threads

    index = ItemIndex(pa.array([f"{position:010d}" for position in range(len(vectors))]), vectors)

    def search(queries: Any, k: int, _: int, threads: int, eligible: Any = None) -> Any:
        if len(queries) <= FEW_QUERIES:
            return index.search(queries, k, eligible=eligible)[0]
        blocks = [queries[start : start + QUERIES_PER_BLOCK] for start in range(0, len(queries), QUERIES_PER_BLOCK)]
        with threadpool_limits(1):
            lists = map_in_threads(lambda block: index.search(block, k, eligible=eligible)[0], blocks, threads)
            return np.concatenate([*lists])

    return Built(search, lambda queries, k, _, eligible: search(queries, k, 0, 1, eligible), vectors.nbytes)


def build_faiss(specification: str) -> Callable[[Any], Built]:
    """Build what FAISS' index factory makes of a specification, in which {pairs} is half of the dimensions."""

    def build(vectors: Any) -> Built:
        import faiss
        import numpy as np

        faiss.omp_set_num_threads(2)
        dimensions = vectors.shape[1]
        index = faiss.index_factory(dimensions, specification.format(pairs=dimensions // 2), faiss.METRIC_INNER_PRODUCT)
        if "HNSW" in specification:
            index.hnsw.efConstruction = CONSTRUCTION_EFFORT
        index.train(vectors)
        index.add(vectors)

        def settings(effort: int, **selector: Any) -> Any:
            if "HNSW" in specification:
                return faiss.SearchParametersHNSW(efSearch=effort, **selector)
            if "IVF" in specification:
                return faiss.SearchParametersIVF(nprobe=effort, **selector)
            return faiss.IndexRefineSearchParameters(k_factor=effort)

        def search(queries: Any, k: int, effort: int, threads: int) -> Any:
            faiss.omp_set_num_threads(threads)
            if "RFlat" in specification:
                effort = max(1, min(effort, len(vectors) // k))
            return index.search(queries, k, params=settings(effort))[1]

        def search_eligible(queries: Any, k: int, effort: int, eligible: Any) -> Any:
            if "RFlat" in specification:
                return over_fetched(search)(queries, k, effort, eligible)
            faiss.omp_set_num_threads(1)
            bits = np.packbits(eligible, bitorder="little")
            selector = faiss.IDSelectorBitmap(len(bits), faiss.swig_ptr(bits))
            return index.search(queries, k, params=settings(effort, sel=selector))[1]

        return Built(search, search_eligible, len(faiss.serialize_index(index)))

    return build


def build_hnswlib(space: str) -> Callable[[Any], Built]:
    """Build a graph of hnswlib: of inner products, or of distances between vectors that are extended to equal norms."""

    def build(vectors: Any) -> Built:
        import hnswlib
        import numpy as np

        def extended(queries: Any) -> Any:
            return queries if space == "ip" else np.pad(queries, ((0, 0), (0, 1)))

        squares = np.square(vectors, dtype=np.float64).sum(axis=1)
        extra = np.sqrt(squares.max() - squares).astype(np.float32)[:, None]
        graph = hnswlib.Index(space, vectors.shape[1] + (space != "ip"))
        graph.init_index(len(vectors), M=NEIGHBOURS, ef_construction=CONSTRUCTION_EFFORT, random_seed=1)
        graph.add_items(vectors if space == "ip" else np.concatenate([vectors, extra], axis=1), num_threads=2)

        def search(queries: Any, k: int, effort: int, threads: int) -> Any:
            graph.set_ef(max(effort, k))
            try:
                return graph.knn_query(extended(queries), k, num_threads=threads)[0].astype(np.int32)
            except RuntimeError:  # the graph does not reach k items from its entry
                return search(queries, k // 2, effort, threads)

        return Built(search, over_fetched(search), graph.index_file_size())

    return build


def build_usearch(dtype: str) -> Callable[[Any], Built]:
    """Build a graph of USearch for inner products, of numbers of this type."""

    def build(vectors: Any) -> Built:
        import numpy as np
        from usearch.index import Index

        graph = Index(
            ndim=vectors.shape[1], metric="ip", dtype=dtype, connectivity=NEIGHBOURS,
            expansion_add=CONSTRUCTION_EFFORT,
        )  # fmt: skip
        graph.add(np.arange(len(vectors)), vectors, threads=2)

        def search(queries: Any, k: int, effort: int, threads: int) -> Any:
            graph.expansion_search = max(effort, k)
            keys = graph.search(queries, k, threads=threads).keys
            return np.asarray(keys).reshape(len(queries), -1).astype(np.int32)

        return Built(search, over_fetched(search), graph.serialized_length)

    return build


def over_fetched(search: Callable[[Any, int, int, int], Any]) -> Callable[[Any, int, int, Any], Any]:
    """Filter after the search, which goes deeper until k items remain."""

    def search_eligible(queries: Any, k: int, effort: int, eligible: Any) -> Any:
        import numpy as np

        from candidates.over_fetching import over_fetch

        def lists(users: Any, depth: int) -> Any:
            positions = search(queries[users], min(depth, len(eligible)), effort, 1).astype(np.int32)
            ranks = np.arange(positions.shape[1], dtype=np.float32)
            return positions, np.broadcast_to(-ranks, positions.shape)

        return over_fetch(lists, len(queries), k, lambda _, positions: eligible[positions])[0]

    return search_eligible


def _engines() -> Iterator[tuple[str, Engine]]:
    yield "FAISS IVF", Engine("faiss", LIST_EFFORTS, build_faiss(f"IVF{LISTS},Flat"))
    yield "FAISS IVF, 8 bits", Engine("faiss", LIST_EFFORTS, build_faiss(f"IVF{LISTS},SQ8"))
    yield "FAISS HNSW", Engine("faiss", GRAPH_EFFORTS, build_faiss(f"HNSW{NEIGHBOURS},Flat"))
    yield "FAISS HNSW, 8 bits", Engine("faiss", GRAPH_EFFORTS, build_faiss(f"HNSW{NEIGHBOURS},SQ8"))
    yield "FAISS PQ fast scan", Engine("faiss", (4, 8, 16), build_faiss("PQ{pairs}x4fs,RFlat"))
    yield "hnswlib", Engine("hnswlib", GRAPH_EFFORTS, build_hnswlib("ip"))
    yield "hnswlib, augmented L2", Engine("hnswlib", GRAPH_EFFORTS, build_hnswlib("l2"))
    yield "USearch", Engine("usearch", GRAPH_EFFORTS, build_usearch("f32"))
    yield "USearch, 16 bits", Engine("usearch", GRAPH_EFFORTS, build_usearch("f16"))


ENGINES = dict(_engines())


if __name__ == "__main__":
    main()

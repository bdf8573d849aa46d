"""Approximate maximum inner product search with FAISS, scored exactly."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Literal, Self, TypeAlias

import faiss
import numpy as np
from numpy.typing import NDArray

from candidates.index import FEW_QUERIES, ItemIndex
from candidates.item_lists import ItemLists, check_request
from candidates.over_fetching import over_fetch
from candidates.parallel import threads_of_this_thread
from candidates.topk import TopK, top_k

Kind: TypeAlias = Literal["codes", "lists"]

# Items that are scored exactly, as a multiple of k, and inverted lists that are read: the efforts that are tried.
EFFORTS: Final[dict[Kind, tuple[int, ...]]] = {
    "codes": (4, 6, 8, 12, 16, 24, 32),
    "lists": (16, 24, 32, 48, 64, 96, 128, 256),
}
# Below this share of allowed items an engine finds few of them: the exact search takes the same time as without masks.
LEAST_ALLOWED_SHARE: Final = 0.25
# Lists that are filtered after the search are requested up to this many times k.
DEEPEST: Final = 4
# The depth at which efforts are chosen; shorter lists need more codes for each of their items.
_LEAST_DEPTH: Final = 100
_FEWEST_TRAINING_VECTORS: Final = 624  # FAISS wants as many for the 16 codes of each pair of dimensions
_MOST_LISTS: Final = 256
_ITEMS_PER_LIST: Final = 39  # k-means of FAISS wants at least as many items for each list
# Inner products of 8 bits are not the exact ones: so many more items of lists are scored exactly, as a share of k.
_SPARE_SHARE: Final = 0.1


@dataclass(frozen=True, eq=False)
class Searcher:
    """An index of FAISS over the first dimensions of the item vectors.

    Attributes:
        kind: "codes" (all vectors in 4 bits for each pair of dimensions, product quantization) or "lists" (an inverted
            file of vectors in 8 bits).
        effort: of a search, see `EFFORTS`.
        index: of FAISS.
        bytes: of the stored index.
    """

    kind: Kind
    effort: int
    index: Any
    bytes: int

    @classmethod
    def build(cls, vectors: NDArray[np.float32], kind: Kind) -> Self:
        """Build an index of item vectors, float32 (items, d)."""
        faiss.omp_set_num_threads(threads_of_this_thread())
        dimensions, training = vectors.shape[1], vectors
        if kind == "codes":
            specification = f"PQ{dimensions // 2 if dimensions % 2 == 0 else dimensions}x4fs"
            training = np.resize(vectors, (max(len(vectors), _FEWEST_TRAINING_VECTORS), dimensions))  # repeats a few
        else:
            specification = f"IVF{max(1, min(_MOST_LISTS, len(vectors) // _ITEMS_PER_LIST))},SQ8"
        index = faiss.index_factory(dimensions, specification, faiss.METRIC_INNER_PRODUCT)
        index.train(training)
        index.add(vectors)
        return cls(kind, EFFORTS[kind][0], index, len(faiss.serialize_index(index)))

    def search(self, queries: NDArray[np.float32], depth: int, eligible: NDArray[np.bool_] | None) -> NDArray[np.int32]:
        """Propose items for each query, int32 (n, at least depth), padded with -1; those of codes may be ineligible."""
        # A few queries are searched in less time than threads take to start.
        faiss.omp_set_num_threads(1 if len(queries) <= FEW_QUERIES else threads_of_this_thread())
        queries, items = np.ascontiguousarray(queries), self.index.ntotal
        if self.kind == "codes":
            share = 1.0 if eligible is None else float(eligible.mean())
            proposed = self.index.search(queries, min(items, round(self.effort * max(depth, _LEAST_DEPTH) / share)))[1]
        else:
            selector = {}
            if eligible is not None:
                bits = np.packbits(eligible, bitorder="little")
                selector = {"sel": faiss.IDSelectorBitmap(len(bits), faiss.swig_ptr(bits))}
            parameters = faiss.SearchParametersIVF(nprobe=self.effort, **selector)
            proposed = self.index.search(queries, min(items, depth + int(_SPARE_SHARE * depth)), params=parameters)[1]
        positions: NDArray[np.int32] = proposed.astype(np.int32)
        return positions


@dataclass(eq=False)
class SearchCounts:
    """How many queries were searched, and how many of them exactly because an approximate list would be too short."""

    queries: int = 0
    exact: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def add(self, queries: int, exact: int) -> None:
        """Count queries; searches run in several threads."""
        with self._lock:
            self.queries += queries
            self.exact += exact


@dataclass(frozen=True, eq=False)
class ApproximateIndex:
    """Item vectors with approximate search, a `candidates.search_engine.SearchEngine`.

    FAISS proposes items, which are scored exactly: scores and the order of ties are those of the exact search, and
    lists differ by the items that were not found. Ineligible items are left out before the cut, excluded ones after it;
    then the search goes deeper, up to `DEEPEST` times. Queries whose lists are still too short, or which may list less
    than `LEAST_ALLOWED_SHARE` of the items, are searched exactly.

    Attributes:
        items: the item vectors.
        searchers: one for each number of dimensions that queries have.
        recalls: recall of sampled queries at these efforts, 0 to 1, by the number of dimensions, where it was measured.
        counts: of the queries so far.
    """

    items: ItemIndex
    searchers: dict[int, Searcher]
    recalls: dict[int, float] = field(default_factory=dict)
    counts: SearchCounts = field(default_factory=SearchCounts)

    @classmethod
    def build(cls, items: ItemIndex, dimensions: Sequence[int]) -> Self:
        """Build searchers for queries with these numbers of dimensions, at their smallest effort.

        The complete vectors get codes, shorter ones lists, in which they fall into clear clusters, see
        docs/adr/0024-index-engines.md.

        Raises:
            ValueError: the item vectors do not have that many dimensions.
        """
        complete = items.vectors.shape[1]
        if not dimensions or not all(1 <= each <= complete for each in dimensions):
            raise ValueError(f"Dimensions must be 1 to {complete}, not {list(dimensions)}.")
        return cls(
            items,
            {
                each: Searcher.build(
                    np.ascontiguousarray(items.vectors[:, :each]), "codes" if each == complete else "lists"
                )
                for each in sorted(set(dimensions))
            },
        )

    def __len__(self) -> int:
        """Return the number of items."""
        return len(self.items)

    @property
    def nbytes(self) -> int:
        """Bytes of memory, with the item vectors."""
        return self.items.nbytes + sum(searcher.bytes for searcher in self.searchers.values())

    def with_effort(self, dimensions: int, effort: int, recall: float | None = None) -> Self:
        """Return the same index with another effort for queries of some dimensions; queries are counted from 0.

        Args:
            dimensions: of the queries.
            effort: see `EFFORTS`.
            recall: what was measured at this effort; None if it is not known.
        """
        changed = {**self.searchers, dimensions: replace(self.searchers[dimensions], effort=effort)}
        recalls = {each: known for each, known in self.recalls.items() if each != dimensions}
        return type(self)(self.items, changed, recalls if recall is None else {**recalls, dimensions: recall})

    def search(
        self,
        queries: NDArray[np.float32],
        k: int,
        excluded: ItemLists | None = None,
        *,
        eligible: NDArray[np.bool_] | None = None,
    ) -> TopK:
        """Return k items with large inner products for each query, see `candidates.search_engine.SearchEngine`."""
        self.items.check_queries(queries)
        check_request(len(queries), k, len(self), excluded, eligible)
        searcher = self.searchers.get(queries.shape[1])
        if searcher is None:
            raise ValueError(f"Queries must have {sorted(self.searchers)} dimensions, not {queries.shape[1]}.")
        if not np.isfinite(queries).all():
            raise ValueError("Queries must be finite: some hold nan or infinity.")
        n, k = len(queries), min(k, len(self))
        excluded = ItemLists.empty(n) if excluded is None else excluded
        allowed = _count_allowed(len(self), excluded, eligible)
        positions, scores = np.full((n, k), -1, np.int32), np.full((n, k), -np.inf, np.float32)
        users = np.flatnonzero(allowed >= LEAST_ALLOWED_SHARE * len(self))
        own_queries, own_excluded = queries[users], excluded.take(users)

        def search(selected: NDArray[np.intp], depth: int) -> TopK:
            depth = min(depth, DEEPEST * k, len(self))
            proposed = searcher.search(own_queries[selected], depth, eligible)
            return self._score(own_queries[selected], proposed, depth, eligible)

        def keep(rows: NDArray[np.integer[Any]], found: NDArray[np.int32]) -> NDArray[np.bool_]:
            return ~own_excluded.contains_pairs(rows, found)

        if len(users):
            positions[users], scores[users] = over_fetch(search, len(users), k, keep, allowed[users])
        short = np.flatnonzero((positions >= 0).sum(axis=1) < np.minimum(k, allowed))
        if len(short):
            positions[short], scores[short] = self.items.search(
                queries[short], k, excluded.take(short), eligible=eligible
            )
        self.counts.add(n, len(short))
        return positions, scores

    def close(self) -> None:
        """Release the searchers, and what the exact search has computed; nothing is searched afterwards."""
        self.searchers.clear()
        self.items.close()

    def write(self, folder: Path) -> None:
        """Write a file for each searcher into an existing folder; efforts and recalls are not stored."""
        for dimensions, searcher in self.searchers.items():
            faiss.serialize_index(searcher.index).tofile(folder / _file_name(dimensions))

    @classmethod
    def read(cls, folder: Path, items: ItemIndex, efforts: dict[int, int], recalls: dict[int, float]) -> Self:
        """Read what `write` wrote. FAISS trusts its files: they have to be verified before.

        Args:
            folder: with the files.
            items: the item vectors of which the index was built.
            efforts: of a search, by the number of dimensions of the queries.
            recalls: at these efforts.

        Raises:
            ValueError: a file is not an index of these items.
        """
        searchers = {}
        for dimensions, effort in efforts.items():
            content = np.fromfile(folder / _file_name(dimensions), np.uint8)
            try:
                index = faiss.deserialize_index(content)
            except RuntimeError as error:
                raise ValueError(f"{_file_name(dimensions)} is not an index of FAISS.") from error
            if (index.ntotal, index.d) != (len(items), dimensions):
                raise ValueError(
                    f"{_file_name(dimensions)} has {index.ntotal} items of {index.d} dimensions, not {len(items)} of "
                    f"{dimensions}."
                )
            kind: Kind = "codes" if dimensions == items.vectors.shape[1] else "lists"
            searchers[dimensions] = Searcher(kind, effort, index, len(content))
        return cls(items, searchers, recalls)

    def _score(
        self,
        queries: NDArray[np.float32],
        proposed: NDArray[np.int32],
        k: int,
        eligible: NDArray[np.bool_] | None,
    ) -> TopK:
        """Return the k best of the eligible ones among the proposed items, with their exact scores."""
        listed = proposed >= 0
        if eligible is not None:
            listed &= eligible[proposed]
        offsets = np.concatenate([[0], np.cumsum(listed.sum(axis=1))]).astype(np.int64)
        positions = proposed[listed]
        return top_k(offsets, positions, self.items.score_pairs(queries, offsets, positions), k)


def _file_name(dimensions: int) -> str:
    return f"vectors_{dimensions}.faiss"


def _count_allowed(items: int, excluded: ItemLists, eligible: NDArray[np.bool_] | None) -> NDArray[np.int64]:
    """Return how many items each query may list, int64 (n,)."""
    if eligible is None:
        return items - excluded.lengths
    lost = np.bincount(excluded.rows[eligible[excluded.positions]], minlength=len(excluded))
    return np.asarray(eligible.sum() - lost, np.int64)

"""Approximate maximum inner product search: a searcher proposes items, which are scored exactly."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from candidates.faiss_searcher import FaissSearcher
from candidates.index import ItemIndex
from candidates.item_lists import ItemLists, check_request
from candidates.over_fetching import over_fetch
from candidates.topk import TopK, top_k

# Lists that are filtered after the search are requested up to this many times k.
DEEPEST: Final = 4


class Searcher(Protocol):
    """Proposes items for queries of some number of dimensions; a larger effort finds more, and takes longer."""

    @property
    def engine(self) -> str:
        """The name of the engine, for people."""

    @property
    def effort(self) -> int:
        """The effort of a search."""

    @property
    def efforts(self) -> tuple[int, ...]:
        """The efforts that are tried, ascending."""

    @property
    def nbytes(self) -> int:
        """Bytes of memory in this process."""

    @property
    def least_allowed_share(self) -> float:
        """Below this share of allowed items it finds few of them, and the exact search takes no longer."""

    def with_effort(self, effort: int) -> Self:
        """Return the same searcher with another effort."""

    def close(self) -> None:
        """Release memory or connections; nothing is searched afterwards."""

    def search(
        self, queries: NDArray[np.float32], depth: int, excluded: ItemLists, eligible: NDArray[np.bool_] | None
    ) -> NDArray[np.int32]:
        """Propose items for each query, int32 (n, at least depth), padded with -1.

        Excluded and ineligible items may be among them: they are removed afterwards.
        """


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

    Scores and the order of ties are those of the exact search, and lists differ by the items that were not found. Items
    that are excluded or ineligible, and were proposed all the same, are left out; then the search goes deeper, up to
    `DEEPEST` times. Queries whose lists are still too short, or which may list less than the searcher's
    `least_allowed_share` of the items, are searched exactly.

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
        """Build searchers of FAISS for queries with these numbers of dimensions, at their smallest effort.

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
                each: FaissSearcher.build(
                    np.ascontiguousarray(items.vectors[:, :each]), "codes" if each == complete else "lists"
                )
                for each in sorted(set(dimensions))
            },
        )

    def __len__(self) -> int:
        """Return the number of items."""
        return len(self.items)

    @property
    def name(self) -> str:
        """The name of the engine that proposes items, for people."""
        return next(iter(self.searchers.values())).engine

    @property
    def settings(self) -> dict[str, dict[str, float]]:
        """Efforts and recalls by the number of dimensions, JSON-ready; `read_settings` reads them."""
        return {
            "efforts": {str(each): searcher.effort for each, searcher in self.searchers.items()},
            "recalls": {str(each): recall for each, recall in self.recalls.items()},
        }

    @property
    def nbytes(self) -> int:
        """Bytes of memory, with the item vectors."""
        return self.items.nbytes + sum(searcher.nbytes for searcher in self.searchers.values())

    def with_effort(self, dimensions: int, effort: int, recall: float | None = None) -> Self:
        """Return the same index with another effort for queries of some dimensions; queries are counted from 0.

        Args:
            dimensions: of the queries.
            effort: see `Searcher`.
            recall: what was measured at this effort; None if it is not known.
        """
        changed = {**self.searchers, dimensions: self.searchers[dimensions].with_effort(effort)}
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
        users = np.flatnonzero(allowed >= searcher.least_allowed_share * len(self))
        own_queries, own_excluded = queries[users], excluded.take(users)

        def search(selected: NDArray[np.intp], depth: int) -> TopK:
            depth = min(depth, DEEPEST * k, len(self))
            proposed = searcher.search(own_queries[selected], depth, own_excluded.take(selected), eligible)
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
        for searcher in self.searchers.values():
            searcher.close()
        self.searchers.clear()
        self.items.close()

    def write(self, folder: Path) -> None:
        """Write a file for each searcher into an existing folder; efforts and recalls are not stored.

        Raises:
            TypeError: a searcher is not one of FAISS.
        """
        for dimensions, searcher in self.searchers.items():
            if not isinstance(searcher, FaissSearcher):
                raise TypeError(f"A {type(searcher).__name__} has no files.")
            searcher.write(folder / _file_name(dimensions))

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
        complete = items.vectors.shape[1]
        searchers: dict[int, Searcher] = {
            dimensions: FaissSearcher.read(
                folder / _file_name(dimensions),
                "codes" if dimensions == complete else "lists",
                effort,
                len(items),
                dimensions,
            )
            for dimensions, effort in efforts.items()
        }
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


def read_settings(description: Mapping[str, Any]) -> tuple[dict[int, int], dict[int, float]]:
    """Return efforts and recalls by the number of dimensions from a description with `ApproximateIndex.settings`."""
    efforts, recalls = (
        {int(dimensions): number for dimensions, number in description[name].items()} for name in ("efforts", "recalls")
    )
    return efforts, recalls


def _file_name(dimensions: int) -> str:
    return f"vectors_{dimensions}.faiss"


def _count_allowed(items: int, excluded: ItemLists, eligible: NDArray[np.bool_] | None) -> NDArray[np.int64]:
    """Return how many items each query may list, int64 (n,)."""
    if eligible is None:
        return items - excluded.lengths
    lost = np.bincount(excluded.rows[eligible[excluded.positions]], minlength=len(excluded))
    return np.asarray(eligible.sum() - lost, np.int64)

"""Exact maximum inner product search over all items."""

from dataclasses import dataclass, field
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from candidates.compiled import compiled
from candidates.item_lists import ItemLists, check_request
from candidates.pair_scores import score_pairs
from candidates.parallel import map_in_threads
from candidates.quantized_vectors import QuantizedVectors
from candidates.shortlists import CHUNK, Shortlists
from candidates.topk import TopK, top_k

# A tile of scores, queries x items, stays in a processor's own cache until it has been read (2 MiB). The matrix product
# is slower with fewer queries than this, because it then arranges the item vectors for too few of them.
QUERIES_PER_BLOCK: Final = 512
SCORES_PER_TILE: Final = 2**19
# For a few queries, arranging the item vectors costs more than it saves: they are searched one by one.
FEW_QUERIES: Final = 8
# Items near the cut, beyond twice k on each side, for which there is space before a query counts as one with many ties.
SPARE_CAPACITY: Final = 1_024


@dataclass(frozen=True, eq=False)
class ItemIndex:
    """Item vectors with exact search by inner product, a `candidates.search_engine.SearchEngine`.

    The result depends on the query and the items alone, not on other queries in the call, the linear algebra library
    or its number of threads. A float32 matrix product selects a shortlist with a margin for rounding errors; for a few
    queries, which are limited by reading the item vectors, quantized item vectors select it with a bound on what they
    lack. The shortlist is scored again in float64, rounded to float32 and sorted.

    Several blocks of queries are searched in threads, see `map_in_threads`; the matrix product of a single block has
    those of the linear algebra library.

    `benchmarks/exact_search.py` measures the speed. A query for which more items tie at the cut than k and about a
    thousand takes as long as some twenty others, because it is scored with every item in float64.

    Attributes:
        item_ids: string (items,), unique and ascending, so that positions are ordered as ids are.
        vectors: float32 (items, dimensions), finite.

    Raises:
        ValueError: the arrays do not have this form.
    """

    item_ids: pa.StringArray
    vectors: NDArray[np.float32]
    _prefixes: dict[int, tuple[NDArray[np.float32], float]] = field(init=False, repr=False, default_factory=dict)
    _quantized: dict[int, QuantizedVectors] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        if self.vectors.ndim != 2 or len(self.item_ids) != len(self.vectors) or self.vectors.size == 0:
            raise ValueError(
                f"Item ids must be (items,) and vectors (items, dimensions), at least one of each, "
                f"not ({len(self.item_ids)},) and {self.vectors.shape}."
            )
        if self.item_ids.type != pa.string() or self.vectors.dtype != np.float32:
            raise ValueError(
                f"Item ids must be string and vectors float32, not {self.item_ids.type} and {self.vectors.dtype}."
            )
        if self.item_ids.null_count or pc.any(pc.greater_equal(self.item_ids[:-1], self.item_ids[1:])).as_py():
            raise ValueError(
                "Item ids must be unique, none null, sorted ascending, and their vectors in the same order."
            )
        if not np.isfinite(self.vectors).all():
            raise ValueError("Item vectors must be finite: some hold nan or infinity.")
        object.__setattr__(self, "vectors", np.ascontiguousarray(self.vectors))

    def __len__(self) -> int:
        """Return the number of items."""
        return len(self.item_ids)

    @property
    def nbytes(self) -> int:
        """Bytes of the item vectors, and of what searches have computed from them."""
        quantized = (codes for each in self._quantized.values() for codes in (each.codes, each.scales, each.errors))
        shorter = (vectors for vectors, _ in self._prefixes.values() if vectors is not self.vectors)
        return self.vectors.nbytes + sum(array.nbytes for array in (*quantized, *shorter))

    def close(self) -> None:
        """Release what searches have computed; the item vectors stay."""
        self._prefixes.clear()
        self._quantized.clear()

    def search(
        self,
        queries: NDArray[np.float32],
        k: int,
        excluded: ItemLists | None = None,
        *,
        eligible: NDArray[np.bool_] | None = None,
    ) -> TopK:
        """Return the k items with the largest inner product for each query.

        Ties are ordered and cut by position, which is the order of ids. Excluded and ineligible items are removed
        before the cut.

        Args:
            queries: float32 (n, dimensions), finite. They may have fewer dimensions than the items: the missing ones
                count as 0, and cost nothing.
            k: at least 1; a k above the number of items means all items.
            excluded: n lists of positions that must not be returned for their query.
            eligible: bool (items,), False where an item must not be returned for any query.

        Returns:
            Lists of width min(k, items), padded where fewer items remain.

        Raises:
            ValueError: an argument does not have this form, or is so large that scores overflow float32.
        """
        self.check_queries(queries)
        check_request(len(queries), k, len(self), excluded, eligible)
        vectors, longest = self._prefix(queries.shape[1])
        margins, k = _margins(queries, longest), min(k, len(self))
        excluded = ItemLists.empty(len(queries)) if excluded is None else excluded.sort()
        positions, scores = np.empty((len(queries), k), np.int32), np.empty((len(queries), k), np.float32)
        if len(queries) <= FEW_QUERIES:
            quantized = self._quantize(queries.shape[1])
            for row in range(len(queries)):
                own = excluded.positions[excluded.offsets[row] : excluded.offsets[row + 1]]
                positions[row], scores[row] = _search_one(
                    np.ascontiguousarray(queries[row : row + 1]), vectors, quantized, k, margins[row], own, eligible
                )
            return positions, scores

        def search(start: int) -> None:
            block = slice(start, start + QUERIES_PER_BLOCK)
            offsets = excluded.offsets[start : start + QUERIES_PER_BLOCK + 1]
            positions[block], scores[block] = _search_block(
                np.ascontiguousarray(queries[block]), vectors, k, margins[block], offsets, excluded.positions, eligible
            )

        starts = range(0, len(queries), QUERIES_PER_BLOCK)
        # The threads of the linear algebra library halve the time of a single block.
        for _ in map_in_threads(search, starts) if len(starts) > 1 else map(search, starts):
            pass
        return positions, scores

    def score_pairs(
        self, queries: NDArray[np.float32], offsets: NDArray[np.int64], positions: NDArray[np.int32]
    ) -> NDArray[np.float32]:
        """Return the scores of some items for each query, equal to those that `search` returns.

        Args:
            queries: float32 (n, dimensions), as for `search`.
            offsets: int64 (n + 1,), from 0 to pairs; the items of query i are `positions[offsets[i]:offsets[i + 1]]`.
            positions: int32 (pairs,), positions of items, in any order.

        Returns:
            float32 (pairs,).

        Raises:
            ValueError: an argument does not have this form.
        """
        self.check_queries(queries)
        if offsets.shape != (len(queries) + 1,) or offsets[0] != 0 or offsets[-1] != len(positions):
            raise ValueError(
                f"Offsets must be ({len(queries) + 1},) from 0 to {len(positions)}, not {offsets.shape} from "
                f"{offsets[:1]} to {offsets[-1:]}."
            )
        if len(positions) and (positions.min() < 0 or positions.max() >= len(self)):
            raise ValueError(f"Positions must be 0 to {len(self) - 1}, not {positions.min()} to {positions.max()}.")
        vectors, _ = self._prefix(queries.shape[1])
        return score_pairs(np.ascontiguousarray(queries), vectors, offsets, positions)

    def check_queries(self, queries: NDArray[np.float32]) -> None:
        """Check what every search of these vectors takes.

        Raises:
            ValueError: the queries are not float32 (n, dimensions), with at most as many dimensions as the items.
        """
        if queries.ndim != 2 or not 1 <= queries.shape[1] <= self.vectors.shape[1] or queries.dtype != np.float32:
            raise ValueError(
                f"Queries must be float32 (n, dimensions) with 1 to {self.vectors.shape[1]} dimensions, not "
                f"{queries.shape} {queries.dtype}."
            )

    def _prefix(self, dimensions: int) -> tuple[NDArray[np.float32], float]:
        """Return the first dimensions of the item vectors, contiguous, and their largest norm; computed once."""
        if dimensions not in self._prefixes:
            vectors = np.ascontiguousarray(self.vectors[:, :dimensions])
            self._prefixes[dimensions] = vectors, float(_norms(vectors).max())
        return self._prefixes[dimensions]

    def _quantize(self, dimensions: int) -> QuantizedVectors:
        """Return the first dimensions of the item vectors, quantized; computed once."""
        if dimensions not in self._quantized:
            self._quantized[dimensions] = QuantizedVectors.from_vectors(self._prefix(dimensions)[0])
        return self._quantized[dimensions]


def _search_one(
    query: NDArray[np.float32],
    vectors: NDArray[np.float32],
    quantized: QuantizedVectors,
    k: int,
    margin: float,
    excluded: NDArray[np.int32],
    eligible: NDArray[np.bool_] | None,
) -> TopK:
    """Search for one query (1, dimensions)."""
    allowed = _allowed(len(vectors), excluded, eligible)
    found = quantized.shortlist(query[0], k, margin, allowed, 4 * k + SPARE_CAPACITY)
    return _score(query, vectors, k, np.flatnonzero(allowed).astype(np.int32) if found is None else found)


def _search_block(
    queries: NDArray[np.float32],
    vectors: NDArray[np.float32],
    k: int,
    margins: NDArray[np.float64],
    offsets: NDArray[np.int64],
    excluded: NDArray[np.int32],
    eligible: NDArray[np.bool_] | None,
) -> TopK:
    """Search one block of queries; excluded are the positions between the offsets of each query, ascending."""
    n, items = len(queries), len(vectors)
    shortlists = Shortlists.empty(k, margins, 4 * k + SPARE_CAPACITY)
    ceiling = None if eligible is None else np.where(eligible, np.float32(np.inf), np.float32(-np.inf))
    width = _tile_width(n, items)
    buffer, cursors = np.empty((n, width), np.float32), offsets[:-1].copy()
    for first in range(0, items, width):
        tile = vectors[first : first + width]
        scores = buffer[:, : len(tile)]
        np.matmul(queries, tile.T, out=scores)
        if ceiling is not None:
            np.minimum(scores, ceiling[first : first + width], out=scores)
        _exclude(buffer, first, offsets, excluded, cursors)
        buffer[:, len(tile) :] = -np.inf
        shortlists.collect(buffer, first)
    offsets_found, found = shortlists.finish()
    positions, scores = top_k(offsets_found, found, score_pairs(queries, vectors, offsets_found, found), k)
    for row in np.flatnonzero(shortlists.counts < 0):
        own = excluded[offsets[row] : offsets[row + 1]]
        allowed = np.flatnonzero(_allowed(items, own, eligible)).astype(np.int32)
        positions[row], scores[row] = _score(queries[row : row + 1], vectors, k, allowed)
    return positions, scores


def _tile_width(n: int, items: int) -> int:
    """Return the number of items in a tile for n queries, a multiple of `CHUNK`."""
    return min(max(1, SCORES_PER_TILE // n // CHUNK), -(-items // CHUNK)) * CHUNK


def _allowed(items: int, excluded: NDArray[np.int32], eligible: NDArray[np.bool_] | None) -> NDArray[np.bool_]:
    """Return which items may be returned for one query, bool (items,)."""
    allowed = np.ones(items, np.bool_) if eligible is None else eligible.copy()
    allowed[excluded] = False
    return allowed


def _score(query: NDArray[np.float32], vectors: NDArray[np.float32], k: int, found: NDArray[np.int32]) -> TopK:
    """Return the k best of some items for one query (1, dimensions)."""
    offsets = np.array([0, len(found)], np.int64)
    return top_k(offsets, found, score_pairs(query, vectors, offsets, found), k)


def _margins(queries: NDArray[np.float32], longest: float) -> NDArray[np.float64]:
    """Return float64 (n,), how far below the k-th best rough score an item of the exact top k may lie.

    A float32 sum of d products, in any order, has an error of at most about d u |q| |x| with u = 2**-24 (Higham,
    Accuracy and Stability of Numerical Algorithms, 2nd ed., section 3.1). The margin is twice that, once for each
    of the two items compared. The float32 epsilon is 2 u; the doubling covers the rounding of the results.

    Args:
        queries: float32 (n, d).
        longest: the largest norm of the first d dimensions of an item vector.

    Raises:
        ValueError: a query is not finite, or so large that scores overflow float32.
    """
    bounds = _norms(queries) * longest
    if not (bounds < np.finfo(np.float32).max).all():
        raise ValueError("Queries must be finite, and small enough for scores within float32.")
    single = np.finfo(np.float32)
    return np.asarray(2.0 * (queries.shape[1] + 2) * (float(single.eps) * bounds + float(single.smallest_normal)))


def _norms(vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the Euclidean norms, float64 (rows,)."""
    return np.asarray(np.sqrt(np.einsum("nd,nd->n", vectors, vectors, dtype=np.float64)))


@compiled
def _exclude(
    scores: NDArray[np.float32],
    first: int,
    offsets: NDArray[np.int64],
    excluded: NDArray[np.int32],
    cursors: NDArray[np.int64],
) -> None:
    """Set the scores of excluded items in a tile to -inf; the cursors move to the first excluded item after it."""
    n, width = scores.shape
    for row in range(n):
        cursor = cursors[row]
        while cursor < offsets[row + 1] and excluded[cursor] < first + width:
            scores[row, excluded[cursor] - first] = -np.inf
            cursor += 1
        cursors[row] = cursor

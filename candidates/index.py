"""Exact maximum inner product search over the whole catalogue."""

import math
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from candidates.item_lists import ItemLists, TopK, check_masks

# Scores held at once by the product (32 Mi float32 = 128 MiB) and looked through at once by the selection, whose
# working arrays are several times larger in the worst case, when every item ties.
SCORES_PER_PRODUCT: Final = 2**25
SCORES_PER_SELECTION: Final = 2**21
PAIRS_PER_RESCORING: Final = 2**13


@dataclass(frozen=True, eq=False)
class ItemIndex:
    """Item vectors, searched exactly by inner product.

    The answer depends on the query and the items alone: neither the other queries in the call nor the linear
    algebra library or its number of threads can move an item. A float32 matrix product only draws up a shortlist,
    with a margin for its rounding errors; the shortlist is scored again in float64, rounded to float32 and sorted.

    `benchmarks/exact_search.py` measures the speed. It falls where very many items tie at the cut, since all of them
    are scored again: a model that gives every item the same vector is searched some hundred times slower.

    Attributes:
        item_ids: (items,) str, unique and ascending, so that a position orders as its id does.
        vectors: (items, dimensions) float32, finite.

    Raises:
        ValueError: The arrays do not have this form.
    """

    item_ids: NDArray[np.str_]
    vectors: NDArray[np.float32]
    longest: float = field(init=False, repr=False)  # the largest Euclidean norm of an item vector

    def __post_init__(self) -> None:
        if self.vectors.ndim != 2 or self.item_ids.shape != self.vectors.shape[:1] or self.vectors.size == 0:
            raise ValueError(
                f"Item ids must be (items,) and vectors (items, dimensions), at least one of each, "
                f"not {self.item_ids.shape} and {self.vectors.shape}."
            )
        if self.item_ids.dtype.kind != "U" or self.vectors.dtype != np.float32:
            raise ValueError(
                f"Item ids must be str and vectors float32, not {self.item_ids.dtype} and {self.vectors.dtype}."
            )
        if not (self.item_ids[:-1] < self.item_ids[1:]).all():
            raise ValueError("Item ids must be unique and sorted ascending, their vectors in the same order.")
        if not np.isfinite(self.vectors).all():
            raise ValueError("Item vectors must be finite: some hold nan or infinity.")
        object.__setattr__(self, "longest", float(_norms(self.vectors).max()))

    def __len__(self) -> int:
        """Return the number of items."""
        return len(self.item_ids)

    def search(
        self,
        queries: NDArray[np.float32],
        k: int,
        excluded: ItemLists | None = None,
        *,
        eligible: NDArray[np.bool_] | None = None,
    ) -> TopK:
        """Return the k items with the largest inner product for each query.

        Equal scores are ordered by position, which is the order of ids, also where the list is cut. Excluded and
        ineligible items are taken out before the cut.

        Args:
            queries: (n, dimensions) float32, finite.
            k: How many items to return, at least 1; more than there are items is the same as all items.
            excluded: n lists of positions that must not be returned for their query.
            eligible: (items,) bool, False where an item must not be returned for any query.

        Returns:
            Positions (n, min(k, items)) int32 and scores (n, min(k, items)) float32, best first. Where fewer items
            remain, the rest is position -1 with score -inf.

        Raises:
            ValueError: An argument does not have this form, or is so large that scores overflow float32.
        """
        if queries.ndim != 2 or queries.shape[1] != self.vectors.shape[1] or queries.dtype != np.float32:
            raise ValueError(
                f"Queries must be (n, {self.vectors.shape[1]}) float32, not {queries.shape} {queries.dtype}."
            )
        if k < 1:
            raise ValueError(f"k must be at least 1, not {k}.")
        check_masks(len(queries), len(self), excluded, eligible)
        margins = self._margins(queries)

        n, items, k = len(queries), len(self), min(k, len(self))
        # Groups of about the square root of items / k: then as many groups have their maxima compared as items of
        # the k best groups do. At least k groups remain.
        size = math.isqrt(items // k)
        groups = -(-items // size)
        ceiling = None if eligible is None else np.where(eligible, np.float32(np.inf), np.float32(-np.inf))
        block = max(1, min(n, SCORES_PER_PRODUCT // (size * groups)))
        part = max(1, SCORES_PER_SELECTION // (size * groups))
        buffer = np.empty((block, size * groups), np.float32)
        buffer[:, items:] = -np.inf  # places in the last groups that no item fills
        positions = np.full((n, k), -1, np.int32)
        scores = np.full((n, k), -np.inf, np.float32)
        for start in range(0, n, block):
            stop = min(start + block, n)
            product = buffer[: stop - start, :items]
            np.matmul(queries[start:stop], self.vectors.T, out=product)
            if ceiling is not None:
                np.minimum(product, ceiling, out=product)
            if excluded is not None:
                left_out = excluded.slice(start, stop)
                product[left_out.rows, left_out.positions] = -np.inf
            for first in range(start, stop, part):
                last = min(first + part, stop)
                rough = buffer[first - start : last - start].reshape(-1, size, groups)
                rows, found = _shortlist(rough, k, margins[first:last])
                rescored = self._score(queries[first:last], rows, found)
                _write_best(rows, found, rescored, positions[first:last], scores[first:last])
        return positions, scores

    def _margins(self, queries: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return (n,) float64, how far below the k-th best rough score an item of the exact top k may lie.

        A float32 sum of d products, in whatever order, errs by at most about d u |q| |x| with u = 2**-24 (Higham,
        Accuracy and Stability of Numerical Algorithms, 2nd ed., section 3.1): twice that, once for each of the two
        items compared. The float32 epsilon is 2 u; the doubling covers the rounding of the results.
        """
        bounds = _norms(queries) * self.longest
        if not (bounds < np.finfo(np.float32).max).all():
            raise ValueError("Queries must be finite, and small enough for scores within float32.")
        dimensions = self.vectors.shape[1]
        single = np.finfo(np.float32)
        return np.asarray(2.0 * (dimensions + 2) * (float(single.eps) * bounds + float(single.smallest_normal)))

    def _score(
        self, queries: NDArray[np.float32], rows: NDArray[np.intp], positions: NDArray[np.intp]
    ) -> NDArray[np.float32]:
        """Return the scores (pairs,) float32 of pairs of query and item, summed in float64."""
        scores = np.empty(len(rows), np.float32)
        for start in range(0, len(rows), PAIRS_PER_RESCORING):
            pairs = slice(start, start + PAIRS_PER_RESCORING)
            left = queries[rows[pairs]].astype(np.float64)
            scores[pairs] = np.einsum("pd,pd->p", left, self.vectors[positions[pairs]].astype(np.float64))
        return scores


def _norms(vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the Euclidean norms (rows,) float64."""
    return np.asarray(np.sqrt(np.einsum("nd,nd->n", vectors, vectors, dtype=np.float64)))


def _shortlist(
    rough: NDArray[np.float32], k: int, margins: NDArray[np.float64]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return all pairs of query and item whose exact score may be among the query's k best.

    The k-th largest of the groups' maxima is a lower bound of the k-th largest score, since k groups each hold an
    item at least as good; so only groups whose maximum reaches it need to be looked through.

    Args:
        rough: (rows, size, groups) float32, item position = place in the group * groups + group; -inf is no item.
        k: At most groups.
        margins: (rows,) float64, the error allowed for in the rough scores.

    Returns:
        Rows and positions, each (pairs,), ordered by row.
    """
    _, _, groups = rough.shape
    maxima = rough.max(axis=1)
    reached = np.partition(maxima, groups - k, axis=1)[:, groups - k].astype(np.float64) - margins
    # Where fewer than k items remain the bound is -inf: what must not be returned is kept out by the finite one.
    bounds = np.maximum(reached, -float(np.finfo(np.float32).max)).astype(np.float32)
    rows, hot = np.nonzero(maxima >= bounds[:, None])
    pairs, places = np.nonzero(rough[rows, :, hot] >= bounds[rows, None])
    return rows[pairs], places * groups + hot[pairs]


def _write_best(
    rows: NDArray[np.intp],
    found: NDArray[np.intp],
    rescored: NDArray[np.float32],
    positions: NDArray[np.int32],
    scores: NDArray[np.float32],
) -> None:
    """Sort the shortlisted pairs by score, ties by position, and write each row's first k into the last two."""
    n, k = positions.shape
    order = np.lexsort((found, -rescored, rows))
    rows, found, rescored = rows[order], found[order], rescored[order]
    ranks = np.arange(len(rows)) - np.searchsorted(rows, np.arange(n))[rows]
    kept = ranks < k
    positions[rows[kept], ranks[kept]] = found[kept]
    scores[rows[kept], ranks[kept]] = rescored[kept]

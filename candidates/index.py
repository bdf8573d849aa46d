"""Exact maximum inner product search over all items."""

import math
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from candidates.item_lists import ItemLists, check_request
from candidates.topk import TopK, top_k_of_sorted

# Scores in memory at once: of the matrix product (32 Mi float32 = 128 MiB), and of the selection, whose working arrays
# are several times larger in the worst case, when every item ties.
SCORES_PER_PRODUCT: Final = 2**25
SCORES_PER_SELECTION: Final = 2**21
PAIRS_PER_RESCORING: Final = 2**13


@dataclass(frozen=True, eq=False)
class ItemIndex:
    """Item vectors with exact search by inner product.

    The result depends on the query and the items alone, not on other queries in the call, the linear algebra library
    or its number of threads. A float32 matrix product selects a shortlist with a margin for rounding errors. The
    shortlist is scored again in float64, rounded to float32 and sorted.

    `benchmarks/exact_search.py` measures the speed. Search is slower where many items tie at the cut, because all of
    them are scored again: some hundred times slower if every item has the same vector.

    Attributes:
        item_ids: str (items,), unique and ascending, so that positions are ordered as ids are.
        vectors: float32 (items, dimensions), finite.
        max_norm: the largest Euclidean norm of an item vector.

    Raises:
        ValueError: the arrays do not have this form.
    """

    item_ids: NDArray[np.str_]
    vectors: NDArray[np.float32]
    max_norm: float = field(init=False, repr=False)

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
        object.__setattr__(self, "max_norm", float(_norms(self.vectors).max()))

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
        if queries.ndim != 2 or not 1 <= queries.shape[1] <= self.vectors.shape[1] or queries.dtype != np.float32:
            raise ValueError(
                f"Queries must be float32 (n, dimensions) with 1 to {self.vectors.shape[1]} dimensions, not "
                f"{queries.shape} {queries.dtype}."
            )
        check_request(len(queries), k, len(self), excluded, eligible)
        margins = self._margins(queries)

        n, items, k = len(queries), len(self), min(k, len(self))
        # Groups of about sqrt(items / k) items: there are about as many group maxima to compare as items in the k best
        # groups. At least k groups remain.
        size = math.isqrt(items // k)
        groups = -(-items // size)
        ceiling = None if eligible is None else np.where(eligible, np.float32(np.inf), np.float32(-np.inf))
        block = max(1, min(n, SCORES_PER_PRODUCT // (size * groups)))
        part = max(1, SCORES_PER_SELECTION // (size * groups))
        buffer = np.empty((block, size * groups), np.float32)
        buffer[:, items:] = -np.inf  # the unused slots of the last groups
        positions, scores = np.empty((n, k), np.int32), np.empty((n, k), np.float32)
        for start in range(0, n, block):
            stop = min(start + block, n)
            product = buffer[: stop - start, :items]
            np.matmul(queries[start:stop], self.vectors[:, : queries.shape[1]].T, out=product)
            if ceiling is not None:
                np.minimum(product, ceiling, out=product)
            if excluded is not None:
                masked = excluded.slice(start, stop)
                product[masked.rows, masked.positions] = -np.inf
            for first in range(start, stop, part):
                last = min(first + part, stop)
                rough = buffer[first - start : last - start].reshape(-1, size, groups)
                rows, found = _shortlist(rough, k, margins[first:last])
                exact = self._score(queries[first:last], rows, found)
                order = np.lexsort((found, -exact, rows))
                pairs = rows[order], found[order], exact[order]
                positions[first:last], scores[first:last] = top_k_of_sorted(*pairs, last - first, k)
        return positions, scores

    def _margins(self, queries: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return float64 (n,), how far below the k-th best rough score an item of the exact top k may lie.

        A float32 sum of d products, in any order, has an error of at most about d u |q| |x| with u = 2**-24 (Higham,
        Accuracy and Stability of Numerical Algorithms, 2nd ed., section 3.1). The margin is twice that, once for each
        of the two items compared. The float32 epsilon is 2 u; the doubling covers the rounding of the results.
        """
        bounds = _norms(queries) * self.max_norm
        if not (bounds < np.finfo(np.float32).max).all():
            raise ValueError("Queries must be finite, and small enough for scores within float32.")
        dimensions = self.vectors.shape[1]
        single = np.finfo(np.float32)
        return np.asarray(2.0 * (dimensions + 2) * (float(single.eps) * bounds + float(single.smallest_normal)))

    def _score(
        self, queries: NDArray[np.float32], rows: NDArray[np.intp], positions: NDArray[np.intp]
    ) -> NDArray[np.float32]:
        """Return the scores of pairs of query and item, float32 (pairs,), summed in float64."""
        scores, items = np.empty(len(rows), np.float32), self.vectors[:, : queries.shape[1]]
        for start in range(0, len(rows), PAIRS_PER_RESCORING):
            pairs = slice(start, start + PAIRS_PER_RESCORING)
            left = queries[rows[pairs]].astype(np.float64)
            scores[pairs] = np.einsum("pd,pd->p", left, items[positions[pairs]].astype(np.float64))
        return scores


def _norms(vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the Euclidean norms, float64 (rows,)."""
    return np.asarray(np.sqrt(np.einsum("nd,nd->n", vectors, vectors, dtype=np.float64)))


def _shortlist(
    rough: NDArray[np.float32], k: int, margins: NDArray[np.float64]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return all pairs of query and item whose exact score may be among the query's k best.

    The k-th largest group maximum is a lower bound of the k-th largest score, because k groups each hold an item at
    least as good. Only groups whose maximum reaches the bound are searched.

    Args:
        rough: float32 (rows, size, groups), rough scores; item position = slot in the group * groups + group; -inf is
            no item.
        k: at most groups.
        margins: float64 (rows,), the margin for errors of the rough scores.

    Returns:
        Rows and positions, (pairs,) each, rows ascending.
    """
    _, _, groups = rough.shape
    maxima = rough.max(axis=1)
    reached = np.partition(maxima, groups - k, axis=1)[:, groups - k].astype(np.float64) - margins
    # Where fewer than k items remain the bound would be -inf; the finite bound keeps masked items out.
    bounds = np.maximum(reached, -float(np.finfo(np.float32).max)).astype(np.float32)
    rows, reaching = np.nonzero(maxima >= bounds[:, None])
    pairs, slots = np.nonzero(rough[rows, :, reaching] >= bounds[rows, None])
    return rows[pairs], slots * groups + reaching[pairs]

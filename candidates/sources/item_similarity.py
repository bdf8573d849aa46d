"""Item similarity: the cosine of purchase vectors, for item-kNN."""

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from candidates.purchase_codes import PurchaseCodes
from candidates.topk import TopK, ranks_within_groups, top_k

PRODUCTS_PER_BLOCK: Final = 2**21  # pairs of numbers; with all intermediate arrays at most about 200 MB


def purchase_matrix(
    purchases: PurchaseCodes, cut: np.datetime64, n_items: int, half_life: float, newest: int
) -> csr_array:
    """Return the weighted purchases of each user before the cut.

    Args:
        purchases: of all users; those at or after the cut are left out.
        cut: the cut date, UTC.
        n_items: the number of items in the index.
        half_life: days in which a purchase loses half its weight, above 0; infinity for constant weights.
        newest: the number of newest purchases of one user that are used, at least 1; the work for a user grows with
            its square.

    Returns:
        float64 (users, n_items): log(1 + sum over the user's purchases of the item of 0.5 ** (age / half_life)). One
        row for each user with purchases, by code.

    Raises:
        ValueError: an item's position is not below `n_items`, or another argument does not have this form.
    """
    if not half_life > 0 or newest < 1:
        raise ValueError(f"Half-life must be above 0 and newest at least 1, not {half_life} and {newest}.")
    past = purchases.before(cut)
    if past.item_positions.max(initial=-1) >= n_items:
        raise ValueError(f"Item positions must be below {n_items}, not {past.item_positions.max()}.")
    newest_first = np.lexsort((past.item_positions, -past.purchased_at.astype(np.int64), past.user_codes))
    kept = newest_first[ranks_within_groups(past.user_codes[newest_first]) < newest]
    ages = (cut - past.purchased_at[kept]) / np.timedelta64(1, "D")
    codes, rows = np.unique(past.user_codes[kept], return_inverse=True)
    entries = (0.5 ** (ages / half_life), (rows, past.item_positions[kept]))
    matrix = csr_array(entries, shape=(len(codes), n_items), dtype=np.float64)
    matrix.sum_duplicates()
    matrix.data = np.log1p(matrix.data)
    return matrix


def nearest(matrix: csr_array, width: int, shrinkage: float, sharpness: float) -> TopK:
    """Return each item's nearest neighbours by the cosine of columns.

    similarity(i, j) = (x_i . x_j / (|x_i| |x_j| + shrinkage)) ** sharpness, and similarity(i, i) = 1. The shrinkage
    lowers similarities that rest on few users (as in the ItemKNN of Ferrari Dacrema et al., "Are we really making much
    progress?", RecSys 2019). The sharpness lowers small similarities ("case amplification": Breese et al., "Empirical
    analysis of predictive algorithms for collaborative filtering", UAI 1998).

    Args:
        matrix: float64 (users, items), at least 0.
        width: the number of neighbours to keep, at least 1, including the item itself.
        shrinkage: at least 0.
        sharpness: above 0.

    Returns:
        Neighbours int32 (items, width) and similarities float32 (items, width), most similar first, ties by position;
        padded with -1 and -inf where fewer items share a user. An item without purchases has no neighbours.

    Raises:
        ValueError: an argument does not have this form.
    """
    if width < 1 or not shrinkage >= 0 or not sharpness > 0:
        raise ValueError(
            "Width must be at least 1, shrinkage at least 0 and sharpness above 0, not "
            f"{width}, {shrinkage} and {sharpness}."
        )
    items = matrix.shape[1]
    by_item = csr_array(matrix.T)
    norms = np.sqrt(np.bincount(matrix.indices, matrix.data**2, minlength=items))
    neighbours, similarities = np.empty((items, width), np.int32), np.empty((items, width), np.float32)
    for start, stop in blocks_of(by_item @ np.diff(matrix.indptr)):
        product = by_item[start:stop] @ matrix
        rows, columns = np.repeat(np.arange(stop - start), np.diff(product.indptr)), product.indices
        similar = product.data / (norms[start + rows] * norms[columns] + shrinkage)
        similar **= sharpness
        similar[columns == start + rows] = 1.0
        top = top_k(product.indptr.astype(np.int64), columns.astype(np.int32), similar.astype(np.float32), width)
        neighbours[start:stop], similarities[start:stop] = top
    return neighbours, similarities


def blocks_of(products: NDArray[np.number[Any]]) -> Iterator[tuple[int, int]]:
    """Split rows into blocks of at most PRODUCTS_PER_BLOCK products, or of one row, given the products of each row."""
    totals = np.cumsum(products)
    start = 0
    while start < len(products):
        limit = totals[start] - products[start] + PRODUCTS_PER_BLOCK
        stop = max(start + 1, int(np.searchsorted(totals, limit, side="right")))
        yield start, stop
        start = stop

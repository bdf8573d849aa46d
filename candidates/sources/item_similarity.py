"""Item similarity: the cosine of purchase vectors, for item-kNN."""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from candidates.compiled import compiled
from candidates.purchase_codes import PurchaseCodes
from candidates.topk import TopK, ranks_within_groups

_ALMOST: Final = 0.999999
_UNTOUCHED: Final = -1.0  # no sum of products is negative


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
    # Items with many users come first: the sums that are used most then share the processor's cache.
    order = np.argsort(-np.diff(by_item.indptr), kind="stable")
    by_item = by_item[order]
    by_user = csr_array(by_item.T)  # the items of each user ascend
    norms = np.sqrt(np.bincount(matrix.indices, matrix.data**2, minlength=items))[order]
    neighbours, similarities = np.full((items, width), -1, np.int32), np.full((items, width), -np.inf, np.float32)
    _fill_nearest(
        *_arrays(by_item),
        *_arrays(by_user),
        norms,
        order.astype(np.int32),
        float(shrinkage),
        float(sharpness),
        neighbours,
        similarities,
    )
    return neighbours, similarities


def _arrays(matrix: csr_array) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float64]]:
    """Return a sparse matrix as offsets, columns and values, in the types that `_fill_nearest` is compiled for."""
    return matrix.indptr.astype(np.int64), matrix.indices.astype(np.int32), matrix.data.astype(np.float64)


@compiled
def _fill_nearest(
    item_offsets: NDArray[np.int64],
    item_users: NDArray[np.int32],
    item_values: NDArray[np.float64],
    user_offsets: NDArray[np.int64],
    user_items: NDArray[np.int32],
    user_values: NDArray[np.float64],
    norms: NDArray[np.float64],
    positions: NDArray[np.int32],
    shrinkage: float,
    sharpness: float,
    neighbours: NDArray[np.int32],
    similarities: NDArray[np.float32],
) -> None:
    """Fill the neighbours and similarities of each position, which start as padding; item i is at `positions[i]`.

    Each pair of items is computed once, at the lower one, and inserted into both lists. The products of one item with
    all higher ones are summed in a dense array, of which only the touched cells are read and reset. The sums are in the
    order of the users, as in a sparse matrix product.
    """
    items = len(neighbours)
    sums, touched = np.full(items, _UNTOUCHED), np.empty(items, np.int32)
    lowest = np.zeros(items)  # no cosine below it can enter the item's list, and its power is not needed
    begins = user_offsets.copy()  # the first item of each user that is not below the current one: the item itself
    for item in range(items):
        row, count = positions[item], 0
        for entry in range(item_offsets[item], item_offsets[item + 1]):
            user, value = item_users[entry], item_values[entry]
            for other_entry in range(begins[user] + 1, user_offsets[user + 1]):
                other = user_items[other_entry]
                if sums[other] == _UNTOUCHED:
                    touched[count], sums[other] = other, 0.0
                    count += 1
                sums[other] += value * user_values[other_entry]
            begins[user] += 1
        if item_offsets[item] < item_offsets[item + 1]:
            lowest[item] = _insert(neighbours[row], similarities[row], row, np.float32(1.0), sharpness)
        for number in range(count):
            other = touched[number]
            product, scale = sums[other], norms[item] * norms[other] + shrinkage
            sums[other] = _UNTOUCHED
            if product < min(lowest[item], lowest[other]) * scale:
                continue
            similarity = np.float32((product / scale) ** sharpness)
            other_row = positions[other]
            lowest[item] = _insert(neighbours[row], similarities[row], other_row, similarity, sharpness)
            lowest[other] = _insert(neighbours[other_row], similarities[other_row], row, similarity, sharpness)


@compiled
def _insert(
    neighbours: NDArray[np.int32],
    similarities: NDArray[np.float32],
    item: np.int32,
    similarity: np.float32,
    sharpness: float,
) -> float:
    """Insert an item into a list ordered by similarity, then position, unless it comes after the last one.

    Returns:
        A cosine below which no item can be inserted any more.
    """
    place = len(neighbours)
    while place > 0 and (
        similarities[place - 1] < similarity or (similarities[place - 1] == similarity and neighbours[place - 1] > item)
    ):
        place -= 1
    for later in range(len(neighbours) - 1, place, -1):
        neighbours[later], similarities[later] = neighbours[later - 1], similarities[later - 1]
    if place < len(neighbours):
        neighbours[place], similarities[place] = item, similarity
    # Equal similarities are ordered by position, and the power rounds: leave room for both.
    return float(_ALMOST * max(similarities[-1], np.float32(0)) ** (1.0 / sharpness))

"""Compiled loops that write the columns of a matrix of ranker features, float32 (pairs, features), group by group.

All arguments are arrays of one pair per row unless they are looked up: `rows`, int64, the user, and `positions`, int32,
the item. Entries of look-ups are -1 where a pair is not listed. Each function writes from column `first` on and returns
the next column. Numbers stay float32: a float64 in between would round differently.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from candidates.compiled import compiled

_PRIOR_PURCHASES: Final = np.float32(10)  # with the average category shares, added to the user's own in a lift
_MISSING: Final = np.float32(np.nan)
_ONE: Final = np.float32(1)
_ZERO: Final = np.float32(0)


@compiled
def write_retrieval(
    matrix: NDArray[np.float32],
    first: int,
    rows: NDArray[np.int64],
    columns: NDArray[np.int64],
    scores: NDArray[np.float32],
    ranks: NDArray[np.int32],
    source_scores: NDArray[np.float32],
) -> int:
    """Write score and rank of the blender, and ranks and scores of the sources, from arrays of n lists."""
    sources: int = ranks.shape[2]
    for pair in range(len(rows)):
        row, column = rows[pair], columns[pair]
        matrix[pair, first] = scores[row, column]
        matrix[pair, first + 1] = column + 1
        for source in range(sources):
            rank = ranks[row, column, source]
            matrix[pair, first + 2 + source] = _MISSING if rank == 0 else np.float32(rank)
            matrix[pair, first + 2 + sources + source] = source_scores[row, column, source]
    return first + 2 + 2 * sources


@compiled
def write_purchases(
    matrix: NDArray[np.float32],
    first: int,
    rows: NDArray[np.int64],
    bought: NDArray[np.int64],
    counts: NDArray[np.float32],
    days: NDArray[np.float32],
    gaps: NDArray[np.float32],
    active_days: NDArray[np.float32],
    since: NDArray[np.float32],
    recent: NDArray[np.int64],
    recent_counts: NDArray[np.float32],
) -> int:
    """Write the user's purchases of the item.

    Args:
        matrix: is written to.
        first: column.
        rows: users.
        bought: entries of the histories.
        counts: (entries,).
        days: (entries,).
        gaps: (entries,), 0 without a gap.
        active_days: (n,), at least 0.
        since: (n,), days since the user's last purchase.
        recent: entries of the recent purchases.
        recent_counts: (entries, 2).
    """
    for pair in range(len(rows)):
        entry = bought[pair]
        count = counts[entry] if entry >= 0 else _ZERO
        matrix[pair, first] = count
        matrix[pair, first + 1] = count / max(active_days[rows[pair]], _ONE)
        matrix[pair, first + 2] = days[entry] if entry >= 0 else _MISSING
        gap = gaps[entry] if entry >= 0 and gaps[entry] > 0 else _MISSING
        age = days[entry] + since[rows[pair]] if entry >= 0 else _MISSING
        matrix[pair, first + 3] = gap
        matrix[pair, first + 4] = age
        matrix[pair, first + 5] = age / gap
        for column in range(2):
            matrix[pair, first + 6 + column] = recent_counts[recent[pair], column] if recent[pair] >= 0 else _ZERO
    return first + 8


@compiled
def write_category(
    matrix: NDArray[np.float32],
    lifts: NDArray[np.float32],
    first: int,
    number: int,
    rows: NDArray[np.int64],
    positions: NDArray[np.int32],
    codes: NDArray[np.int32],
    entries: NDArray[np.int64],
    counts: NDArray[np.float32],
    shares: NDArray[np.float32],
    purchases: NDArray[np.float32],
) -> None:
    """Write count and share of one category type of the types in `lifts`, and the lift, before its logarithm.

    Args:
        matrix: is written to: counts of all types, then shares.
        lifts: (pairs, types), is written to.
        first: column of the first type.
        number: of the type.
        rows: users.
        positions: items.
        codes: the item's category, -1 if it has none.
        entries: of the user's categories.
        counts: (entries, 1).
        shares: (items,), of the item's category in all units sold.
        purchases: (n, 3), in total in the last column.
    """
    types = lifts.shape[1]
    for pair in range(len(rows)):
        count = counts[entries[pair], 0] if entries[pair] >= 0 else _ZERO
        if codes[pair] < 0:
            count = _MISSING
        total = purchases[rows[pair], 2]
        matrix[pair, first + number] = count
        matrix[pair, first + types + number] = count / max(total, _ONE)
        lift = count / shares[positions[pair]] + _PRIOR_PURCHASES
        lifts[pair, number] = lift / (total + _PRIOR_PURCHASES)


@compiled
def write_items(
    matrix: NDArray[np.float32],
    first: int,
    rows: NDArray[np.int64],
    positions: NDArray[np.int32],
    log_sales: NDArray[np.float32],
    repurchase_rate: NDArray[np.float32],
    log_price: NDArray[np.float32],
    user_log_price: NDArray[np.float32],
) -> int:
    """Write sales and price of the item, from arrays of the catalogue, and the difference to the user's price, (n,)."""
    windows: int = log_sales.shape[1]
    for pair in range(len(rows)):
        item = positions[pair]
        for window in range(windows):
            matrix[pair, first + window] = log_sales[item, window]
        matrix[pair, first + windows] = repurchase_rate[item]
        difference = log_price[item] - user_log_price[rows[pair]]
        matrix[pair, first + windows + 1] = log_price[item]
        matrix[pair, first + windows + 2] = difference
        matrix[pair, first + windows + 3] = abs(difference)
    return first + windows + 4


@compiled
def write_users(
    matrix: NDArray[np.float32], first: int, rows: NDArray[np.int64], features: NDArray[np.float32]
) -> None:
    """Write features that are equal for all candidates of a user, (n, features)."""
    for pair in range(len(rows)):
        for column in range(features.shape[1]):
            matrix[pair, first + column] = features[rows[pair], column]


@compiled
def sum_lists(offsets: NDArray[np.int64], values: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the sum of the values of each of n lists, float64 (n,)."""
    sums = np.zeros(len(offsets) - 1, np.float64)
    for row in range(len(sums)):
        for entry in range(offsets[row], offsets[row + 1]):
            sums[row] += values[entry]
    return sums

"""The user's own purchases as candidate sources: by frequency, recency and repurchase rate."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from candidates.compiled import compiled
from candidates.histories import Histories
from candidates.item_lists import ItemLists
from candidates.topk import TopK, first_k

PRIOR_BUYERS: Final = 10.0
_HIGH = np.uint64(32)
_LOW = np.uint64(0xFFFFFFFF)


def top_by_frequency(
    histories: Histories,
    k: int,
    excluded: ItemLists | None = None,
    *,
    eligible: NDArray[np.bool_] | None = None,
) -> TopK:
    """List each user's own items by number of purchases; ties in the order of the history, newest first.

    Args:
        histories: of n users.
        k: the width of the lists, at least 1.
        excluded: n lists of positions that must not be returned for their user.
        eligible: bool (items,), False where an item must not be returned for any user.

    Returns:
        Lists of width k, padded where a user has fewer items. Scores are log(1 + count).

    Raises:
        ValueError: an argument does not have this form.
    """
    one_day = np.zeros_like(histories.days)
    return _top(histories, one_day, histories.counts, np.log1p(histories.counts), k, excluded, eligible)


def top_by_recency(
    histories: Histories,
    k: int,
    excluded: ItemLists | None = None,
    *,
    eligible: NDArray[np.bool_] | None = None,
) -> TopK:
    """List each user's own items by the day of their last purchase, newest first.

    Items of one day are ordered by number of purchases, then as in the history. Scores are
    -log(1 + days). Arguments, result and errors are otherwise those of `top_by_frequency`.
    """
    return _top(histories, histories.days, histories.counts, -np.log1p(histories.days), k, excluded, eligible)


def top_by_repurchase_rate(
    histories: Histories,
    rates: NDArray[np.float32],
    k: int,
    excluded: ItemLists | None = None,
    *,
    eligible: NDArray[np.bool_] | None = None,
) -> TopK:
    """List each user's own items by log(1 + count) times the item's repurchase rate; ties newest first.

    Consumables return, durable items do not, however often a user bought either.

    Args:
        histories: of n users.
        rates: float32 (items,), at least 0, repeat purchases of each item in a fixed period per buyer.
        k: the width of the lists, at least 1.
        excluded: n lists of positions that must not be returned for their user.
        eligible: bool (items,), False where an item must not be returned for any user.

    Returns:
        Lists of width k, padded where a user has fewer items. Scores are `repurchase_scores`: they depend on the item
        alone and may rise along a list.

    Raises:
        ValueError: an argument does not have this form.
    """
    own_rates = rates[histories.positions]
    one_day, values = np.zeros_like(histories.days), np.log1p(histories.counts) * own_rates
    return _top(histories, one_day, values, repurchase_scores(own_rates), k, excluded, eligible)


def repurchase_rate(
    sales: NDArray[np.float32],
    first_purchases: NDArray[np.float32],
    buyers: NDArray[np.float32],
    *,
    prior_purchases: float,
) -> NDArray[np.float32]:
    """Return the rate at which buyers repurchase each item, float32 (items,).

    (sales - first_purchases + prior_purchases) / (buyers + PRIOR_BUYERS): units sold in a period other than first
    purchases, per user who has ever bought the item. The prior draws items with few buyers towards
    prior_purchases / PRIOR_BUYERS.

    Args:
        sales: (items,), units sold in the period.
        first_purchases: (items,), users who first bought the item in the period.
        buyers: (items,), users who have ever bought the item.
        prior_purchases: repurchases that are added to those of each item.
    """
    return np.asarray((sales - first_purchases + prior_purchases) / (buyers + PRIOR_BUYERS))


def repurchase_scores(rates: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return log(1 + 100 x rate): 0 for items that are never bought again."""
    return np.log1p(100 * rates)


def fill_lists(first: NDArray[np.int32], filler: NDArray[np.int32], k: int) -> NDArray[np.int32]:
    """Append the items of `filler` that are not in `first` to the lists of `first`.

    There are no scores, because those of two sources cannot be compared.

    Args:
        first: int32 (n, width), positions, best first, no item twice in a row; -1 is padding.
        filler: the same for the same users, of any width; a width of k is always sufficient.
        k: the width of the result, at least 1.

    Returns:
        Positions int32 (n, k), best first, no item twice; -1 where both lists hold fewer than k items.

    Raises:
        ValueError: an argument does not have this form.
    """
    if first.ndim != 2 or filler.ndim != 2 or len(first) != len(filler) or k < 1:
        raise ValueError(
            f"Lists must be (n, width) for the same n users and k at least 1, not {first.shape}, {filler.shape}, {k}."
        )
    listed = ItemLists.from_padded(first)
    both = np.concatenate([first, filler], axis=1)
    kept = np.concatenate([first >= 0, (filler >= 0) & ~listed.contains(filler)], axis=1)
    rows, columns = np.nonzero(kept)
    return first_k(rows, both[rows, columns], len(first), k)


def _top(
    histories: Histories,
    days: NDArray[np.float32],
    values: NDArray[np.float32],
    scores: NDArray[np.float32],
    k: int,
    excluded: ItemLists | None,
    eligible: NDArray[np.bool_] | None,
) -> TopK:
    """Return the first k allowed entries of each history, by days, then by value, largest first, then in their order.

    Args:
        histories: of n users.
        days: float32 (m,), not falling within a history.
        values: float32 (m,), at least 0.
        scores: float32 (m,), returned beside the positions.
        k: at least 1.
        excluded: n lists of positions that must not be returned for their user.
        eligible: bool (items,), False where an item must not be returned for any user.
    """
    items = int(histories.positions.max(initial=-1)) + 1
    if k < 1:
        raise ValueError(f"k must be at least 1, not {k}.")
    if excluded is not None and len(excluded) != len(histories):
        raise ValueError(f"Excluded items must be {len(histories)} lists, one for each history, not {len(excluded)}.")
    if eligible is not None and (eligible.dtype != np.bool_ or len(eligible) < items):
        raise ValueError(f"Eligible must be (items,) bool, not {eligible.shape} {eligible.dtype}.")
    lists = ItemLists.empty(len(histories)) if excluded is None else excluded
    mask = np.ones(items, np.bool_) if eligible is None else eligible
    top = np.full((len(histories), k), -1, np.int32), np.full((len(histories), k), -np.inf, np.float32)
    value_bits = np.ascontiguousarray(values + np.float32(0), np.float32).view(np.uint32)
    own = histories.bought.offsets, histories.positions
    _write_lists(*own, days, value_bits, scores, lists.offsets, lists.positions, mask, *top)
    return top


@compiled
def _write_lists(
    offsets: NDArray[np.int64],
    positions: NDArray[np.int32],
    days: NDArray[np.float32],
    value_bits: NDArray[np.uint32],
    scores: NDArray[np.float32],
    excluded_offsets: NDArray[np.int64],
    excluded_positions: NDArray[np.int32],
    eligible: NDArray[np.bool_],
    top_positions: NDArray[np.int32],
    top_scores: NDArray[np.float32],
) -> None:
    """Write the list of each user.

    The bits of floating point numbers from 0 on are ordered as the numbers are. Value and entry are packed into one
    integer, so that one sort orders both.
    """
    n, k = top_positions.shape
    excluded_by = np.full(len(eligible), -1, np.int32)
    longest = 0
    for row in range(n):
        longest = max(longest, offsets[row + 1] - offsets[row])
    keys = np.empty(longest, np.uint64)
    for row in range(n):
        for entry in range(excluded_offsets[row], excluded_offsets[row + 1]):
            if excluded_positions[entry] < len(eligible):
                excluded_by[excluded_positions[entry]] = row
        rank, start, stop = 0, offsets[row], offsets[row + 1]
        while start < stop and rank < k:
            end, count = start, 0
            while end < stop and days[end] == days[start]:
                position = positions[end]
                if eligible[position] and excluded_by[position] != row:
                    keys[count] = (np.uint64(value_bits[end]) << _HIGH) | (_LOW - np.uint64(end - offsets[row]))
                    count += 1
                end += 1
            run = keys[:count]
            run.sort()
            for number in range(min(count, k - rank)):
                entry = offsets[row] + np.int64(_LOW - (run[count - 1 - number] & _LOW))
                top_positions[row, rank], top_scores[row, rank] = positions[entry], scores[entry]
                rank += 1
            start = end

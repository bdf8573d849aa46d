"""The user's own purchases as candidate sources: by frequency, recency and repurchase rate."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from candidates.histories import Histories
from candidates.item_lists import ItemLists
from candidates.topk import TopK, first_k, top_k_of_sorted

PRIOR_BUYERS: Final = 10.0


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
    order = np.lexsort((-histories.counts, histories.rows))
    return _in_order(histories, order, np.log1p(histories.counts), k, excluded, eligible)


def top_by_recency(
    histories: Histories,
    k: int,
    excluded: ItemLists | None = None,
    *,
    eligible: NDArray[np.bool_] | None = None,
) -> TopK:
    """List each user's own items by the day of their last purchase, newest first; ties by count, then position.

    Scores are -log(1 + days). Arguments, result and errors are otherwise those of `top_by_frequency`.
    """
    order = np.lexsort((histories.positions, -histories.counts, histories.days, histories.rows))
    return _in_order(histories, order, -np.log1p(histories.days), k, excluded, eligible)


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
    order = np.lexsort((-np.log1p(histories.counts) * own_rates, histories.rows))
    return _in_order(histories, order, repurchase_scores(own_rates), k, excluded, eligible)


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


def _in_order(
    histories: Histories,
    order: NDArray[np.intp],
    scores: NDArray[np.float32],
    k: int,
    excluded: ItemLists | None,
    eligible: NDArray[np.bool_] | None,
) -> TopK:
    """Return the first k allowed entries of each history in the given order of entries."""
    if k < 1:
        raise ValueError(f"k must be at least 1, not {k}.")
    if excluded is not None and len(excluded) != len(histories):
        raise ValueError(f"Excluded items must be {len(histories)} lists, one for each history, not {len(excluded)}.")
    if eligible is not None:
        if eligible.dtype != np.bool_ or len(eligible) <= histories.positions.max(initial=-1):
            raise ValueError(f"Eligible must be (items,) bool, not {eligible.shape} {eligible.dtype}.")
        order = order[eligible[histories.positions[order]]]
    rows, positions, scores = histories.rows[order], histories.positions[order], scores[order]
    if excluded is not None:
        allowed = ~excluded.contains_pairs(rows, positions)
        rows, positions, scores = rows[allowed], positions[allowed], scores[allowed]
    return top_k_of_sorted(rows, positions, scores, len(histories), k)

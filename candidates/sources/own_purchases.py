"""What users bought before, as a source of candidates: where people buy the same again, the hardest list to beat."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from candidates.histories import Histories
from candidates.item_lists import ItemLists, TopK
from candidates.topk import top_k_of_sorted


def top_by_frequency(
    histories: Histories,
    k: int,
    excluded: ItemLists | None = None,
    *,
    eligible: NDArray[np.bool_] | None = None,
) -> TopK:
    """List each user's own items by how often he bought them; equal counts as in the history, newest first.

    Args:
        histories: Of n users.
        k: The width of the lists, at least 1.
        excluded: n lists of positions that must not be returned for their user.
        eligible: (items,) bool, False where an item must not be returned for anybody.

    Returns:
        Positions (n, k) int32 and scores log(1 + count) (n, k) float32, best first; where a user has fewer items, the
        rest is position -1 with score -inf.

    Raises:
        ValueError: An argument does not have this form.
    """
    order = np.lexsort((-histories.counts, histories.rows))
    return _listed(histories, order, np.log1p(histories.counts), k, excluded, eligible)


def top_by_recency(
    histories: Histories,
    k: int,
    excluded: ItemLists | None = None,
    *,
    eligible: NDArray[np.bool_] | None = None,
) -> TopK:
    """List each user's own items by the day of their last purchase, the newest first; equal days by count, position.

    Scores are -log(1 + days). Arguments, the rest of the result and errors are those of `top_by_frequency`.
    """
    order = np.lexsort((histories.positions, -histories.counts, histories.days, histories.rows))
    return _listed(histories, order, -np.log1p(histories.days), k, excluded, eligible)


def top_by_repurchase_rate(
    histories: Histories,
    rates: NDArray[np.float32],
    k: int,
    excluded: ItemLists | None = None,
    *,
    eligible: NDArray[np.bool_] | None = None,
) -> TopK:
    """List each user's own items by log(1 + count) times how often people buy it again; equal ones newest first.

    What is bought every week comes back, what lasts for years does not, however often a user bought either.

    Args:
        histories: Of n users.
        rates: (items,) float32, how many of those who have an item buy it again in some time, at least 0.
        k: The width of the lists, at least 1.
        excluded: n lists of positions that must not be returned for their user.
        eligible: (items,) bool, False where an item must not be returned for anybody.

    Returns:
        Positions (n, k) int32 and `repurchase_scores` (n, k) float32, best first; where a user has fewer
        items, the rest is position -1 with score -inf.

    Raises:
        ValueError: An argument does not have this form.
    """
    own = rates[histories.positions]
    order = np.lexsort((-np.log1p(histories.counts) * own, histories.rows))
    return _listed(histories, order, repurchase_scores(own), k, excluded, eligible)


def repurchase_scores(rates: NDArray[np.float32]) -> NDArray[np.float32]:
    """log(1 + 100 x rate): 0 for what nobody buys again, as for what the user has never bought."""
    return np.log1p(100 * rates)


def fill_lists(first: NDArray[np.int32], filler: NDArray[np.int32], k: int) -> NDArray[np.int32]:
    """Fill lists up: what stands in `first`, then what stands in `filler` and not in `first`.

    There are no scores: those of two kinds cannot be compared.

    Args:
        first: (n, width) int32 positions, best first, no item twice in a row; -1 is padding.
        filler: The same for the same users, of any width; k places are always enough.
        k: The width of the lists, at least 1.

    Returns:
        (n, k) int32 positions, best first, no item twice; padded with -1 where both together hold fewer items.

    Raises:
        ValueError: An argument does not have this form.
    """
    if first.ndim != 2 or filler.ndim != 2 or len(first) != len(filler) or k < 1:
        raise ValueError(
            f"Lists must be (n, width) for the same n users and k at least 1, not {first.shape}, {filler.shape}, {k}."
        )
    listed = first >= 0
    own = ItemLists.from_pairs(np.nonzero(listed)[0], first[listed], len(first))
    both = np.concatenate([first, filler], axis=1)
    kept = np.concatenate([listed, (filler >= 0) & ~own.contains(filler)], axis=1)
    rows, places = np.nonzero(kept)
    positions, _ = top_k_of_sorted(rows, both[rows, places], np.zeros(len(rows), np.float32), len(first), k)
    return positions


def _listed(
    histories: Histories,
    order: NDArray[np.integer[Any]],
    scores: NDArray[np.float32],
    k: int,
    excluded: ItemLists | None,
    eligible: NDArray[np.bool_] | None,
) -> TopK:
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

"""How much of the catalogue the lists show, and how much they keep to what sells anyway."""

import numpy as np
from numpy.typing import NDArray

from evaluation.results import CatalogueCoverage


def sales_percentiles(sold: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return for each item the share of the catalogue that sold less, half of what sold equally counted in.

    The mean over the catalogue is exactly 0.5 whatever the sales: lists drawn by lot would show 0.5.

    Args:
        sold: (items,) int64, purchases before the cut, at least one item.

    Returns:
        (items,) float64, above 0 and below 1.
    """
    ordered = np.sort(sold)
    less = np.searchsorted(ordered, sold, side="left")
    not_more = np.searchsorted(ordered, sold, side="right")
    return np.asarray((less + not_more) / 2 / len(sold))


def coverage_of(positions: NDArray[np.int32], sold: NDArray[np.int64], k: int) -> CatalogueCoverage:
    """Measure the first k places of all users' lists.

    - distinct_items: how many different items at least one user is shown.
    - coverage: distinct items over items; the catalogue coverage of Ge, Delgado-Battenfeld and Jannach, "Beyond
      accuracy: evaluating recommender systems by coverage and serendipity", RecSys 2010.
    - popularity_bias: mean over users of the mean sales percentile of the listed items. The average recommendation
      popularity (ARP) of Yin et al., "Challenging the long tail recommendation", PVLDB 5(9), 2012, with percentiles in
      place of counts, so that numbers can be compared between catalogues and cuts.
    - bestseller_share: mean over users of the share of their list that is among the k most sold items, equal sales
      ranked by position.

    Args:
        positions: (users, width) int32, best first; -1 is padding and passed over. Users with an empty list have no
            means and are left out of both.
        sold: (items,) int64, purchases before the cut.
        k: At least 1.

    Raises:
        ValueError: k is less than 1, nobody is shown anything, or a position is not below the number of items.
    """
    if k < 1:
        raise ValueError(f"k must be at least 1, not {k}.")
    top = positions[:, :k]
    listed = top >= 0
    places = listed.sum(axis=1)
    shown = places > 0
    if not shown.any() or top.max() >= len(sold):
        raise ValueError(f"Lists need at least one item, with positions below {len(sold)}, not {top.max(initial=-1)}.")
    bestseller = np.zeros(len(sold), np.float64)
    bestseller[np.argsort(-sold, kind="stable")[:k]] = 1

    def mean_of(worth: NDArray[np.float64]) -> float:
        sums = np.where(listed, worth[top], 0).sum(axis=1)
        return float((sums[shown] / places[shown]).mean())

    distinct = len(np.unique(top[listed]))
    return {
        "distinct_items": distinct,
        "coverage": distinct / len(sold),
        "popularity_bias": mean_of(sales_percentiles(sold)),
        "bestseller_share": mean_of(bestseller),
    }

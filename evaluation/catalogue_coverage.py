"""Catalogue coverage and popularity bias of candidate lists."""

import numpy as np
from numpy.typing import NDArray

from evaluation.results import CatalogueCoverage


def sales_percentiles(sales: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return each item's mid-rank percentile of sales: the share of items that sold less, plus half of the equal ones.

    The mean over the catalogue is 0.5, so random lists have 0.5.

    Args:
        sales: (items,) int64, purchases of each item before the cut, at least one item.

    Returns:
        (items,) float64, above 0 and below 1.
    """
    ordered = np.sort(sales)
    less = np.searchsorted(ordered, sales, side="left")
    not_more = np.searchsorted(ordered, sales, side="right")
    return np.asarray((less + not_more) / 2 / len(sales))


def measure_coverage(positions: NDArray[np.int32], sales: NDArray[np.int64], k: int) -> CatalogueCoverage:
    """Measure the first k candidates of all users.

    - distinct_items: number of different items in the lists.
    - coverage: distinct items / items in the catalogue; the catalogue coverage of Ge, Delgado-Battenfeld
      and Jannach, "Beyond accuracy: evaluating recommender systems by coverage and serendipity", RecSys 2010.
    - popularity_bias: mean over users of the mean sales percentile of the listed items. The average recommendation
      popularity (ARP) of Yin et al., "Challenging the long tail recommendation", PVLDB 5(9), 2012, with percentiles in
      place of counts, so that numbers can be compared between catalogues and cuts.
    - bestseller_share: mean over users of the share of their list that is among the k best-selling items, equal sales
      ordered by position.

    Args:
        positions: (users, width) int32, best first; -1 is padding. Users with an empty list are left out of the means.
        sales: (items,) int64, purchases of each item before the cut.
        k: At least 1.

    Raises:
        ValueError: k is less than 1, all lists are empty, or a position is not below the number of items.
    """
    if k < 1:
        raise ValueError(f"k must be at least 1, not {k}.")
    top = positions[:, :k]
    listed = top >= 0
    lengths = listed.sum(axis=1)
    nonempty = lengths > 0
    if not nonempty.any() or top.max() >= len(sales):
        raise ValueError(f"Lists need at least one item, with positions below {len(sales)}, not {top.max(initial=-1)}.")
    bestseller = np.zeros(len(sales), np.float64)
    bestseller[np.argsort(-sales, kind="stable")[:k]] = 1

    def mean_of(values: NDArray[np.float64]) -> float:
        sums = np.where(listed, values[top], 0).sum(axis=1)
        return float((sums[nonempty] / lengths[nonempty]).mean())

    distinct = len(np.unique(top[listed]))
    return {
        "distinct_items": distinct,
        "coverage": distinct / len(sales),
        "popularity_bias": mean_of(sales_percentiles(sales)),
        "bestseller_share": mean_of(bestseller),
    }

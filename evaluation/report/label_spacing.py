"""Labels beside a drawing, moved apart."""

from collections.abc import Sequence

import numpy as np


def spread(wanted: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Move places apart until neighbours are at least `gap` from each other, as little as possible in sum of squares.

    Isotonic regression by pooling adjacent violators (Barlow et al., Statistical Inference under Order Restrictions,
    1972) of the places less their share of the gaps, then clipped into `low` to `high`. If there is no room for all
    the gap shrinks.

    Args:
        wanted: The places wanted, in any order.
        gap: The least distance between neighbours.
        low: The lowest place there is.
        high: The highest.

    Returns:
        The places in the order given.
    """
    order = np.argsort(np.array(wanted, np.float64), kind="stable")
    gap = min(gap, (high - low) / max(1, len(wanted) - 1))
    pools: list[tuple[float, int]] = []  # mean and number of members
    for rank, place in enumerate(np.array(wanted, np.float64)[order].tolist()):
        pools.append((place - rank * gap, 1))
        while len(pools) > 1 and pools[-2][0] >= pools[-1][0]:
            (below, fewer), (above, more) = pools[-2:]
            pools[-2:] = [((below * fewer + above * more) / (fewer + more), fewer + more)]
    free = np.repeat([mean for mean, _ in pools], [number for _, number in pools])
    places = np.empty(len(wanted))
    places[order] = free.clip(low, high - gap * (len(wanted) - 1)) + gap * np.arange(len(wanted))
    return [float(place) for place in places]

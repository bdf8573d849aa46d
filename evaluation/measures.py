"""What one model's lists were worth on one protocol: a number per user and measure, and their means."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from evaluation.bootstrap import Bootstrap, Estimate
from evaluation.hits import Hits

CUTOFFS: Final = (12, 50, 100, 300)
JUDGED_AT: Final = 100


def cutoffs_for(items: int) -> tuple[int, ...]:
    """Return 12, 50, 100 and 300, as far as they are at most half the catalogue.

    A list of nearly everything finds nearly everything. Where all are too large, half the catalogue is the only one.

    Args:
        items: The size of the catalogue, at least 1.
    """
    half = max(1, items // 2)
    return tuple(k for k in CUTOFFS if k <= half) or (half,)


def judged_at(cutoffs: Sequence[int]) -> int:
    """Return the cut-off by which models are compared: 100, or the largest where there is no 100."""
    return JUDGED_AT if JUDGED_AT in cutoffs else max(cutoffs)


def compared_by(cutoffs: Sequence[int]) -> tuple[str, ...]:
    """Return the measures by which models are compared with each other.

    Recall where they are judged says what was found; those at the smallest cut-off say whether it stands in front.

    Args:
        cutoffs: Ascending, as in `user_measures`.

    Returns:
        "recall@100", "map@12", "ndcg@12" and "recall@12", or the same at the cut-offs of a small catalogue.
    """
    first = min(cutoffs)
    names = (f"recall@{judged_at(cutoffs)}", f"map@{first}", f"ndcg@{first}", f"recall@{first}")
    return tuple(dict.fromkeys(names))


def user_measures(hits: Hits, cutoffs: Sequence[int]) -> dict[str, NDArray[np.float64]]:
    """Measure each user's list; formulas and sources stand in `evaluation.metrics`.

    Args:
        hits: The model's lists beside what the users wanted.
        cutoffs: Ascending, each at least 1.

    Returns:
        (users,) float64 each: recall and hit rate at every cut-off, MAP and NDCG at the smallest, under the names
        "recall@12", ..., "hit_rate@12", ..., "map@12", "ndcg@12".
    """
    first = min(cutoffs)
    return {
        **{f"recall@{k}": hits.recall(k) for k in cutoffs},
        **{f"hit_rate@{k}": hits.hit_rate(k) for k in cutoffs},
        f"map@{first}": hits.average_precision(first),
        f"ndcg@{first}": hits.ndcg(first),
    }


def estimates_of(measured: Mapping[str, NDArray[np.float64]], resamples: Bootstrap) -> dict[str, Estimate]:
    """Return the mean over users of each measure, with its 95 % bootstrap interval.

    Args:
        measured: (users,) float64 each, by name, as from `user_measures`; at least one.
        resamples: Drawn for these users.

    Raises:
        ValueError: A measure is not about the users that were drawn.
    """
    estimates = resamples.estimates(np.stack(list(measured.values()), axis=1))
    return dict(zip(measured, estimates, strict=True))

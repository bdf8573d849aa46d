"""Calibration of the ranker: predicted probabilities beside the shares of candidates that were bought."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

BINS: Final = 10


@dataclass(frozen=True)
class ReliabilityBin:
    """Candidates with similar predictions.

    Attributes:
        predicted: the mean of their predicted probabilities.
        observed: the share of them that was bought.
        count: the number of candidates.
    """

    predicted: float
    observed: float
    count: int


def reliability_bins(
    scores: NDArray[np.float32], bought: NDArray[np.bool_], bins: int = BINS
) -> tuple[ReliabilityBin, ...]:
    """Divide candidates by predicted probability into bins of equal size.

    Args:
        scores: float32 (pairs,), log odds.
        bought: bool (pairs,).
        bins: the number of bins, at least 1; fewer candidates than bins get one bin each.

    Returns:
        The bins, ascending by probability. Candidates of equal odds may be in two bins.

    Raises:
        ValueError: the arrays differ in length, or `bins` is below 1.
    """
    if scores.shape != bought.shape or bins < 1:
        raise ValueError(
            f"Scores and purchases must be equally long and bins at least 1, not {scores.shape}, "
            f"{bought.shape} and {bins}."
        )
    probabilities = 1 / (1 + np.exp(-scores.astype(np.float64)))
    parts = np.array_split(np.argsort(scores, kind="stable"), bins)
    return tuple(
        ReliabilityBin(float(probabilities[part].mean()), float(bought[part].mean()), len(part))
        for part in parts
        if len(part)
    )

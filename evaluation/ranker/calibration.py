"""Whether what the ranker says is likely happens as often as it says."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

BINS: Final = 10


@dataclass(frozen=True)
class ReliabilityBin:
    """Candidates of about the same odds.

    Attributes:
        predicted: the mean of their predicted probabilities.
        bought: the share that was bought.
        count: how many there are.
    """

    predicted: float
    bought: float
    count: int


def reliability(scores: NDArray[np.float32], bought: NDArray[np.bool_], bins: int = BINS) -> tuple[ReliabilityBin, ...]:
    """Part candidates by their predicted probability into bins of equal size.

    Args:
        scores: float32 (pairs,), log odds.
        bought: bool (pairs,).
        bins: how many, at least 1; of fewer pairs than bins each is a bin.

    Returns:
        The bins, the least likely first. Candidates of equal odds may stand in two bins.

    Raises:
        ValueError: the two differ in length, or there is no bin.
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

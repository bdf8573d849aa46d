"""How different vectors are from each other, and the lists to which they lead."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class VectorDiversity:
    """Three figures of query vectors. If they collapse to one, the first becomes 1, the second 1, the third k.

    Attributes:
        mean_cosine: over all pairs of different vectors, -1 to 1.
        effective_rank: see `effective_rank`, 1 to dimensions.
        distinct_items: how many different items stand in all their top k together.
        k: how long the lists are.
        queries: how many vectors were looked at.
        dimensions: how long they are.
    """

    mean_cosine: float
    effective_rank: float
    distinct_items: int
    k: int
    queries: int
    dimensions: int

    @classmethod
    def of(cls, vectors: NDArray[np.floating[Any]], positions: NDArray[np.int32]) -> Self:
        """Measure.

        Args:
            vectors: (queries, dimensions) floating point, finite, at least one.
            positions: (queries, k) int32, the best items of each; -1 is padding.
        """
        return cls(
            mean_cosine=mean_cosine(vectors),
            effective_rank=effective_rank(vectors),
            distinct_items=len(np.unique(positions[positions >= 0])),
            k=positions.shape[1],
            queries=len(vectors),
            dimensions=vectors.shape[1],
        )


def mean_cosine(vectors: NDArray[np.floating[Any]]) -> float:
    """Return the mean cosine over all pairs of different rows of (rows, dimensions), 1 if there is no pair.

    The squared length of the sum of unit vectors counts each pair twice and each row once with itself. A row of zeros
    has the cosine 0 with all others.
    """
    rows = len(vectors)
    if rows < 2:
        return 1.0
    wide = vectors.astype(np.float64)
    lengths = np.linalg.norm(wide, axis=1, keepdims=True)
    units = np.divide(wide, lengths, out=np.zeros_like(wide), where=lengths > 0)
    total = units.sum(axis=0)
    return float((total @ total - (units**2).sum()) / (rows * (rows - 1)))


def effective_rank(vectors: NDArray[np.floating[Any]]) -> float:
    """Return exp(-sum p log p) with p the singular values of (rows, dimensions) divided by their sum, 1 to dimensions.

    The exponential of their entropy: Roy and Vetterli, "The effective rank: a measure of effective dimensionality",
    EUSIPCO 2007. 0 if all is zero.
    """
    wide = vectors.astype(np.float64)
    # The singular values are the roots of the eigenvalues of the small square matrix.
    singular = np.sqrt(np.linalg.eigvalsh(wide.T @ wide).clip(min=0))
    if not singular.any():
        return 0.0
    shares = singular / singular.sum()
    shares = shares[shares > 0]
    return float(np.exp(-(shares * np.log(shares)).sum()))

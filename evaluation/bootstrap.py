"""The bootstrap over users: drawn once, then asked about any number of models and measures."""

from dataclasses import dataclass
from typing import Final, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

RESAMPLES: Final = 1_000
LEVEL: Final = 0.95
_ROWS_PER_BLOCK: Final = 64  # as float64 all counts of 20,000 users would take 160 MB

Estimate: TypeAlias = list[float]
"""Mean, lower end and upper end of its interval; a list, because JSON knows no other sequence."""


@dataclass(frozen=True, eq=False)
class Bootstrap:
    """How often each user was drawn, with replacement, in each resample.

    Percentile bootstrap: Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13. As every model is
    asked with the same draws, the intervals of differences and of ratios are paired.

    Attributes:
        counts: (resamples, users) uint16; each row sums to the number of users.
    """

    counts: NDArray[np.uint16]

    @classmethod
    def of(cls, users: int, seed: int, resamples: int = RESAMPLES) -> Self:
        """Draw the resamples.

        Args:
            users: How many users there are, at least 1.
            seed: The same seed gives the same draws.
            resamples: How many to draw, at least 1.

        Raises:
            ValueError: There are no users or no resamples.
        """
        if users < 1 or resamples < 1:
            raise ValueError(
                f"Users must be at least one and resamples must be at least 1, not {users} and {resamples}."
            )
        generator = np.random.default_rng(seed)
        counts = np.empty((resamples, users), np.uint16)
        for row in counts:
            row[:] = np.bincount(generator.integers(users, size=users), minlength=users)
        return cls(counts)

    def means(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the mean over users in each resample.

        Args:
            values: (users, m) float64, finite, one column for each measure.

        Returns:
            (resamples, m) float64.

        Raises:
            ValueError: The values are not finite numbers of this form.
        """
        users = self.counts.shape[1]
        if values.ndim != 2 or len(values) != users or not np.isfinite(values).all():
            raise ValueError(f"Values must be finite numbers of shape ({users} users, measures), not {values.shape}.")
        sums = np.empty((len(self.counts), values.shape[1]))
        for start in range(0, len(sums), _ROWS_PER_BLOCK):
            block = slice(start, start + _ROWS_PER_BLOCK)
            sums[block] = self.counts[block].astype(np.float64) @ values
        return np.asarray(sums / users)

    def estimates(self, values: NDArray[np.float64], level: float = LEVEL) -> list[Estimate]:
        """Return the mean of each column of `values` (users, m) and its interval.

        Args:
            values: As in `means`.
            level: The share of drawn means inside the interval, between 0 and 1.

        Raises:
            ValueError: An argument does not have this form.
        """
        drawn = self.means(values)
        return [
            [mean, *interval_of(column, level)]
            for mean, column in zip(values.mean(axis=0).tolist(), drawn.T, strict=True)
        ]


def interval_of(drawn: NDArray[np.float64], level: float = LEVEL) -> tuple[float, float]:
    """Return the lower and upper end of the middle `level` of drawn numbers (resamples,).

    Raises:
        ValueError: The level is not between 0 and 1.
    """
    if not 0 < level < 1:
        raise ValueError(f"An interval needs a level between 0 and 1, not {level}.")
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)

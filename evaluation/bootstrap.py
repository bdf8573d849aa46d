"""Bootstrap over users: confidence intervals of means, differences and ratios."""

from dataclasses import dataclass
from typing import Final, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

RESAMPLES: Final = 1_000
LEVEL: Final = 0.95
_ROWS_PER_BLOCK: Final = 64  # as float64, all counts of 20,000 users would take 160 MB

Estimate: TypeAlias = list[float]
"""Mean, lower and upper end of its interval; a list, because it is stored as JSON."""


@dataclass(frozen=True, eq=False)
class Bootstrap:
    """How often each user is drawn, with replacement, in each resample.

    Percentile bootstrap: Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13. All models use the
    same resamples, so that intervals of differences and ratios are paired.

    Attributes:
        counts: (resamples, users) uint16; each row sums to the number of users.
    """

    counts: NDArray[np.uint16]

    @classmethod
    def of(cls, users: int, seed: int, resamples: int = RESAMPLES) -> Self:
        """Draw the resamples.

        Args:
            users: The number of users, at least 1.
            seed: The same seed gives the same resamples.
            resamples: The number of resamples, at least 1.

        Raises:
            ValueError: There are no users or no resamples.
        """
        if users < 1 or resamples < 1:
            raise ValueError(f"The numbers of users and of resamples must be at least 1, not {users} and {resamples}.")
        generator = np.random.default_rng(seed)
        counts = np.empty((resamples, users), np.uint16)
        for row in counts:
            row[:] = np.bincount(generator.integers(users, size=users), minlength=users)
        return cls(counts)

    def means(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the mean over users in each resample.

        Args:
            values: (users, m) float64, finite, one column for each metric.

        Returns:
            (resamples, m) float64.

        Raises:
            ValueError: The values are not finite numbers of this shape.
        """
        users = self.counts.shape[1]
        if values.ndim != 2 or len(values) != users or not np.isfinite(values).all():
            raise ValueError(f"Values must be finite numbers of shape ({users} users, metrics), not {values.shape}.")
        sums = np.empty((len(self.counts), values.shape[1]))
        for start in range(0, len(sums), _ROWS_PER_BLOCK):
            block = slice(start, start + _ROWS_PER_BLOCK)
            sums[block] = self.counts[block].astype(np.float64) @ values
        return np.asarray(sums / users)

    def estimates(self, values: NDArray[np.float64], level: float = LEVEL) -> list[Estimate]:
        """Return the mean of each column of `values` (users, m) and its interval.

        Args:
            values: As in `means`.
            level: The share of resampled means inside the interval, between 0 and 1.

        Raises:
            ValueError: An argument does not have this form.
        """
        resampled = self.means(values)
        return [
            [mean, *percentile_interval(column, level)]
            for mean, column in zip(values.mean(axis=0).tolist(), resampled.T, strict=True)
        ]


def percentile_interval(resampled: NDArray[np.float64], level: float = LEVEL) -> tuple[float, float]:
    """Return the lower and upper end of the middle `level` of resampled values (resamples,).

    Raises:
        ValueError: The level is not between 0 and 1.
    """
    if not 0 < level < 1:
        raise ValueError(f"The level of an interval must be between 0 and 1, not {level}.")
    low, high = np.quantile(resampled, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def bootstrap_interval(
    values: NDArray[np.float64], seed: int, resamples: int = RESAMPLES, level: float = LEVEL
) -> tuple[float, float]:
    """Return the bootstrap interval of the mean over users.

    Args:
        values: (n,) float64, one finite value per user, at least one user.
        seed: The same seed gives the same interval.
        resamples: The number of resamples, at least 1.
        level: The share of resampled means inside the interval, between 0 and 1.

    Returns:
        Lower and upper end.

    Raises:
        ValueError: An argument does not have this form.
    """
    if values.ndim != 1 or len(values) == 0 or not np.isfinite(values).all():
        raise ValueError(f"Values must be finite numbers of shape (users,), at least one, not {values.shape}.")
    if resamples < 1 or not 0 < level < 1:
        raise ValueError(f"Resamples must be at least 1 and level between 0 and 1, not {resamples} and {level}.")
    return percentile_interval(Bootstrap.of(len(values), seed, resamples).means(values[:, None])[:, 0], level)


def paired_interval(
    values: NDArray[np.float64],
    baseline: NDArray[np.float64],
    seed: int,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
) -> tuple[float, float]:
    """Return the bootstrap interval of the mean difference `values - baseline`, paired by user.

    It is narrower than the two separate intervals suggest, because users who are easy for one model are easy for the
    other. Other arguments and errors are those of `bootstrap_interval`.

    Raises:
        ValueError: The two have different numbers of users.
    """
    if values.shape != baseline.shape:
        raise ValueError(f"Both must have the same users, not {values.shape} and {baseline.shape}.")
    return bootstrap_interval(values - baseline, seed, resamples, level)

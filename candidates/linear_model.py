"""A linear function of the ranks and scores that the sources give to a candidate."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from candidates.compiled import compiled, compiled_sums


@dataclass(frozen=True, eq=False)
class LinearModel:
    """Weights of the terms of a candidate.

    The terms of each source are: whether the candidate is on its list, the log of its rank, and its score. Products of
    scores fit the week of the purchases better, and other weeks worse.

    Attributes:
        sources: names of the sources, in order.
        means: float32 (terms,), the mean of each term of `term_names` in the candidates of the fit.
        deviations: float32 (terms,), their standard deviations; 1 instead of 0.
        weights: float32 (terms,), the weights of the standardized terms.
        intercept: the score of a candidate with average terms.
    """

    sources: tuple[str, ...]
    means: NDArray[np.float32]
    deviations: NDArray[np.float32]
    weights: NDArray[np.float32]
    intercept: float

    def score(self, ranks: NDArray[np.int32], scores: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the score of each candidate, float32 (pairs,), summed in float64.

        Args:
            ranks: (pairs, sources), from 1; 0 for a source that does not list the candidate.
            scores: (pairs, sources).
        """
        result = np.empty(len(ranks), np.float32)
        _write_scores(ranks, scores, _log_ranks(ranks), *self._coefficients, result)
        return result

    @cached_property
    def _coefficients(self) -> tuple[float, NDArray[np.float64]]:
        """The weights of terms that are not standardized.

        Returns:
            The constant; weights of being listed, of log ranks and of scores, float64 (3, sources).
        """
        weights = self.weights.astype(np.float64) / self.deviations
        constant = self.intercept - float(weights @ self.means.astype(np.float64))
        return constant, weights.reshape(3, len(self.sources))

    def to_json(self) -> dict[str, Any]:
        """Return the weights as JSON-ready values, for `from_json`."""
        columns = zip(term_names(self.sources), self.means, self.deviations, self.weights, strict=True)
        terms = [
            {"term": name, "mean": float(mean), "standard_deviation": float(deviation), "weight": float(weight)}
            for name, mean, deviation, weight in columns
        ]
        return {"intercept": self.intercept, "terms": terms}

    @classmethod
    def from_json(cls, content: dict[str, Any], sources: tuple[str, ...]) -> Self:
        """Read the values that `to_json` returned."""
        means, deviations, weights = (
            np.array([term[name] for term in content["terms"]], np.float32)
            for name in ("mean", "standard_deviation", "weight")
        )
        return cls(sources, means, deviations, weights, float(content["intercept"]))


def term_names(sources: tuple[str, ...]) -> list[str]:
    """Return the names of the terms, in order."""
    return [
        *(f"listed by {source}" for source in sources),
        *(f"log rank by {source}" for source in sources),
        *(f"score by {source}" for source in sources),
    ]


def build_terms(parts: Sequence[tuple[NDArray[np.int32], NDArray[np.float32]]]) -> NDArray[np.float32]:
    """Return the terms of each candidate, float32 (pairs, terms).

    Args:
        parts: ranks and scores of successive candidates, at least one part; see `LinearModel.score`.
    """
    ends = np.cumsum([len(ranks) for ranks, _ in parts])
    terms = np.empty((ends[-1], 3 * parts[0][0].shape[1]), np.float32)
    for (ranks, scores), end in zip(parts, ends, strict=True):
        _write_terms(ranks, scores, _log_ranks(ranks).astype(np.float32), terms[end - len(ranks) : end])
    return terms


def standardize(terms: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Standardize the terms in place, and return their means and standard deviations, float32 (terms,)."""
    means, deviations = np.zeros((2, terms.shape[1]))
    _write_moments(terms, means, deviations)
    single_means, single_deviations = means.astype(np.float32), deviations.astype(np.float32)
    single_deviations[single_deviations == 0] = 1
    _standardize(terms, single_means, single_deviations)
    return single_means, single_deviations


def _log_ranks(ranks: NDArray[np.int32]) -> NDArray[np.float64]:
    """Return the logs of the numbers from 1 to the highest rank."""
    return np.log(np.arange(1, ranks.max(initial=1) + 1))


@compiled
def _write_terms(
    ranks: NDArray[np.int32], scores: NDArray[np.float32], logs: NDArray[np.float32], terms: NDArray[np.float32]
) -> None:
    """Write the terms of each pair; `logs` holds the log of each rank."""
    pairs, sources = ranks.shape
    for pair in range(pairs):
        for source in range(sources):
            rank = ranks[pair, source]
            terms[pair, source] = rank > 0
            terms[pair, sources + source] = logs[max(rank, 1) - 1]
            terms[pair, 2 * sources + source] = scores[pair, source]


@compiled
def _write_moments(terms: NDArray[np.float32], means: NDArray[np.float64], deviations: NDArray[np.float64]) -> None:
    """Write means and standard deviations, summed over the pairs in their order; both hold 0."""
    pairs, columns = terms.shape
    for pair in range(pairs):
        for column in range(columns):
            means[column] += np.float64(terms[pair, column])
    means /= pairs
    for pair in range(pairs):
        for column in range(columns):
            deviations[column] += (np.float64(terms[pair, column]) - means[column]) ** 2
    deviations[:] = np.sqrt(deviations / pairs)


@compiled
def _standardize(terms: NDArray[np.float32], means: NDArray[np.float32], deviations: NDArray[np.float32]) -> None:
    pairs, columns = terms.shape
    for pair in range(pairs):
        for column in range(columns):
            terms[pair, column] = (terms[pair, column] - means[column]) / deviations[column]


@compiled_sums
def _write_scores(
    ranks: NDArray[np.int32],
    scores: NDArray[np.float32],
    logs: NDArray[np.float64],
    constant: float,
    weights: NDArray[np.float64],
    result: NDArray[np.float32],
) -> None:
    """Write the score of each pair; `logs` holds the log of each rank."""
    pairs, sources = ranks.shape
    for pair in range(pairs):
        total = constant
        for source in range(sources):
            rank = ranks[pair, source]
            if rank > 0:
                total += weights[0, source] + weights[1, source] * logs[rank - 1]
            total += weights[2, source] * scores[pair, source]
        result[pair] = total

"""The blender: merges the lists of all candidate sources into one, by a logistic regression on past weeks."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from candidates.compiled import compiled, compiled_sums
from candidates.item_lists import ItemLists
from candidates.over_fetching import Cap
from candidates.pool import Pool
from candidates.topk import ranks_within_groups, top_k, top_k_of_sorted

MAX_PAIRS: Final = 2_000_000  # more candidates do not change a few dozen weights
_MAX_ITERATIONS = 500


class NoContrastError(ValueError):
    """No candidate was bought, or all were: no weight can be fitted.

    Attributes:
        bought: number of candidates that were bought.
        candidates: number of candidates of the fit.
    """

    def __init__(self, bought: int, candidates: int) -> None:
        super().__init__(f"{bought} of {candidates} candidates were bought: no weight can be fitted.")
        self.bought, self.candidates = bought, candidates


@dataclass(frozen=True, eq=False)
class BlendedLists:
    """One list of k candidates for each of n users, with each source's rank and score.

    Attributes:
        sources: names of the sources, in order.
        positions: int32 (n, k), best first; -1 is padding.
        scores: float32 (n, k), log odds of a purchase; -inf at padding.
        ranks: int32 (n, k, sources), the rank on each source's list from 1; 0 if it is not on the list.
        source_scores: float32 (n, k, sources), each source's score; 0 where the source has none.
    """

    sources: tuple[str, ...]
    positions: NDArray[np.int32]
    scores: NDArray[np.float32]
    ranks: NDArray[np.int32]
    source_scores: NDArray[np.float32]

    @classmethod
    def concat(cls, parts: Sequence[Self]) -> Self:
        """Concatenate the lists of consecutive blocks of users; at least one part, all of the same sources."""
        return cls(
            sources=parts[0].sources,
            positions=np.concatenate([part.positions for part in parts]),
            scores=np.concatenate([part.scores for part in parts]),
            ranks=np.concatenate([part.ranks for part in parts]),
            source_scores=np.concatenate([part.source_scores for part in parts]),
        )

    @classmethod
    def padding(cls, sources: tuple[str, ...], n: int, k: int) -> Self:
        """Return empty lists of n users, padded to k."""
        return cls(
            sources,
            np.full((n, k), -1, np.int32),
            np.full((n, k), -np.inf, np.float32),
            np.zeros((n, k, len(sources)), np.int32),
            np.zeros((n, k, len(sources)), np.float32),
        )

    def first(self, k: int) -> Self:
        """Return the first k candidates of each list."""
        return self._index(np.s_[:, :k])

    def slice(self, start: int, stop: int) -> Self:
        """Return the lists of users start to stop - 1."""
        return self._index(np.s_[start:stop])

    def _index(self, part: Any) -> Self:
        """Index all arrays alike, with a NumPy slice of users, or of users and candidates."""
        return type(self)(
            self.sources, self.positions[part], self.scores[part], self.ranks[part], self.source_scores[part]
        )


@dataclass(frozen=True, eq=False)
class Blender:
    """A logistic regression on the ranks and scores that the sources give to a candidate.

    The terms of each source are: whether the candidate is on its list, the log of its rank, and its score. Products of
    scores fit the week of the purchases better, and other weeks worse.

    Attributes:
        sources: names of the sources, in order.
        means: float32 (terms,), the mean of each term of `term_names` in the pool of the fit.
        deviations: float32 (terms,), their standard deviations.
        weights: float32 (terms,), the weights of the standardized terms.
        intercept: log odds of a candidate with average terms.
    """

    sources: tuple[str, ...]
    means: NDArray[np.float32]
    deviations: NDArray[np.float32]
    weights: NDArray[np.float32]
    intercept: float

    @classmethod
    def fit(cls, pools: Sequence[Pool], relevant: Sequence[ItemLists]) -> Self:
        """Fit the weights; each user's purchases have the same total weight, as in recall.

        Args:
            pools: the candidates of one or more weeks, from the same sources. Of very large pools only the first
                `MAX_PAIRS` are used, as many of each week.
            relevant: for each pool, the purchases of its users.

        Raises:
            NoContrastError: no candidate was bought, or all were.
        """
        from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 - takes a second that serving does not need

        part = slice(MAX_PAIRS // len(pools))
        bought, shares = zip(*(_purchases(*week, part) for week in zip(pools, relevant, strict=True)), strict=True)
        hits = np.concatenate(bought)
        if hits.all() or not hits.any():
            raise NoContrastError(int(hits.sum()), len(hits))
        terms = np.concatenate([_terms(pool, part) for pool in pools])
        means = terms.mean(axis=0, dtype=np.float64).astype(np.float32)
        deviations = terms.std(axis=0, dtype=np.float64).astype(np.float32)
        deviations[deviations == 0] = 1
        terms -= means
        terms /= deviations
        sample_weights = np.ones(len(hits))
        sample_weights[hits] = np.concatenate(shares) / np.concatenate(shares).mean()
        model = LogisticRegression(max_iter=_MAX_ITERATIONS)
        with threadpool_limits(1):  # the products are too small for threads, which would wait for each other
            model.fit(terms, hits, sample_weight=sample_weights)
        return cls(pools[0].sources, means, deviations, model.coef_[0].astype(np.float32), float(model.intercept_[0]))

    def blend(self, pool: Pool, k: int, cap: Cap | None = None) -> BlendedLists:
        """Return the k candidates with the highest odds for each user; ties are ordered by position.

        Args:
            pool: the candidates that the same sources propose to n users.
            k: at least 1.
            cap: a limit on what one list may hold, applied before the cut.

        Raises:
            ValueError: the pool has other sources, or k is below 1.
        """
        if pool.sources != self.sources or k < 1:
            raise ValueError(f"The sources must be {self.sources}, not {pool.sources}, and k at least 1, not {k}.")
        odds = self._odds(pool)
        # A candidate's number among those of its user stands for its position: both ascend, so that ties are equal.
        numbers = ranks_within_groups(pool.rows).astype(np.int32)
        if cap is None:
            best, scores = top_k(pool.offsets, numbers, odds, k)
        else:
            longest = max(int(np.diff(pool.offsets).max(initial=0)), 1)
            order, _ = top_k(pool.offsets, numbers, odds, longest)
            rows, columns = np.nonzero(order >= 0)
            pairs = pool.offsets[rows] + order[rows, columns]
            kept = cap.keep_mask(rows, pool.positions[pairs])
            best, scores = top_k_of_sorted(rows[kept], order[rows, columns][kept], odds[pairs[kept]], pool.users, k)
        blended = BlendedLists.padding(self.sources, pool.users, k)
        _gather(
            pool.offsets, pool.positions, pool.ranks, pool.scores, best,
            blended.positions, blended.ranks, blended.source_scores,
        )  # fmt: skip
        return replace(blended, scores=scores)

    def _odds(self, pool: Pool) -> NDArray[np.float32]:
        """Return the log odds of each candidate, float32 (pairs,), summed in float64."""
        odds, logs = np.empty(len(pool), np.float32), np.log(np.arange(1, pool.ranks.max(initial=1) + 1))
        _write_odds(pool.ranks, pool.scores, logs, *self._coefficients, odds)
        return odds

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
        return {"sources": list(self.sources), "intercept": self.intercept, "terms": terms}

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Self:
        """Read the values that `to_json` returned."""
        means, deviations, weights = (
            np.array([term[name] for term in content["terms"]], np.float32)
            for name in ("mean", "standard_deviation", "weight")
        )
        return cls(tuple(content["sources"]), means, deviations, weights, float(content["intercept"]))


@compiled_sums
def _write_odds(
    ranks: NDArray[np.int32],
    scores: NDArray[np.float32],
    logs: NDArray[np.float64],
    constant: float,
    weights: NDArray[np.float64],
    odds: NDArray[np.float32],
) -> None:
    """Write the log odds of each pair; `logs` holds the log of each rank."""
    pairs, sources = ranks.shape
    for pair in range(pairs):
        total = constant
        for source in range(sources):
            rank = ranks[pair, source]
            if rank > 0:
                total += weights[0, source] + weights[1, source] * logs[rank - 1]
            total += weights[2, source] * scores[pair, source]
        odds[pair] = total


@compiled
def _gather(
    offsets: NDArray[np.int64],
    positions: NDArray[np.int32],
    ranks: NDArray[np.int32],
    scores: NDArray[np.float32],
    best: NDArray[np.int32],
    list_positions: NDArray[np.int32],
    list_ranks: NDArray[np.int32],
    list_scores: NDArray[np.float32],
) -> None:
    """Write the candidates of each list, which `best` numbers among those of the user; -1 stays padding."""
    n, k = best.shape
    for row in range(n):
        for rank in range(k):
            if best[row, rank] >= 0:
                pair = offsets[row] + best[row, rank]
                list_positions[row, rank] = positions[pair]
                list_ranks[row, rank], list_scores[row, rank] = ranks[pair], scores[pair]


def term_names(sources: tuple[str, ...]) -> list[str]:
    """Return the names of the terms of the regression, in order."""
    return [
        *(f"listed by {source}" for source in sources),
        *(f"log rank by {source}" for source in sources),
        *(f"score by {source}" for source in sources),
    ]


def _purchases(pool: Pool, relevant: ItemLists, part: slice) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Return which candidates were bought, bool (pairs,), and the share of each of these in the user's purchases."""
    bought = relevant.contains_pairs(pool.rows[part], pool.positions[part])
    return bought, 1 / relevant.lengths[pool.rows[part][bought]]


def _terms(pool: Pool, part: slice) -> NDArray[np.float32]:
    """Return the terms of each candidate, float32 (pairs, terms)."""
    ranks, scores = pool.ranks[part], pool.scores[part]
    return np.column_stack([ranks > 0, np.log(np.maximum(ranks, 1)), scores]).astype(np.float32)

"""The blender: merges the lists of all candidate sources into one, by weights that are fitted on past weeks."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from candidates.compiled import compiled
from candidates.item_lists import ItemLists
from candidates.linear_model import LinearModel, build_terms, standardize
from candidates.listwise import fit_listwise
from candidates.over_fetching import Cap
from candidates.pool import Pool
from candidates.topk import TopK, ranks_within_groups, top_k, top_k_of_sorted

MAX_PAIRS: Final = 2_000_000  # more candidates do not change a few dozen weights
ORDERED: Final = 100  # the best candidates of a user, which are put in order
_MAX_LISTS: Final = 4_000  # more lists do not change a few dozen weights
_MAX_ITERATIONS: Final = 500


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
        scores: float32 (n, k), the blender's, descending; -inf at padding.
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
    """Two linear models of the ranks and scores that the sources give to a candidate: which are chosen, in which order.

    A logistic regression on all candidates finds the most purchases among the k best. Fitted on the purchases among
    these alone, list by list, weights put them in a better order (docs/log.md).

    Attributes:
        choice: its score is the log odds of a purchase.
        order: orders the best `ORDERED` candidates of each user. Its score is the log of a share of the user's
            purchases, but for a constant of each list.
        leading: the source whose list comes first, in its own order, before the other candidates in the order of
            `order`; None if all are ordered by `order`. See `pipelines.check_order`.
    """

    choice: LinearModel
    order: LinearModel
    leading: str | None = None

    @property
    def sources(self) -> tuple[str, ...]:
        """Names of the sources, in order."""
        return self.choice.sources

    @classmethod
    def fit(cls, pools: Sequence[Pool], relevant: Sequence[ItemLists]) -> Self:
        """Fit the weights; each user's purchases have the same total weight, as in recall.

        Where none of the best candidates was bought, or all were, the candidates stay in the order of their odds.

        Args:
            pools: the candidates of one or more weeks, from the same sources. Of very large pools only the first
                `MAX_PAIRS` are used, as many of each week.
            relevant: for each pool, the purchases of its users.

        Raises:
            NoContrastError: no candidate was bought, or all were.
        """
        choice = _fit_choice(pools, relevant)
        chosen = cls(choice, choice)
        lists = [chosen.blend(pool, ORDERED) for pool in pools]
        return cls(choice, _fit_order(lists, relevant) or choice)

    def blend(self, pool: Pool, k: int, cap: Cap | None = None) -> BlendedLists:
        """Return the k best candidates for each user: the first k of the `ORDERED` with the highest odds, in order.

        If k is larger, those with lower odds follow in the order of their odds. Ties are ordered by position.

        Args:
            pool: the candidates that the same sources propose to n users.
            k: at least 1.
            cap: a limit on what one list may hold, applied before the cut.

        Raises:
            ValueError: the pool has other sources, or k is below 1.
        """
        if pool.sources != self.sources or k < 1:
            raise ValueError(f"The sources must be {self.sources}, not {pool.sources}, and k at least 1, not {k}.")
        best, odds = self._choose(pool, max(k, ORDERED), cap)
        scores = self._arrange(pool, best, odds)
        best, scores = best[:, :k], scores[:, :k]
        blended = BlendedLists.padding(self.sources, pool.users, k)
        _gather(
            pool.offsets, pool.positions, pool.ranks, pool.scores, best,
            blended.positions, blended.ranks, blended.source_scores,
        )  # fmt: skip
        return replace(blended, scores=scores)

    def _choose(self, pool: Pool, k: int, cap: Cap | None) -> TopK:
        """Return the k candidates with the highest odds of each user, and the odds.

        A candidate's number among those of its user stands for its position: both ascend, so that ties are equal.
        """
        odds, numbers = self.choice.score(pool.ranks, pool.scores), ranks_within_groups(pool.rows).astype(np.int32)
        if cap is None:
            return top_k(pool.offsets, numbers, odds, k)
        longest = max(int(np.diff(pool.offsets).max(initial=0)), 1)
        order, _ = top_k(pool.offsets, numbers, odds, longest)
        rows, columns = np.nonzero(order >= 0)
        pairs = pool.offsets[rows] + order[rows, columns]
        kept = cap.keep_mask(rows, pool.positions[pairs])
        return top_k_of_sorted(rows[kept], order[rows, columns][kept], odds[pairs[kept]], pool.users, k)

    def _arrange(self, pool: Pool, best: NDArray[np.int32], odds: NDArray[np.float32]) -> NDArray[np.float32]:
        """Order the best candidates in place, and return the scores (n, k), in which those behind them continue."""
        first = best[:, :ORDERED]
        listed = first >= 0
        offsets = np.concatenate([[0], np.cumsum(listed.sum(axis=1))])
        pairs = (pool.offsets[:-1, None] + first)[listed]
        ordered = self._order_scores(pool.ranks[pairs], pool.scores[pairs], offsets)
        first[:], scores = top_k(offsets, first[listed], ordered, first.shape[1])
        if best.shape[1] == ORDERED:
            return scores
        arranged = np.full(best.shape, -np.inf, np.float32)
        arranged[:, :ORDERED] = scores
        rows, columns = np.nonzero(best[:, ORDERED:] >= 0)
        columns += ORDERED
        arranged[rows, columns] = scores[rows, -1] - (odds[rows, ORDERED - 1] - odds[rows, columns])
        return arranged

    def _order_scores(
        self, ranks: NDArray[np.int32], scores: NDArray[np.float32], offsets: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        """Return float32 (pairs,), the score by which the pairs of each list are ordered."""
        ordered = self.order.score(ranks, scores)
        if self.leading is None or len(ordered) == 0:
            return ordered
        own, lengths = ranks[:, self.sources.index(self.leading)], offsets[1:] - offsets[:-1]
        starts, lengths = offsets[:-1][lengths > 0], lengths[lengths > 0]
        # The best of those that the source does not list comes behind the last one that it lists.
        highest = np.maximum.reduceat(ordered, starts) + np.log1p(np.maximum.reduceat(own, starts))
        behind = ordered - np.repeat(highest, lengths)
        return np.where(own > 0, -np.log(np.maximum(own, 1)), behind).astype(np.float32)

    def to_json(self) -> dict[str, Any]:
        """Return the weights as JSON-ready values, for `from_json`."""
        return {
            "sources": list(self.sources),
            "choice": self.choice.to_json(),
            "order": self.order.to_json(),
            "leading": self.leading,
        }

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Self:
        """Read the values that `to_json` returned."""
        sources = tuple(content["sources"])
        choice, order = (LinearModel.from_json(content[name], sources) for name in ("choice", "order"))
        return cls(choice, order, content["leading"])


def _fit_choice(pools: Sequence[Pool], relevant: Sequence[ItemLists]) -> LinearModel:
    """Fit a logistic regression on all candidates."""
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 - takes a second that serving does not need

    part = slice(MAX_PAIRS // len(pools))
    bought, shares = zip(*(_purchases(*week, part) for week in zip(pools, relevant, strict=True)), strict=True)
    hits = np.concatenate(bought)
    if hits.all() or not hits.any():
        raise NoContrastError(int(hits.sum()), len(hits))
    terms = build_terms([(pool.ranks[part], pool.scores[part]) for pool in pools])
    means, deviations = standardize(terms)
    sample_weights = np.ones(len(hits))
    sample_weights[hits] = np.concatenate(shares) / np.concatenate(shares).mean()
    model = LogisticRegression(max_iter=_MAX_ITERATIONS)
    with threadpool_limits(1, "blas"):  # the products are too small for threads, which would wait for each other
        model.fit(terms, hits, sample_weight=sample_weights)
    weights, intercept = model.coef_[0].astype(np.float32), float(model.intercept_[0])
    return LinearModel(pools[0].sources, means, deviations, weights, intercept)


def _fit_order(lists: Sequence[BlendedLists], relevant: Sequence[ItemLists]) -> LinearModel | None:
    """Fit the order of the lists of each week to the purchases of their users; None if they tell no order.

    Only lists tell an order of which some candidates were bought and some were not.
    """
    ranks, scores, shares, lengths = [], [], [], []
    for blended, purchases in zip(lists, relevant, strict=True):
        listed = blended.positions >= 0
        bought = np.zeros(listed.shape, np.bool_)
        bought[listed] = purchases.contains_pairs(np.nonzero(listed)[0], blended.positions[listed])
        telling = np.flatnonzero(bought.any(axis=1) & (listed & ~bought).any(axis=1))[: _MAX_LISTS // len(lists)]
        kept = listed[telling]
        ranks.append(blended.ranks[telling][kept])
        scores.append(blended.source_scores[telling][kept])
        shares.append((bought[telling] / purchases.lengths[telling, None])[kept])
        lengths.append(kept.sum(axis=1))
    offsets = np.concatenate([[0], np.cumsum(np.concatenate(lengths))])
    if len(offsets) == 1:
        return None
    terms = build_terms([*zip(ranks, scores, strict=True)])
    means, deviations = standardize(terms)
    weights = fit_listwise(terms, offsets, np.concatenate(shares))
    return LinearModel(lists[0].sources, means, deviations, weights, 0.0)


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


def _purchases(pool: Pool, relevant: ItemLists, part: slice) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Return which candidates were bought, bool (pairs,), and the share of each of these in the user's purchases."""
    bought = relevant.contains_pairs(pool.rows[part], pool.positions[part])
    return bought, 1 / relevant.lengths[pool.rows[part][bought]]

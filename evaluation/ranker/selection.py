"""Whether the ranker is worth its place, judged by a week of which it has seen nothing."""

from dataclasses import asdict, dataclass, replace
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from candidates.ranking.reordering import best_positions
from candidates.ranking.training_examples import TrainingExamples
from evaluation.bootstrap import Bootstrap, Estimate
from evaluation.metrics import Hits

K: Final = 12
TOO_FEW: Final = 50  # users; the interval of fewer says nothing
_RETRIEVAL, _RANKER, _DIFFERENCE = "retrieval", "ranker", "difference"


@dataclass(frozen=True)
class Choice:
    """Retrieval's order or the ranker's.

    Attributes:
        ranked: whether the ranker orders the candidates.
        reason: one sentence.
        users: how many were judged.
        ndcg_at_12: of "retrieval", "ranker" and their "difference": the mean over users and its interval of 95 %; empty
            if there were too few users.
        map_at_12: the same of the mean average precision.
    """

    ranked: bool
    reason: str
    users: int
    ndcg_at_12: dict[str, Estimate]
    map_at_12: dict[str, Estimate]

    @classmethod
    def undecided(cls, reason: str, *, ranked: bool = False) -> Self:
        """Leave the order as it is, with nothing measured."""
        return cls(ranked, f"{'The ranker' if ranked else 'Retrieval'} orders the candidates: {reason}.", 0, {}, {})

    def disabled(self, findings: str) -> Self:
        """Return the same estimates with the ranker disabled because of findings of the leakage heuristics."""
        reason = (
            f"Retrieval orders the candidates: ranker disabled, leakage suspected. {findings} Run "
            "jobs/check_leakage.py to find out."
        )
        return replace(self, ranked=False, reason=reason)

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON-ready values."""
        return asdict(self)


def judgeable(examples: TrainingExamples) -> bool:
    """Whether there are enough users with candidates and purchases, and something bought among the candidates."""
    users = len(np.unique(examples.users[examples.judged]))
    return users >= TOO_FEW and len(np.unique(examples.pairs.rows[examples.bought])) >= TOO_FEW


def chosen(examples: TrainingExamples, scores: NDArray[np.float32], seed: int, *, standing: bool = False) -> Choice:
    """Compare the ranker's order with retrieval's, on lists with candidates whose user bought something.

    A new ranker has a price in time and in things that can break, so the doubt is retrieval's: the ranker must be
    better in the mean, and the interval of the difference must not reach below zero. One that orders candidates already
    has shown that once, so the doubt is its own: it goes only if it is worse, and the interval stays below zero.

    Args:
        examples: lists of past days.
        scores: float32 (pairs,), by a ranker that has learned from earlier weeks only.
        seed: of the intervals' draws.
        standing: whether the ranker orders candidates already.
    """
    if not judgeable(examples):
        return undecided(examples, ranked=standing)
    judged = examples.judged
    users, codes = np.unique(examples.users[judged], return_inverse=True)
    resamples = Bootstrap.of(len(users), seed)
    by_retrieval, by_ranker = (hits(examples, order) for order in (None, scores))

    def compared(retrieval: NDArray[np.float64], ranker: NDArray[np.float64]) -> dict[str, Estimate]:
        columns = np.column_stack([retrieval, ranker, ranker - retrieval])
        of_users = np.column_stack([np.bincount(codes, column) for column in columns.T]) / np.bincount(codes)[:, None]
        return dict(zip((_RETRIEVAL, _RANKER, _DIFFERENCE), resamples.estimates(of_users), strict=True))

    ndcg = compared(by_retrieval.ndcg(K), by_ranker.ndcg(K))
    precision = compared(by_retrieval.average_precision(K), by_ranker.average_precision(K))
    mean, low, high = ndcg[_DIFFERENCE]
    ranked = high >= 0 if standing else mean > 0 and low >= 0
    reason = (
        f"{'The ranker orders the candidates' if ranked else 'Retrieval orders the candidates'}: NDCG@{K} of "
        f"{len(users):,} users is {ndcg[_RANKER][0]:.4f} by the ranker and {ndcg[_RETRIEVAL][0]:.4f} by retrieval, a "
        f"difference of {mean:+.4f} (95 % interval {low:+.4f} to {high:+.4f})."
    )
    return Choice(ranked, reason, len(users), ndcg, precision)


def undecided(examples: TrainingExamples, *, ranked: bool = False) -> Choice:
    """Leave the order as it is, because there is too little to learn and to judge from."""
    users = len(np.unique(examples.users[examples.judged]))
    found = len(np.unique(examples.pairs.rows[examples.bought]))
    return Choice.undecided(
        f"{users:,} users with candidates bought something, and {found:,} lists hold any of it; a ranker needs "
        f"{TOO_FEW} of both",
        ranked=ranked,
    )


def hits(examples: TrainingExamples, scores: NDArray[np.float32] | None) -> Hits:
    """Where the lists that can be judged hit, in the order of scores (pairs,); None for retrieval's order."""
    positions = best_positions(examples.pairs, scores, K)
    return Hits.of(positions[examples.judged], examples.relevant.take(examples.judged))

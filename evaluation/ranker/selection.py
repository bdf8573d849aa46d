"""Ranker selection: whether the ranker orders the candidates, validated in weeks that it has not seen."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from candidates.ranking.reordering import top_positions
from candidates.ranking.training_examples import TrainingExamples
from evaluation.bootstrap import Bootstrap, Estimate
from evaluation.metrics import Hits
from features.text import counted

K: Final = 12
MIN_USERS: Final = 50  # below, the confidence interval is too wide to decide anything
MIN_GAIN: Final = 0.005  # of retrieval's NDCG; a smaller gain is not worth the latency of a ranker
_RETRIEVAL, _RANKER, _DIFFERENCE = "retrieval", "ranker", "difference"


@dataclass(frozen=True)
class RankerSelection:
    """The decision between the ranker's order and retrieval order.

    Attributes:
        ranked: whether the ranker orders the candidates.
        reason: one sentence.
        users: the number of users in the validation; 0 if there was none.
        ndcg_at_12: mean over users and 95 % interval for "retrieval", "ranker" and their "difference"; empty without
            validation.
        map_at_12: the same for the mean average precision.
    """

    ranked: bool
    reason: str
    users: int
    ndcg_at_12: dict[str, Estimate]
    map_at_12: dict[str, Estimate]

    @classmethod
    def unvalidated(cls, reason: str, *, ranked: bool = False) -> Self:
        """Decide without a validation, for a reason that starts in lower case and has no full stop."""
        return cls(ranked, f"{_decision(ranked)}: {reason}.", 0, {}, {})

    def disable(self, findings: str) -> Self:
        """Return the same estimates with the ranker disabled because of findings of the leakage heuristics."""
        reason = f"Ranker not used: leakage suspected. {findings} Run jobs/check_leakage.py to find out."
        return replace(self, ranked=False, reason=reason)

    def to_json(self) -> dict[str, Any]:
        """Return the selection as JSON-ready values."""
        return asdict(self)


def can_validate(weeks: Sequence[TrainingExamples]) -> bool:
    """Return whether there are enough users with candidates and purchases, and enough lists with a hit."""
    return min(_count(weeks)) >= MIN_USERS


def select_ranker(
    weeks: Sequence[TrainingExamples], scores: Sequence[NDArray[np.float32]], seed: int, *, incumbent: bool = False
) -> RankerSelection:
    """Compare the ranker's order with retrieval order, on lists with candidates whose user bought something.

    A new ranker is used if NDCG@`K` is better by `MIN_GAIN` on average over all users of all weeks, and in no week
    clearly worse: the whole 95 % interval of the difference below zero. A ranker that is already in use has passed that
    test: it is removed only if it is clearly worse.

    Args:
        weeks: lists of past days, one or more.
        scores: for each week float32 (pairs,), of a ranker that was not trained on it.
        seed: of the bootstrap.
        incumbent: whether the ranker is already in use.
    """
    if not can_validate(weeks):
        return skip_validation(weeks, ranked=incumbent)
    compared = [_Orders.of(week, of_week) for week, of_week in zip(weeks, scores, strict=True)]
    ndcg, precision = (_estimate(compared, measure, seed) for measure in (Hits.ndcg, Hits.average_precision))
    of_weeks = [_estimate([orders], Hits.ndcg, seed) for orders in compared if len(orders.users) >= MIN_USERS]
    worse = sum(estimates[_DIFFERENCE][2] < 0 for estimates in of_weeks)
    mean, low, high = ndcg[_DIFFERENCE]
    ranked = not worse and (incumbent or mean >= MIN_GAIN * ndcg[_RETRIEVAL][0] > 0)
    users = len(np.unique(np.concatenate([orders.users for orders in compared])))
    reason = (
        f"{_decision(ranked)}: NDCG@{K} of {users:,} users is {ndcg[_RANKER][0]:.4f} with the ranker and "
        f"{ndcg[_RETRIEVAL][0]:.4f} in retrieval order, a difference of {mean:+.4f} (95 % interval {low:+.4f} to "
        f"{high:+.4f})"
    )
    if len(weeks) > 1:
        reason += f", in {len(weeks)} left-out weeks, of which it is clearly worse in {worse or 'none'}"
    return RankerSelection(ranked, f"{reason}.", users, ndcg, precision)


def skip_validation(weeks: Sequence[TrainingExamples], *, ranked: bool = False) -> RankerSelection:
    """Decide without a validation, because there are too few users or hits to train or to validate a ranker."""
    users, hits = _count(weeks)
    return RankerSelection.unvalidated(
        f"{counted(users, 'user')} with candidates bought something and {counted(hits, 'list')} had a hit, but "
        f"{MIN_USERS} of both are needed",
        ranked=ranked,
    )


def compute_hits(examples: TrainingExamples, scores: NDArray[np.float32] | None) -> Hits:
    """Return the hits of the evaluable lists in the order of scores (pairs,); None for retrieval order."""
    positions = top_positions(examples.pairs, scores, K)
    return Hits.of(positions[examples.evaluable], examples.relevant.take(examples.evaluable))


def _count(weeks: Sequence[TrainingExamples]) -> tuple[int, int]:
    """Return the number of users with candidates and purchases, and of lists with a purchase among the candidates."""
    users = np.unique(np.concatenate([week.user_codes[week.evaluable] for week in weeks]))
    return len(users), sum(len(np.unique(week.pairs.rows[week.bought])) for week in weeks)


@dataclass(frozen=True, eq=False)
class _Orders:
    """Retrieval order and the ranker's order of the lists of a week that can be evaluated.

    Attributes:
        users: int64 (lists,), the user of each.
        retrieval: hits of the first K candidates in retrieval order.
        ranker: hits in the ranker's order.
    """

    users: NDArray[np.int64]
    retrieval: Hits
    ranker: Hits

    @classmethod
    def of(cls, week: TrainingExamples, scores: NDArray[np.float32]) -> Self:
        return cls(week.user_codes[week.evaluable], compute_hits(week, None), compute_hits(week, scores))


def _estimate(
    compared: Sequence[_Orders], measure: Callable[[Hits, int], NDArray[np.float64]], seed: int
) -> dict[str, Estimate]:
    """Return mean and interval of a measure for both orders and their difference; users, not lists, are drawn."""
    users, codes = np.unique(np.concatenate([orders.users for orders in compared]), return_inverse=True)
    retrieval, ranker = (
        np.concatenate([measure(getattr(orders, order), K) for orders in compared]) for order in (_RETRIEVAL, _RANKER)
    )
    columns = np.stack([retrieval, ranker, ranker - retrieval])
    user_means = np.column_stack([np.bincount(codes, column) for column in columns]) / np.bincount(codes)[:, None]
    estimates = Bootstrap.of(len(users), seed).estimates(user_means)
    return dict(zip((_RETRIEVAL, _RANKER, _DIFFERENCE), estimates, strict=True))


def _decision(ranked: bool) -> str:
    return "Ranker used" if ranked else "Ranker not used"

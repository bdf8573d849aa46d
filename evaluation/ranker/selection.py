"""Ranker selection: whether the ranker orders the candidates, validated in a week that it has not seen."""

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


def can_validate(examples: TrainingExamples) -> bool:
    """Return whether there are enough users with candidates and purchases, and enough lists with a hit."""
    return min(_count(examples)) >= MIN_USERS


def select_ranker(
    examples: TrainingExamples, scores: NDArray[np.float32], seed: int, *, incumbent: bool = False
) -> RankerSelection:
    """Compare the ranker's order with retrieval order, on lists with candidates whose user bought something.

    A new ranker adds latency and points of failure. It is used only if its mean is better and the interval of the
    difference is not below zero. A ranker that is already in use has passed that test: it is removed only if it is
    significantly worse, with the whole interval below zero.

    Args:
        examples: lists of past days.
        scores: float32 (pairs,), of a ranker that was trained on earlier weeks only.
        seed: of the bootstrap.
        incumbent: whether the ranker is already in use.
    """
    if not can_validate(examples):
        return skip_validation(examples, ranked=incumbent)
    evaluable = examples.evaluable
    users, codes = np.unique(examples.user_codes[evaluable], return_inverse=True)
    bootstrap = Bootstrap.of(len(users), seed)
    retrieval_hits, ranker_hits = (compute_hits(examples, order) for order in (None, scores))

    def estimate(retrieval: NDArray[np.float64], ranker: NDArray[np.float64]) -> dict[str, Estimate]:
        columns = np.column_stack([retrieval, ranker, ranker - retrieval])
        user_means = np.column_stack([np.bincount(codes, column) for column in columns.T]) / np.bincount(codes)[:, None]
        return dict(zip((_RETRIEVAL, _RANKER, _DIFFERENCE), bootstrap.estimates(user_means), strict=True))

    ndcg = estimate(retrieval_hits.ndcg(K), ranker_hits.ndcg(K))
    precision = estimate(retrieval_hits.average_precision(K), ranker_hits.average_precision(K))
    mean, low, high = ndcg[_DIFFERENCE]
    ranked = high >= 0 if incumbent else mean > 0 and low >= 0
    reason = (
        f"{_decision(ranked)}: NDCG@{K} of {len(users):,} users is {ndcg[_RANKER][0]:.4f} with the ranker and "
        f"{ndcg[_RETRIEVAL][0]:.4f} in retrieval order, a difference of {mean:+.4f} (95 % interval {low:+.4f} to "
        f"{high:+.4f})."
    )
    return RankerSelection(ranked, reason, len(users), ndcg, precision)


def skip_validation(examples: TrainingExamples, *, ranked: bool = False) -> RankerSelection:
    """Decide without a validation, because there are too few users or hits to train or to validate a ranker."""
    users, hits = _count(examples)
    return RankerSelection.unvalidated(
        f"{counted(users, 'user')} with candidates bought something and {counted(hits, 'list')} had a hit, but "
        f"{MIN_USERS} of both are needed",
        ranked=ranked,
    )


def compute_hits(examples: TrainingExamples, scores: NDArray[np.float32] | None) -> Hits:
    """Return the hits of the evaluable lists in the order of scores (pairs,); None for retrieval order."""
    positions = top_positions(examples.pairs, scores, K)
    return Hits.of(positions[examples.evaluable], examples.relevant.take(examples.evaluable))


def _count(examples: TrainingExamples) -> tuple[int, int]:
    """Return the number of users with candidates and purchases, and of lists with a purchase among the candidates."""
    users = len(np.unique(examples.user_codes[examples.evaluable]))
    return users, len(np.unique(examples.pairs.rows[examples.bought]))


def _decision(ranked: bool) -> str:
    return "Ranker used" if ranked else "Ranker not used"

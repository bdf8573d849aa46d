"""What the results of an evaluation say of learned orders: what they were worth before the cut, and after it."""

from typing import Final

from evaluation.bootstrap import Estimate
from evaluation.comparisons import compare_models
from evaluation.metrics import comparison_metrics
from evaluation.ranker.selection import K, RankerSelection
from evaluation.results import Comparison, Protocol, RankingResult
from evaluation.scoreboard import Scoreboard
from pipelines.train_ranker import TrainedRanker, TrainedRankers

FEATURES_TOLD: Final = 20  # beyond them a feature moves hardly anything


def ranking_results(
    rankings: TrainedRankers, judge: Scoreboard, *, as_retrieved: str, as_ranked: str
) -> dict[Protocol, RankingResult]:
    """Tell what came of learning an order of all candidates and of those that are new to the user.

    Args:
        rankings: what was decided before the cut.
        judge: has taken both lists.
        as_retrieved: name of the candidates in retrieval's order.
        as_ranked: name of the same candidates in the order that was decided on.

    Raises:
        KeyError: the judge has not taken one of the lists.
    """
    measures = comparison_metrics(judge.cutoffs)
    compared = compare_models(judge.user_metrics, judge.resamples, [as_ranked], [as_retrieved], measures)
    after = compared[as_ranked][as_retrieved]

    def told(ranking: TrainedRanker, after_cut: dict[str, Comparison]) -> RankingResult:
        return {
            "ranked": ranking.choice.ranked,
            "reason": ranking.choice.reason,
            "validation_users": ranking.choice.users,
            "validation": _before_cut(ranking.choice),
            "retrieved_model": as_retrieved,
            "ranked_model": as_ranked,
            "test": after_cut,
            "importances": [
                {"feature": each.name, "ndcg_drop": each.ndcg_drop} for each in ranking.importances[:FEATURES_TOLD]
            ],
            "reliability": [
                {"predicted": each.predicted, "observed": each.observed, "count": each.count}
                for each in ranking.reliability
            ],
        }

    return {"all": told(rankings.keep, after["all"]), "new": told(rankings.drop, after["new"])}


def _before_cut(choice: RankerSelection) -> dict[str, dict[str, Estimate]]:
    user_metrics = {f"ndcg@{K}": choice.ndcg_at_12, f"map@{K}": choice.map_at_12}
    return {name: estimates for name, estimates in user_metrics.items() if estimates}

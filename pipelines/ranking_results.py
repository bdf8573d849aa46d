"""The results of ranking at one cut: how the rankers were chosen before the cut, and their effect after it."""

from typing import Final

from evaluation.bootstrap import Estimate
from evaluation.comparisons import compare_models
from evaluation.metrics import comparison_metrics
from evaluation.ranker.selection import K, RankerSelection
from evaluation.results import Comparison, Protocol, RankingResult
from evaluation.scoreboard import Scoreboard
from pipelines.train_ranker import TrainedRanker, TrainedRankers

MOST_FEATURES: Final = 20  # the importances of further features are near zero


def ranking_results(
    rankers: TrainedRankers, scoreboard: Scoreboard, *, as_retrieved: str, as_ranked: str
) -> dict[Protocol, RankingResult]:
    """Return the results of the ranker of all items and of the ranker of new items.

    Args:
        rankers: how they were chosen before the cut.
        scoreboard: metrics of both lists after the cut.
        as_retrieved: name of the candidates in retrieval order.
        as_ranked: name of the same candidates in the order that is served.

    Raises:
        KeyError: the scoreboard does not hold one of the lists.
    """
    metrics = comparison_metrics(scoreboard.cutoffs)
    compared = compare_models(scoreboard.user_metrics, scoreboard.resamples, [as_ranked], [as_retrieved], metrics)
    after = compared[as_ranked][as_retrieved]

    def result(ranker: TrainedRanker, after_cut: dict[str, Comparison]) -> RankingResult:
        return {
            "ranked": ranker.choice.ranked,
            "reason": ranker.choice.reason,
            "validation_users": ranker.choice.users,
            "validation": _validation(ranker.choice),
            "retrieved_model": as_retrieved,
            "ranked_model": as_ranked,
            "test": after_cut,
            "importances": [
                {"feature": importance.name, "ndcg_drop": importance.ndcg_drop}
                for importance in ranker.importances[:MOST_FEATURES]
            ],
            "reliability": [
                {"predicted": each.predicted, "observed": each.observed, "count": each.count}
                for each in ranker.reliability
            ],
        }

    return {"all": result(rankers.keep, after["all"]), "new": result(rankers.drop, after["new"])}


def _validation(choice: RankerSelection) -> dict[str, dict[str, Estimate]]:
    user_metrics = {f"ndcg@{K}": choice.ndcg_at_12, f"map@{K}": choice.map_at_12}
    return {name: estimates for name, estimates in user_metrics.items() if estimates}

"""What the results of an evaluation say of learned orders: what they were worth before the cut, and after it."""

from typing import Final

from evaluation.bootstrap import Estimate
from evaluation.comparisons import differences_of
from evaluation.measures import compared_by
from evaluation.ranker.selection import Choice, K
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
    measures = compared_by(judge.cutoffs)
    compared = differences_of(judge.measured, judge.draws, [as_ranked], [as_retrieved], measures)
    after = compared[as_ranked][as_retrieved]

    def told(ranking: TrainedRanker, after_cut: dict[str, Comparison]) -> RankingResult:
        return {
            "ranked": ranking.choice.ranked,
            "reason": ranking.choice.reason,
            "users": ranking.choice.users,
            "before_cut": _before_cut(ranking.choice),
            "as_retrieved": as_retrieved,
            "as_ranked": as_ranked,
            "after_cut": after_cut,
            "importances": [{"name": each.name, "loss": each.loss} for each in ranking.importances[:FEATURES_TOLD]],
            "reliability": [
                {"predicted": each.predicted, "bought": each.bought, "count": each.count}
                for each in ranking.reliability
            ],
        }

    return {"all": told(rankings.keep, after["all"]), "new": told(rankings.drop, after["new"])}


def _before_cut(choice: Choice) -> dict[str, dict[str, Estimate]]:
    measured = {f"ndcg@{K}": choice.ndcg_at_12, f"map@{K}": choice.map_at_12}
    return {name: estimates for name, estimates in measured.items() if estimates}

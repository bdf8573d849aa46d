"""What results say of learned orders: two users, four items, lists that are judged at 2 candidates."""

import numpy as np
import pytest

from candidates.item_lists import ItemLists
from candidates.purchase_codes import PurchaseCodes
from evaluation.metrics import CandidateLists
from evaluation.ranker.calibration import ReliabilityBin
from evaluation.ranker.importances import Importance
from evaluation.ranker.selection import RankerSelection
from evaluation.scoreboard import Scoreboard
from evaluation.validation_window import ValidationWindow

HELD_OUT = {"retrieval": [0.2, 0.1, 0.3], "ranker": [0.25, 0.15, 0.35], "difference": [0.05, 0.01, 0.09]}
LEARNED = RankerSelection(
    ranked=True, reason="The ranker is better.", users=90, ndcg_at_12=HELD_OUT, map_at_12=HELD_OUT
)
NOT_LEARNED = RankerSelection(ranked=False, reason="Retrieval is better.", users=0, ndcg_at_12={}, map_at_12={})


def judge_of(later):
    """A judge of two users who had bought item 0, and then buy `later`."""
    bought = ItemLists.from_lists([np.array([0])] * 2)
    past = PurchaseCodes(bought.rows.astype(np.int32), bought.positions, np.full(2, np.datetime64("2020-01-01", "us")))
    week = ValidationWindow(
        np.array(["a", "b", "c", "d"]), 2, past, bought, ItemLists.from_lists([np.array(own) for own in later]),
        np.datetime64("2020-01-08", "us"),
    )  # fmt: skip
    judge = Scoreboard.of(week, past, np.arange(2, dtype=np.int32), seed=0)
    for name, lists in (("blended", [[1, 0], [1, 0]]), ("ranked", [[0, 1], [0, 1]])):
        positions = np.array(lists, np.int32)
        judge.evaluate(CandidateLists(name, positions, np.array([[1, 2], [1, 2]], np.int32)))
    return judge


@pytest.fixture
def told():
    from pipelines.train_ranker import TrainedRanker, TrainedRankers

    importances = tuple(Importance(f"feature {number}", 0.3 - number / 100) for number in range(25))
    bins = (ReliabilityBin(0.01, 0.0, 50), ReliabilityBin(0.2, 0.25, 50))
    rankings = TrainedRankers(TrainedRanker(None, LEARNED, importances, bins), TrainedRanker(None, NOT_LEARNED))

    def told(later):
        from pipelines.ranking_results import ranking_results

        return ranking_results(rankings, judge_of(later), as_retrieved="blended", as_ranked="ranked")

    return told


def test_what_was_learned_is_told_with_the_features_that_matter_most(told):
    result = told([[0], [1]])["all"]

    assert {
        name: result[name] for name in ("ranked", "reason", "validation_users", "retrieved_model", "ranked_model")
    } == {
        "ranked": True,
        "reason": "The ranker is better.",
        "validation_users": 90,
        "retrieved_model": "blended",
        "ranked_model": "ranked",
    }
    assert result["validation"] == {"ndcg@12": HELD_OUT, "map@12": HELD_OUT}
    assert len(result["importances"]) == 20
    assert result["importances"][0] == {"feature": "feature 0", "ndcg_drop": 0.3}
    assert result["reliability"] == [
        {"predicted": 0.01, "observed": 0.0, "count": 50}, {"predicted": 0.2, "observed": 0.25, "count": 50}
    ]  # fmt: skip


def test_after_the_cut_the_order_is_compared_with_retrievals_on_both_protocols(told):
    both = told([[0], [0, 1]])

    # In retrieval's order item 0 is second: average precision 1/2 for the first user; the second finds both.
    assert both["all"]["test"]["map@2"]["difference"][0] == pytest.approx((1 / 2 + 0) / 2)
    assert both["all"]["test"]["recall@2"]["difference"] == [0, 0, 0]
    assert both["new"]["test"]["map@2"] == {"difference": [0, 0, 0], "ratio": [1, 1, 1]}


def test_where_nothing_was_learned_the_reason_is_told_and_nothing_else(told):
    result = told([[0], [0]])["new"]

    assert result["reason"] == "Retrieval is better."
    assert not result["ranked"]
    assert [result[name] for name in ("validation", "test", "importances", "reliability")] == [{}, {}, [], []]

"""The results of ranking: two users, four items, lists that are evaluated at 2 candidates."""

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

ESTIMATES = {"retrieval": [0.2, 0.1, 0.3], "ranker": [0.25, 0.15, 0.35], "difference": [0.05, 0.01, 0.09]}
CHOSEN = RankerSelection(
    ranked=True, reason="The ranker is better.", users=90, ndcg_at_12=ESTIMATES, map_at_12=ESTIMATES
)
NOT_CHOSEN = RankerSelection(ranked=False, reason="Retrieval is better.", users=0, ndcg_at_12={}, map_at_12={})


def scoreboard_of(purchases):
    """A scoreboard of two users who had bought item 0, and buy these items after the cut."""
    bought = ItemLists.from_lists([np.array([0])] * 2)
    past = PurchaseCodes(bought.rows.astype(np.int32), bought.positions, np.full(2, np.datetime64("2020-01-01", "us")))
    window = ValidationWindow(
        np.array(["a", "b", "c", "d"]), 2, past, bought, ItemLists.from_lists([np.array(own) for own in purchases]),
        np.datetime64("2020-01-08", "us"),
    )  # fmt: skip
    scoreboard = Scoreboard.of(window, past, np.arange(2, dtype=np.int32), seed=0)
    for name, lists in (("blended", [[1, 0], [1, 0]]), ("ranked", [[0, 1], [0, 1]])):
        positions = np.array(lists, np.int32)
        scoreboard.evaluate(CandidateLists(name, positions, np.array([[1, 2], [1, 2]], np.int32)))
    return scoreboard


@pytest.fixture
def results():
    from pipelines.ranking_results import ranking_results
    from pipelines.train_ranker import TrainedRanker, TrainedRankers

    importances = tuple(Importance(f"feature {number}", 0.3 - number / 100) for number in range(25))
    bins = (ReliabilityBin(0.01, 0.0, 50), ReliabilityBin(0.2, 0.25, 50))
    rankers = TrainedRankers(TrainedRanker(None, CHOSEN, importances, bins), TrainedRanker(None, NOT_CHOSEN))

    def results(purchases):
        return ranking_results(rankers, scoreboard_of(purchases), as_retrieved="blended", as_ranked="ranked")

    return results


def test_a_chosen_ranker_has_its_estimates_and_the_features_that_matter_most(results):
    result = results([[0], [1]])["all"]

    assert {
        name: result[name] for name in ("ranked", "reason", "validation_users", "retrieved_model", "ranked_model")
    } == {
        "ranked": True,
        "reason": "The ranker is better.",
        "validation_users": 90,
        "retrieved_model": "blended",
        "ranked_model": "ranked",
    }
    assert result["validation"] == {"ndcg@12": ESTIMATES, "map@12": ESTIMATES}
    assert len(result["importances"]) == 20
    assert result["importances"][0] == {"feature": "feature 0", "ndcg_drop": 0.3}
    assert result["reliability"] == [
        {"predicted": 0.01, "observed": 0.0, "count": 50}, {"predicted": 0.2, "observed": 0.25, "count": 50}
    ]  # fmt: skip


def test_both_orders_are_compared_after_the_cut_on_all_purchases_and_on_new_items(results):
    both = results([[0], [0, 1]])

    # In retrieval order item 0 is second: average precision 1/2 for the first user; both orders find both items of the
    # second.
    assert both["all"]["test"]["map@2"]["difference"][0] == pytest.approx((1 / 2 + 0) / 2)
    assert both["all"]["test"]["recall@2"]["difference"] == [0, 0, 0]
    assert both["new"]["test"]["map@2"] == {"difference": [0, 0, 0], "ratio": [1, 1, 1]}


def test_without_a_ranker_there_is_a_reason_and_nothing_else(results):
    result = results([[0], [0]])["new"]

    assert result["reason"] == "Retrieval is better."
    assert not result["ranked"]
    assert [result[name] for name in ("validation", "test", "importances", "reliability")] == [{}, {}, [], []]

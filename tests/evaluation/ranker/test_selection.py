from dataclasses import replace

import numpy as np
import pytest

from candidates.item_lists import ItemLists
from candidates.ranking.ranker_features import PairFeatures
from candidates.ranking.training_examples import TrainingExamples
from evaluation.ranker.selection import can_validate, select_ranker


def test_a_ranker_with_more_information_than_retrieval_is_used(price_held_out):
    lists, ranker = price_held_out

    selection = select_ranker([lists], [ranker.score(lists.pairs)], seed=1)

    assert selection.ranked
    assert selection.reason.startswith("Ranker used: NDCG@12 of 200 users")
    mean, low, high = selection.ndcg_at_12["difference"]
    assert 0.05 < low < mean < high
    assert mean == pytest.approx(selection.ndcg_at_12["ranker"][0] - selection.ndcg_at_12["retrieval"][0])
    assert selection.map_at_12["ranker"][0] > selection.map_at_12["retrieval"][0]


def test_a_ranker_with_less_information_than_retrieval_is_not_used(retrieval_held_out):
    lists, ranker = retrieval_held_out

    selection = select_ranker([lists], [ranker.score(lists.pairs)], seed=1)

    assert not selection.ranked
    assert selection.reason.startswith("Ranker not used: NDCG@12 of 2")
    assert selection.ndcg_at_12["difference"][1] < 0


def test_a_gain_below_half_a_percent_is_not_worth_a_ranker(fifty):
    for users, ranked in ((0, False), (1, False), (2, True)):
        scores = np.zeros((50, 2), np.float32)
        scores[:users, 1] = 1
        assert (
            select_ranker([fifty, fifty, fifty], [scores.ravel(), *[np.zeros(100, np.float32)] * 2], seed=1).ranked
            is ranked
        )


def test_a_ranker_in_use_is_removed_only_if_it_is_significantly_worse(price_held_out):
    lists, ranker = price_held_out
    better = ranker.score(lists.pairs)
    equal = np.zeros_like(better)  # retrieval order

    assert not select_ranker([lists], [equal], seed=1).ranked
    assert select_ranker([lists], [equal], seed=1, incumbent=True).ranked
    worse = select_ranker([lists], [-better], seed=1, incumbent=True)
    assert not worse.ranked
    assert worse.ndcg_at_12["difference"][2] < 0


def test_a_disabled_ranker_keeps_its_estimates(price_held_out):
    lists, ranker = price_held_out
    selection = select_ranker([lists], [ranker.score(lists.pairs)], seed=1)

    disabled = selection.disable("Feature 'log_price' is suspicious.")

    assert not disabled.ranked
    assert "'log_price'" in disabled.reason
    assert disabled.ndcg_at_12 == selection.ndcg_at_12


@pytest.fixture
def fifty():
    """Fifty users with candidates 0 and 1, in this order; each buys candidate 1."""
    pairs = PairFeatures(
        (), 50, np.repeat(np.arange(50), 2), np.tile(np.array([0, 1], np.int32), 50), np.zeros((100, 0), np.float32)
    )
    return TrainingExamples(pairs, ItemLists.from_lists([np.array([1])] * 50), np.arange(50))


def test_the_metrics_are_ndcg_and_map_at_12(fifty):
    better, equal = np.tile([0, 1], 50).astype(np.float32), np.zeros(100, np.float32)

    selection = select_ranker([fifty], [better], seed=1)

    assert selection.ranked
    assert selection.ndcg_at_12["retrieval"] == pytest.approx([1 / np.log2(3)] * 3)
    assert selection.ndcg_at_12["ranker"] == [1.0, 1.0, 1.0]
    assert selection.map_at_12["retrieval"] == [0.5, 0.5, 0.5]
    assert selection.map_at_12["difference"] == [0.5, 0.5, 0.5]
    assert selection.to_json()["map_at_12"]["ranker"] == [1.0, 1.0, 1.0]
    assert not select_ranker([fifty], [equal], seed=1).ranked


def test_a_user_with_two_lists_counts_once(fifty):
    better, worse = np.tile([0, 1], 50).astype(np.float32), np.tile([1, 0], 50).astype(np.float32)

    selection = select_ranker([fifty, fifty], [better, worse], seed=1)

    assert selection.users == 50
    assert selection.map_at_12["ranker"] == [0.75, 0.75, 0.75]


def test_below_fifty_users_there_is_no_validation(fifty):
    fewer = fifty.take(np.arange(1, 50))
    scores = np.tile([0, 1], 49).astype(np.float32)

    selection = select_ranker([fewer], [scores], seed=1)

    assert can_validate([fifty])
    assert not can_validate([fewer])
    assert not selection.ranked
    assert all(part in selection.reason for part in ("Ranker not used", "49 users", "49 lists", "50"))
    assert selection.ndcg_at_12 == selection.map_at_12 == {}
    incumbent = select_ranker([fewer], [scores], seed=1, incumbent=True)
    assert incumbent.ranked
    assert incumbent.reason.startswith("Ranker used: 49 users")


def test_a_ranker_that_is_better_on_average_is_used_though_chance_could_explain_it(fifty):
    fifty = replace(fifty, relevant=ItemLists.from_lists([np.array([1])] * 46 + [np.array([0])] * 4))
    better_for_six_worse_for_four = np.zeros((50, 2), np.float32)
    better_for_six_worse_for_four[[*range(6), *range(46, 50)], 1] = 1

    selection = select_ranker([fifty, fifty], [better_for_six_worse_for_four.ravel()] * 2, seed=1)

    assert selection.ndcg_at_12["difference"][1] < 0 < selection.ndcg_at_12["difference"][0]
    assert selection.ranked
    assert selection.reason.endswith("in 2 left-out weeks, of which it is clearly worse in none.")


def test_a_ranker_that_is_clearly_worse_in_one_week_is_not_used_though_it_is_better_on_average(fifty):
    alike = replace(fifty, relevant=ItemLists.from_lists([np.array([0])] * 50))
    better = np.tile([0, 1], 50).astype(np.float32)

    selection = select_ranker([fifty, fifty, alike], [better, better, better], seed=1)

    assert selection.ndcg_at_12["difference"][0] > 0
    assert not selection.ranked
    assert selection.reason.endswith("in 3 left-out weeks, of which it is clearly worse in 1.")
    assert not select_ranker([fifty, fifty, alike], [better, better, better], seed=1, incumbent=True).ranked


def test_a_week_with_few_users_counts_on_average_only(fifty):
    alike = replace(fifty, relevant=ItemLists.from_lists([np.array([0])] * 50)).take(np.arange(20))
    better = np.tile([0, 1], 50).astype(np.float32)

    assert select_ranker([fifty, alike], [better, better[:40]], seed=1).ranked

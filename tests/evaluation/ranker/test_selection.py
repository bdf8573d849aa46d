import numpy as np
import pytest

from candidates.item_lists import ItemLists
from candidates.ranking.ranker_features import PairFeatures
from candidates.ranking.training_examples import TrainingExamples
from evaluation.ranker.selection import chosen, judgeable


def test_a_ranker_that_knows_what_retrieval_does_not_orders_the_candidates(price_held_out):
    lists, ranker = price_held_out

    choice = chosen(lists, ranker.score(lists.pairs), seed=1)

    assert choice.ranked
    assert choice.reason.startswith("The ranker orders the candidates: NDCG@12 of 200 users is 0.")
    mean, low, high = choice.ndcg_at_12["difference"]
    assert 0.05 < low < mean < high
    assert mean == pytest.approx(choice.ndcg_at_12["ranker"][0] - choice.ndcg_at_12["retrieval"][0])
    assert choice.map_at_12["ranker"][0] > choice.map_at_12["retrieval"][0]


def test_where_retrieval_knows_everything_its_order_stands(retrieval_held_out):
    lists, ranker = retrieval_held_out

    choice = chosen(lists, ranker.score(lists.pairs), seed=1)

    assert not choice.ranked
    assert choice.reason.startswith("Retrieval orders the candidates: NDCG@12 of 2")
    assert choice.ndcg_at_12["difference"][1] < 0


def test_a_ranker_that_orders_already_goes_only_if_it_is_clearly_worse(price_held_out):
    lists, ranker = price_held_out
    better = ranker.score(lists.pairs)
    nothing_new = np.zeros_like(better)

    assert not chosen(lists, nothing_new, seed=1).ranked  # retrieval's own order, no better and no worse
    assert chosen(lists, nothing_new, seed=1, standing=True).ranked
    worse = chosen(lists, -better, seed=1, standing=True)
    assert not worse.ranked
    assert worse.ndcg_at_12["difference"][2] < 0


@pytest.fixture
def fifty():
    """Fifty users with candidates 0 and 1, in this order; each buys candidate 1."""
    pairs = PairFeatures(
        (), 50, np.repeat(np.arange(50), 2), np.tile(np.array([0, 1], np.int32), 50), np.zeros((100, 0), np.float32)
    )
    return TrainingExamples(pairs, ItemLists.from_lists([np.array([1])] * 50), np.arange(50))


def test_both_measures_are_of_the_first_twelve(fifty):
    better, equal = np.tile([0, 1], 50).astype(np.float32), np.zeros(100, np.float32)

    choice = chosen(fifty, better, seed=1)
    assert choice.ranked
    assert choice.ndcg_at_12["retrieval"] == pytest.approx([1 / np.log2(3)] * 3)
    assert choice.ndcg_at_12["ranker"] == [1.0, 1.0, 1.0]
    assert choice.map_at_12["retrieval"] == [0.5, 0.5, 0.5]
    assert choice.map_at_12["difference"] == [0.5, 0.5, 0.5]
    assert choice.to_json()["map_at_12"]["ranker"] == [1.0, 1.0, 1.0]

    assert not chosen(fifty, equal, seed=1).ranked  # what is as good is not better


def test_a_user_with_two_lists_counts_once(fifty):
    both = TrainingExamples.together([fifty, fifty])
    first_better = np.concatenate([np.tile([0, 1], 50), np.tile([1, 0], 50)]).astype(np.float32)

    choice = chosen(both, first_better, seed=1)

    assert choice.users == 50
    assert choice.map_at_12["ranker"] == [0.75, 0.75, 0.75]


def test_of_fewer_than_fifty_nothing_is_judged(fifty):
    fewer = fifty.take(np.arange(1, 50))

    choice = chosen(fewer, np.tile([0, 1], 49).astype(np.float32), seed=1)

    assert judgeable(fifty)
    assert not judgeable(fewer)
    assert not choice.ranked
    assert choice.reason == (
        "Retrieval orders the candidates: 49 users with candidates bought something, and 49 lists hold any of it; a "
        "ranker needs 50 of both."
    )
    assert choice.ndcg_at_12 == choice.map_at_12 == {}
    standing = chosen(fewer, np.tile([0, 1], 49).astype(np.float32), seed=1, standing=True)
    assert standing.ranked
    assert standing.reason.startswith("The ranker orders the candidates: 49 users")

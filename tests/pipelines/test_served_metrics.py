"""Metrics of served lists: four items, three users, of whom two buy an item that is new to them."""

from datetime import UTC, datetime
from types import SimpleNamespace

import numpy as np
import pytest
from fixtures.purchases import histories_of

from candidates.item_lists import ItemLists
from candidates.pool import Pool
from candidates.sources.popularity import PopularityList
from evaluation.metrics import CandidateLists


def lists(*items):
    return ItemLists.from_lists([np.array(own, int) for own in items])


@pytest.fixture
def served():
    from pipelines.served_metrics import ServedMetrics

    moments = {"start": datetime(2020, 2, 23, tzinfo=UTC), "end": datetime(2020, 3, 1, tzinfo=UTC)}
    week = SimpleNamespace(bought=lists([0, 1], [2], [3]), new=lists([1], [], [3]), **moments)
    return ServedMetrics.of_week(week, (1, 2))


def test_all_purchases_and_new_items_have_lists_and_users_of_their_own(served):
    every = np.array([[0, 2], [2, 0], [0, 1]], np.int32)
    new = np.array([[1, 2], [0, 1], [2, 3]], np.int32)

    served.add(CandidateLists("a model", every, new))

    # All purchases: 1/2, 1 and 0 of the first two; new items: 1 and 1 of the first two, 1 and 0 of the first one.
    assert served.mean("a model", "all", "recall@2") == pytest.approx((1 / 2 + 1 + 0) / 3)
    assert served.mean("a model", "new", "recall@2") == 1
    assert served.mean("a model", "new", "recall@1") == pytest.approx((1 + 0) / 2)
    assert served.mean("a model", "all", "map@1") == pytest.approx((1 + 1 + 0) / 3)
    assert served.recalls("a model").tolist() == [0.5, 1, 0]


def test_where_only_one_policy_has_a_ranker_the_other_keeps_retrieval_order(served):
    from pipelines.served_metrics import RANKED, add_ranked

    def blended(*positions):
        return SimpleNamespace(positions=np.array(positions, np.int32))

    keep, drop = blended([2, 0], [0, 2], [0, 3]), blended([2, 1], [0, 1], [3, 2])
    reverse = SimpleNamespace(rank=lambda blended, ranker: SimpleNamespace(
        blended=SimpleNamespace(positions=blended.positions[:, ::-1] if ranker else blended.positions)))  # fmt: skip
    rankers = SimpleNamespace(keep=SimpleNamespace(validated="a ranker"), drop=SimpleNamespace(validated=None))

    add_ranked(served, SimpleNamespace(keep=keep, drop=drop), reverse, rankers)

    assert served.mean(RANKED, "all", "map@1") == 1
    assert served.mean(RANKED, "new", "recall@1") == pytest.approx((0 + 1) / 2)


def test_without_purchases_of_new_items_the_table_has_no_value_for_them():
    from pipelines.served_metrics import ServedMetrics, served_table

    moment = datetime(2020, 2, 23, tzinfo=UTC)
    week = SimpleNamespace(bought=lists([0]), new=lists([]), start=moment, end=moment)
    served = ServedMetrics.of_week(week, (1,))
    served.add(CandidateLists("blended candidates", np.array([[0]], np.int32), np.array([[1]], np.int32)))

    assert served_table(served).rows == (("blended candidates", "1.0000", "1.0000", "-", "-"),)


def test_a_source_list_is_what_one_source_retrieved_in_its_order():
    from pipelines.candidate_lists import source_list

    first = (np.array([[2, 0, 1], [1, -1, -1]], np.int32), np.zeros((2, 3), np.float32))
    second = (np.array([[3, 0, 2], [0, 2, 3]], np.int32), np.zeros((2, 3), np.float32))
    pool = Pool.from_lists({"first": first, "second": second})

    assert source_list(pool, "first", 2).tolist() == [[2, 0], [1, -1]]
    assert source_list(pool, "second", 3).tolist() == [[3, 0, 2], [0, 2, 3]]


def test_baselines_list_bestsellers_and_own_items_then_bestsellers():
    from pipelines.candidate_lists import baseline_lists

    popularity = PopularityList.from_counts(np.array([1, 5, 3, 0]))
    histories = histories_of([(3, 2, 0)], [])  # the first user has bought the last item, the second nothing

    bestsellers, bought_before = baseline_lists(popularity, histories, 3)

    assert bestsellers.all_items.tolist() == [[1, 2, 0], [1, 2, 0]]
    assert bought_before.all_items.tolist() == [[3, 1, 2], [1, 2, 0]]
    assert bought_before.new_items.tolist() == [[1, 2, 0], [1, 2, 0]]

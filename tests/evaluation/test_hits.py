import numpy as np
import pytest

from candidates.item_lists import ItemLists
from evaluation.hits import Hits
from evaluation.metrics import average_precision_at, hit_rate_at, ndcg_at, recall_at

LISTS = np.array([[10, 11, 12, 13], [10, 11, 12, 13], [10, 11, -1, -1]], np.int32)
RELEVANT = ItemLists.from_lists([np.array([10, 12, 99]), np.array([5]), np.array([11])])


def test_found_says_of_each_relevant_item_whether_it_was_among_the_first_k():
    hits = Hits.of(LISTS, RELEVANT)

    # The relevant items in order: 10, 12, 99 of user 0; 5 of user 1; 11 of user 2.
    assert hits.found(4).tolist() == [True, True, False, False, True]
    assert hits.found(2).tolist() == [True, False, False, False, True]
    assert hits.found(1).tolist() == [True, False, False, False, False]


def test_an_item_found_by_one_user_is_not_found_for_another():
    hits = Hits.of(np.array([[7], [8]], np.int32), ItemLists.from_lists([np.array([7]), np.array([7])]))

    assert hits.found(1).tolist() == [True, False]


def test_looked_up_once_the_hits_give_what_the_metrics_give():
    chance = np.random.default_rng(0)
    lists = np.argsort(chance.random((40, 60)), axis=1)[:, :30].astype(np.int32)
    relevant = ItemLists.from_lists([chance.integers(0, 60, chance.integers(1, 9)) for _ in range(40)])

    hits = Hits.of(lists, relevant)

    for k in (1, 7, 30, 100):
        assert hits.recall(k).tolist() == recall_at(lists, relevant, k).tolist()
        assert hits.hit_rate(k).tolist() == hit_rate_at(lists, relevant, k).tolist()
        assert hits.average_precision(k).tolist() == average_precision_at(lists, relevant, k).tolist()
        assert hits.ndcg(k).tolist() == ndcg_at(lists, relevant, k).tolist()


def test_a_faulty_question_is_refused():
    hits = Hits.of(LISTS, RELEVANT)

    assert len(hits) == 3
    with pytest.raises(ValueError, match="at least 1, not 0"):
        hits.found(0)
    with pytest.raises(ValueError, match="twice"):
        Hits.of(np.array([[3, 3]], np.int32), ItemLists.from_lists([np.array([3])]))
    with pytest.raises(ValueError, match="no relevant item"):
        Hits.of(LISTS[:1], ItemLists.from_lists([np.array([], np.int64)]))

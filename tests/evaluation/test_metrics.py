import numpy as np
import pytest

from candidates.item_lists import ItemLists
from evaluation.bootstrap import Bootstrap
from evaluation.metrics import (
    CandidateLists,
    Hits,
    comparison_metrics,
    cutoffs_for,
    metric_estimates,
    metrics_per_user,
    primary_cutoff,
    recall_at,
)

# Three users with four candidates each. Relevant items: user 0 at ranks 1 and 3 of 3 relevant items; user 1 none of 1;
# user 2 at rank 2 of 1, before padding.
LISTS = np.array([[10, 11, 12, 13], [10, 11, 12, 13], [10, 11, -1, -1]], np.int32)
RELEVANT = ItemLists.from_lists([np.array([10, 12, 99]), np.array([5]), np.array([11])])
METRICS = [Hits.recall, Hits.hit_rate, Hits.average_precision, Hits.ndcg]


@pytest.fixture
def hits():
    return Hits.of(LISTS, RELEVANT)


def test_recall_is_the_share_of_relevant_items_found(hits):
    assert hits.recall(4).tolist() == recall_at(LISTS, RELEVANT, 4).tolist() == [2 / 3, 0.0, 1.0]
    assert hits.recall(1).tolist() == recall_at(LISTS, RELEVANT, 1).tolist() == [1 / 3, 0.0, 0.0]


def test_hit_rate_is_one_for_users_with_a_hit(hits):
    assert hits.hit_rate(4).tolist() == [1.0, 0.0, 1.0]
    assert hits.hit_rate(1).tolist() == [1.0, 0.0, 0.0]


def test_average_precision_averages_precision_at_the_hits(hits):
    # User 0: (1/1 + 2/3) / min(3, 4) = 5/9. User 2: (1/2) / 1.
    assert hits.average_precision(4) == pytest.approx([5 / 9, 0.0, 0.5])


def test_average_precision_divides_by_at_most_k(hits):
    # User 0 at 2: (1/1) / min(3, 2).
    assert hits.average_precision(2) == pytest.approx([0.5, 0.0, 0.5])


def test_ndcg_discounts_by_the_logarithm_of_the_rank(hits):
    # User 0: gains at ranks 1 and 3: 1 + 1/2; ideal at ranks 1 to 3: 1 + 0.6309298 + 1/2. User 2: 0.6309298 / 1.
    assert hits.ndcg(4) == pytest.approx([1.5 / 2.1309298, 0.0, 0.6309298])


def test_lists_of_relevant_items_only_are_perfect_if_k_is_below_their_number():
    hits = Hits.of(np.array([[1, 2]], np.int32), ItemLists.from_lists([np.array([1, 2, 3, 4])]))

    assert [metric(hits, 2).tolist() for metric in METRICS] == [[0.5], [1.0], [1.0], [1.0]]


def test_lists_shorter_than_k_are_measured_as_they_are():
    hits = Hits.of(np.array([[1]], np.int32), ItemLists.from_lists([np.array([1, 2])]))

    assert hits.recall(10).tolist() == [0.5]
    assert hits.average_precision(10).tolist() == [0.5]


@pytest.mark.parametrize("metric", METRICS)
def test_padding_never_counts(metric):
    # The first user's relevant item is the largest position; both lists are padding only.
    hits = Hits.of(np.full((2, 2), -1, np.int32), ItemLists.from_lists([np.array([7]), np.array([0])]))

    assert metric(hits, 2).tolist() == [0.0, 0.0]


def test_relevant_items_among_the_first_k_are_marked_as_found(hits):
    # In order of the relevant items: 10, 12, 99 of user 0; 5 of user 1; 11 of user 2.
    assert hits.found(4).tolist() == [True, True, False, False, True]
    assert hits.found(2).tolist() == [True, False, False, False, True]
    assert hits.found(1).tolist() == [True, False, False, False, False]


def test_an_item_found_for_one_user_is_not_found_for_another():
    hits = Hits.of(np.array([[7], [8]], np.int32), ItemLists.from_lists([np.array([7]), np.array([7])]))

    assert hits.found(1).tolist() == [True, False]


def test_users_without_relevant_items_are_refused():
    with pytest.raises(ValueError, match="1 of 2 users"):
        Hits.of(LISTS[:2], ItemLists.from_lists([np.array([1]), np.array([], np.int64)]))


def test_lists_with_an_item_twice_are_refused():
    with pytest.raises(ValueError, match="twice"):
        Hits.of(np.array([[3, 4, 3]], np.int32), ItemLists.from_lists([np.array([3])]))


def test_a_cutoff_below_one_is_refused(hits):
    for metric in (*METRICS, Hits.found):
        with pytest.raises(ValueError, match="not 0"):
            metric(hits, 0)
    with pytest.raises(ValueError, match="not 0"):
        recall_at(LISTS, RELEVANT, 0)


def test_lists_and_relevant_items_must_have_the_same_users():
    with pytest.raises(ValueError, match="3 lists"):
        Hits.of(LISTS[:2], RELEVANT)


def test_candidate_lists_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match=r"\(1, 2\) and \(1, 3\)"):
        CandidateLists("bestsellers", np.zeros((1, 2), np.int32), np.zeros((1, 3), np.int32))


def test_candidate_lists_of_other_types_are_refused():
    with pytest.raises(ValueError, match="not int64 and int32"):
        CandidateLists("bestsellers", np.array([[0]]), np.zeros((1, 1), np.int32))


def test_cutoffs_are_at_most_half_the_catalogue():
    assert cutoffs_for(92_331) == (12, 50, 100, 300)
    assert cutoffs_for(600) == (12, 50, 100, 300)
    assert cutoffs_for(599) == (12, 50, 100)
    assert cutoffs_for(24) == (12,)
    assert cutoffs_for(23) == (11,)
    assert cutoffs_for(1) == (1,)


def test_the_primary_cutoff_is_100_or_the_largest():
    assert primary_cutoff((12, 50, 100, 300)) == 100
    assert primary_cutoff((12, 50)) == 50


def test_models_are_compared_by_recall_at_the_primary_cutoff_and_by_order_at_the_smallest():
    assert comparison_metrics((12, 50, 100, 300)) == ("recall@100", "map@12", "ndcg@12", "recall@12")
    assert comparison_metrics((12, 50)) == ("recall@50", "map@12", "ndcg@12", "recall@12")
    assert comparison_metrics((11,)) == ("recall@11", "map@11", "ndcg@11")


# Relevant items of the first user at ranks 1 and 3 of 2, of the second user none of 1.
TWO_USERS = Hits.of(
    np.array([[5, 6, 7, 8], [5, 6, 7, 8]], np.int32), ItemLists.from_lists([np.array([5, 7]), np.array([9])])
)


def test_metrics_per_user_are_named_by_metric_and_cutoff():
    user_metrics = metrics_per_user(TWO_USERS, (2, 4))

    assert {name: values.tolist() for name, values in user_metrics.items()} == {
        "recall@2": [0.5, 0.0],
        "recall@4": [1.0, 0.0],
        "hit_rate@2": [1.0, 0.0],
        "hit_rate@4": [1.0, 0.0],
        "map@2": [0.5, 0.0],  # (1 / 1) / min(2, 2)
        "ndcg@2": pytest.approx([1 / (1 + 0.6309298), 0.0]),
    }


def test_estimates_are_means_over_users_with_their_intervals():
    # Of two users, the mean of a resample is 0, 1/2 or 1; each end is drawn in more than 2.5 % of the resamples.
    estimates = metric_estimates(metrics_per_user(TWO_USERS, (4,)), Bootstrap.of(2, seed=3))

    assert list(estimates) == ["recall@4", "hit_rate@4", "map@4", "ndcg@4"]
    assert estimates["recall@4"] == [0.5, 0.0, 1.0]


def test_estimates_are_determined_by_the_seed():
    user_metrics = {"recall@1": np.random.default_rng(0).random(50)}

    assert metric_estimates(user_metrics, Bootstrap.of(50, 1)) == metric_estimates(user_metrics, Bootstrap.of(50, 1))
    assert metric_estimates(user_metrics, Bootstrap.of(50, 1)) != metric_estimates(user_metrics, Bootstrap.of(50, 2))


def test_metrics_and_resamples_must_have_the_same_users():
    with pytest.raises(ValueError, match="3 users"):
        metric_estimates(metrics_per_user(TWO_USERS, (4,)), Bootstrap.of(3, seed=0))

import numpy as np
import pytest

from candidates.item_lists import ItemLists
from evaluation.metrics import (
    average_precision_at,
    bootstrap_interval,
    hit_rate_at,
    ndcg_at,
    paired_interval,
    recall_at,
)

# Three users, four places each. Relevant at ranks: user 0 at 1 and 3 of 3 relevant; user 1 never of 1; user 2 at 2
# of 1, before padding.
LISTS = np.array([[10, 11, 12, 13], [10, 11, 12, 13], [10, 11, -1, -1]], np.int32)
RELEVANT = ItemLists.from_lists([np.array([10, 12, 99]), np.array([5]), np.array([11])])


def test_recall_is_the_share_of_relevant_items_found():
    assert recall_at(LISTS, RELEVANT, 4).tolist() == [2 / 3, 0.0, 1.0]
    assert recall_at(LISTS, RELEVANT, 1).tolist() == [1 / 3, 0.0, 0.0]


def test_hit_rate_asks_whether_anything_was_found():
    assert hit_rate_at(LISTS, RELEVANT, 4).tolist() == [1.0, 0.0, 1.0]
    assert hit_rate_at(LISTS, RELEVANT, 1).tolist() == [1.0, 0.0, 0.0]


def test_average_precision_averages_precision_at_the_hits():
    # User 0: (1/1 + 2/3) / min(3, 4) = 5/9. User 2: (1/2) / 1.
    assert average_precision_at(LISTS, RELEVANT, 4) == pytest.approx([5 / 9, 0.0, 0.5])


def test_average_precision_divides_by_no_more_than_k():
    # User 0 at 2: (1/1) / min(3, 2).
    assert average_precision_at(LISTS, RELEVANT, 2) == pytest.approx([0.5, 0.0, 0.5])


def test_ndcg_discounts_by_the_logarithm_of_the_rank():
    # User 0: gains at ranks 1 and 3: 1 + 1/2; ideal at ranks 1 to 3: 1 + 0.6309298 + 1/2. User 2: 0.6309298 / 1.
    assert ndcg_at(LISTS, RELEVANT, 4) == pytest.approx([1.5 / 2.1309298, 0.0, 0.6309298])


def test_a_list_of_relevant_items_only_is_perfect_at_k_below_their_number():
    lists, relevant = np.array([[1, 2]], np.int32), ItemLists.from_lists([np.array([1, 2, 3, 4])])

    assert ndcg_at(lists, relevant, 2).tolist() == [1.0]
    assert average_precision_at(lists, relevant, 2).tolist() == [1.0]
    assert recall_at(lists, relevant, 2).tolist() == [0.5]


def test_a_list_shorter_than_k_is_judged_as_it_is():
    lists, relevant = np.array([[1]], np.int32), ItemLists.from_lists([np.array([1, 2])])

    assert recall_at(lists, relevant, 10).tolist() == [0.5]
    assert average_precision_at(lists, relevant, 10).tolist() == [0.5]


@pytest.mark.parametrize("metric", [recall_at, hit_rate_at, average_precision_at, ndcg_at])
def test_padding_never_counts(metric):
    # The first user's truth ends with the largest position, the second user's list is padding only.
    lists = np.array([[-1, -1], [-1, -1]], np.int32)

    assert metric(lists, ItemLists.from_lists([np.array([7]), np.array([0])]), 2).tolist() == [0.0, 0.0]


@pytest.mark.parametrize("metric", [recall_at, hit_rate_at, average_precision_at, ndcg_at])
def test_users_without_relevant_items_are_an_error(metric):
    with pytest.raises(ValueError, match="1 of 2 users have no relevant item"):
        metric(LISTS[:2], ItemLists.from_lists([np.array([1]), np.array([], np.int64)]), 4)


def test_an_item_that_stands_twice_is_an_error():
    with pytest.raises(ValueError, match="twice"):
        recall_at(np.array([[3, 4, 3]], np.int32), ItemLists.from_lists([np.array([3])]), 3)


def test_k_must_be_at_least_one():
    with pytest.raises(ValueError, match="not 0"):
        recall_at(LISTS, RELEVANT, 0)


def test_lists_and_truth_must_be_about_the_same_users():
    with pytest.raises(ValueError, match="3 lists"):
        recall_at(LISTS[:2], RELEVANT, 4)


def test_the_interval_of_a_constant_is_that_constant():
    assert bootstrap_interval(np.full(10, 0.25), seed=0) == (0.25, 0.25)


def test_the_interval_is_as_wide_as_the_normal_approximation_says():
    # 400 users, half at 0 and half at 1: mean 0.5, standard error 0.5 / sqrt(400) = 0.025, so 0.5 +- 1.96 * 0.025.
    low, high = bootstrap_interval(np.tile([0.0, 1.0], 200), seed=3, resamples=4_000)

    assert low == pytest.approx(0.451, abs=0.005)
    assert high == pytest.approx(0.549, abs=0.005)


def test_the_same_seed_gives_the_same_interval():
    values = np.random.default_rng(0).random(50)

    assert bootstrap_interval(values, seed=7) == bootstrap_interval(values, seed=7)
    assert bootstrap_interval(values, seed=7) != bootstrap_interval(values, seed=8)


def test_a_small_steady_advantage_shows_in_pairs_though_the_separate_intervals_overlap():
    baseline = np.tile([0.0, 0.9], 50)
    values = baseline + 0.01

    assert paired_interval(values, baseline, seed=0) == pytest.approx((0.01, 0.01))
    assert bootstrap_interval(values, seed=0)[0] < bootstrap_interval(baseline, seed=0)[1]


def test_pairs_must_be_about_the_same_users():
    with pytest.raises(ValueError, match="same users"):
        paired_interval(np.zeros(3), np.zeros(1), seed=0)


@pytest.mark.parametrize("values", [[], [np.nan], [[0.5]]])
def test_an_interval_needs_finite_numbers_of_users(values):
    with pytest.raises(ValueError, match="finite numbers"):
        bootstrap_interval(np.array(values, np.float64), seed=0)


@pytest.mark.parametrize(("resamples", "level"), [(0, 0.95), (10, 0.0), (10, 1.0)])
def test_an_interval_needs_resamples_and_a_level_between_0_and_1(resamples, level):
    with pytest.raises(ValueError, match="level between 0 and 1"):
        bootstrap_interval(np.zeros(3), 0, resamples, level)

import numpy as np
import pytest
from fixtures.purchases import histories_of
from hypothesis import given, settings
from hypothesis import strategies as st

from candidates.item_lists import ItemLists
from candidates.sources.garment_groups import PRIOR, GarmentGroupPopularity

# Group 0 holds items 0, 1 and 2 with 10 units sold, group 1 holds items 3, 4 and 5 with 30.
POPULARITY = GarmentGroupPopularity(
    np.array([0, 0, 0, 1, 1, 1], np.int32), np.array([6, 4, 0, 3, 21, 6], np.float32)
)  # fmt: skip


def test_items_of_the_users_garment_groups_come_before_best_sellers_of_other_groups():
    # The prior of 20 purchases splits into 5 for group 0 and 15 for group 1. With 60 own purchases in group 0 its share
    # is 65 / 80; items 0 and 1 have 0.6 and 0.4 of it, items 3, 4 and 5 have 0.1, 0.7 and 0.2 of the other 15 / 80.
    positions, scores = POPULARITY.top(histories_of([(2, 60, 0)]), 6)

    assert PRIOR == 20
    assert positions.tolist() == [[0, 1, 4, 5, 3, -1]]
    assert scores[0, :5] == pytest.approx([0.6 * 65 / 80, 0.4 * 65 / 80, 0.7 * 15 / 80, 0.2 * 15 / 80, 0.1 * 15 / 80])
    assert scores[0, 5] == -np.inf
    assert (positions.dtype, scores.dtype) == (np.int32, np.float32)


def test_a_user_without_history_gets_items_by_sales_and_ties_by_position():
    positions, scores = POPULARITY.top(histories_of([]), 4)

    assert positions.tolist() == [[4, 0, 5, 1]]
    assert scores[0] == pytest.approx([21 / 40, 6 / 40, 6 / 40, 4 / 40])


def test_items_without_sales_are_not_listed():
    unsold = GarmentGroupPopularity(np.array([0, 1], np.int32), np.zeros(2, np.float32))

    assert unsold.top(histories_of([(0, 1, 0)]), 2)[0].tolist() == [[-1, -1]]


def test_the_unknown_garment_group_is_a_group_like_any_other():
    popularity = GarmentGroupPopularity(np.array([-1, 0, -1], np.int32), np.array([1, 5, 2], np.float32))

    assert popularity.top(histories_of([(0, 100, 0)], []), 3)[0].tolist() == [[2, 0, 1], [1, 2, 0]]


def test_excluded_items_are_removed_before_the_cut():
    excluded = ItemLists.from_lists([np.array([0, 4]), np.array([4, 5])])

    assert POPULARITY.top(histories_of([(2, 60, 0)], []), 2, excluded)[0].tolist() == [[1, 5], [0, 1]]


def test_ineligible_items_are_removed_before_the_cut_and_their_sales_count_for_their_group():
    eligible = np.array([False, True, True, True, False, True])

    positions, scores = POPULARITY.top(histories_of([(2, 60, 0)], []), 3, eligible=eligible)

    assert positions.tolist() == [[1, 5, 3], [5, 1, 3]]
    assert scores[0] == pytest.approx([0.4 * 65 / 80, 0.2 * 15 / 80, 0.1 * 15 / 80])


def test_lists_are_empty_if_no_item_with_sales_is_eligible():
    assert POPULARITY.top(histories_of([(2, 60, 0)]), 2, eligible=POPULARITY.sales == 0)[0].tolist() == [[-1, -1]]


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 40))
def test_the_result_equals_a_full_sort_of_all_scores(seed, k):
    generator = np.random.default_rng(seed)
    n, items = 4, 30
    garment_groups = generator.integers(-1, 4, items).astype(np.int32)
    sales = generator.integers(0, 5, items).astype(np.float32)
    bought = generator.integers(0, 4, (n, items)) * (generator.random((n, items)) < 0.3)
    excluded = [np.flatnonzero(generator.random(items) < 0.3) for _ in range(n)]
    eligible = generator.random(items) < 0.8
    histories = histories_of(*([(item, row[item], 0) for item in np.flatnonzero(row)] for row in bought))

    popularity = GarmentGroupPopularity(garment_groups, sales)
    positions, scores = popularity.top(histories, k, ItemLists.from_lists(excluded), eligible=eligible)

    sales = sales.astype(np.float64)
    for user in range(n):
        expected = []
        for item in set(np.flatnonzero((sales > 0) & eligible).tolist()) - set(excluded[user].tolist()):
            same = garment_groups == garment_groups[item]
            share = bought[user][same].sum() + 20 * sales[same].sum() / sales.sum()
            share /= bought[user].sum() + 20
            expected.append((-np.float32(share * (sales[item] / sales[same].sum())), item))
        expected = sorted(expected)[:k]
        assert positions[user].tolist() == [item for _, item in expected] + [-1] * (k - len(expected))
        assert scores[user, : len(expected)].tolist() == [-score for score, _ in expected]


def test_arguments_are_not_changed():
    garment_groups, sales = POPULARITY.garment_groups.copy(), POPULARITY.sales.copy()
    histories = histories_of([(2, 60, 0)])

    POPULARITY.top(histories, 3, ItemLists.from_lists([np.array([1])]))

    assert (POPULARITY.garment_groups == garment_groups).all()
    assert (POPULARITY.sales == sales).all()
    assert (histories.positions.tolist(), histories.counts.tolist()) == ([2], [60])


@pytest.mark.parametrize(
    ("garment_groups", "sales", "message"),
    [
        ([0, 1], [1], r"\(2,\) and \(1,\)"),
        ([-2, 1], [1, 1], "codes from 0"),
        ([0, 1], [1, -1], "at least 0"),
        ([0, 1], [1, np.nan], "finite"),
    ],
)
def test_malformed_groups_and_sales_are_refused(garment_groups, sales, message):
    with pytest.raises(ValueError, match=message):
        GarmentGroupPopularity(np.array(garment_groups, np.int32), np.array(sales, np.float32))


def test_wrong_dtypes_and_requests_are_refused():
    with pytest.raises(ValueError, match="not int64 and float32"):
        GarmentGroupPopularity(np.array([0]), np.ones(1, np.float32))
    with pytest.raises(ValueError, match="at least 1, not 0"):
        POPULARITY.top(histories_of([]), 0)
    with pytest.raises(ValueError, match="below 6, not 6"):
        POPULARITY.top(histories_of([(6, 1, 0)]), 1)

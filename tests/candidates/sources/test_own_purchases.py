import numpy as np
import pytest
from fixtures.purchases import histories_of

from candidates.item_lists import ItemLists
from candidates.sources.own_purchases import (
    fill_lists,
    repurchase_rate,
    top_by_frequency,
    top_by_recency,
    top_by_repurchase_rate,
)

# User 0, newest first: item 4 once today, 2 three times and 6 once yesterday, 1 three times and 0 five times long ago.
# User 1 has no purchases.
HISTORIES = histories_of([(4, 1, 0), (6, 1, 1), (2, 3, 1), (1, 3, 30), (0, 5, 90)], [])
PADDING = [-1] * 5
EQUAL_RATES = np.ones(7, np.float32)


def test_items_are_listed_by_frequency_and_ties_newest_first():
    positions, scores = top_by_frequency(HISTORIES, 5)

    assert positions.tolist() == [[0, 2, 1, 4, 6], PADDING]
    assert scores[0].tolist() == np.log1p(np.array([5, 3, 3, 1, 1], np.float32)).tolist()
    assert scores[1].tolist() == [-np.inf] * 5
    assert (positions.dtype, scores.dtype) == (np.int32, np.float32)


def test_items_are_listed_by_recency_and_ties_by_count():
    positions, scores = top_by_recency(HISTORIES, 6)

    assert positions.tolist() == [[4, 2, 6, 1, 0, -1], [*PADDING, -1]]
    assert scores[0, :5].tolist() == (-np.log1p(np.array([0, 1, 1, 30, 90], np.float32))).tolist()


def test_the_repurchase_rate_is_repurchases_per_buyer_with_ten_buyers_more():
    sales, first, buyers = (np.array(each, np.float32) for each in ([30, 5, 0], [10, 5, 0], [30, 5, 0]))

    without, smoothed = (repurchase_rate(sales, first, buyers, prior_purchases=prior) for prior in (0.0, 1.0))

    np.testing.assert_array_equal(without, np.array([20 / 40, 0, 0], np.float32), strict=True)
    np.testing.assert_array_equal(smoothed, np.array([21 / 40, 1 / 15, 1 / 10], np.float32), strict=True)


def test_items_are_listed_by_frequency_times_repurchase_rate_and_ties_newest_first():
    rates = np.array([0.01, 0.02, 0.5, 9, 0.3, 9, 0.3], np.float32)

    positions, scores = top_by_repurchase_rate(HISTORIES, rates, 6)

    # log(1 + count) x rate: 0.69 of item 2, 0.21 of 4 and 6, 0.028 of 1, 0.018 of 0.
    assert positions.tolist() == [[2, 4, 6, 1, 0, -1], [*PADDING, -1]]
    np.testing.assert_allclose(scores[0, :5], np.log([51, 31, 31, 3, 2]), rtol=1e-6)
    assert scores[0, 5] == -np.inf


def test_equal_days_and_counts_keep_the_order_of_the_history():
    histories = histories_of([(5, 1, 0), (1, 1, 0), (3, 2, 0), (2, 9, 1)])

    assert top_by_recency(histories, 4)[0].tolist() == [[3, 5, 1, 2]]


def test_excluded_items_are_removed_before_the_cut():
    excluded = ItemLists.from_lists([np.array([0, 2]), np.array([1])])

    assert top_by_frequency(HISTORIES, 2, excluded)[0].tolist() == [[1, 4], [-1, -1]]
    assert top_by_recency(HISTORIES, 2, excluded)[0].tolist() == [[4, 6], [-1, -1]]
    assert top_by_repurchase_rate(HISTORIES, EQUAL_RATES, 2, excluded)[0].tolist() == [[1, 4], [-1, -1]]


def test_ineligible_items_are_removed_before_the_cut():
    eligible = np.array([False, True, False, True, True, True, True])

    assert top_by_frequency(HISTORIES, 2, eligible=eligible)[0].tolist() == [[1, 4], [-1, -1]]
    assert top_by_recency(HISTORIES, 2, eligible=eligible)[0].tolist() == [[4, 6], [-1, -1]]
    assert top_by_repurchase_rate(HISTORIES, EQUAL_RATES, 2, eligible=eligible)[0].tolist() == [
        [1, 4],
        [-1, -1],
    ]


def test_lists_are_filled_with_items_that_they_do_not_hold():
    first = np.array([[5, 2, -1], [-1, -1, -1], [0, 1, 2]], np.int32)
    filler = np.array([[2, 7, 5, 8], [2, 7, 5, 8], [2, 7, 5, 8]], np.int32)

    assert fill_lists(first, filler, 4).tolist() == [[5, 2, 7, 8], [2, 7, 5, 8], [0, 1, 2, 7]]
    assert fill_lists(first, filler, 2).tolist() == [[5, 2], [2, 7], [0, 1]]


def test_filled_lists_are_padded_where_both_hold_too_few_items():
    lists = fill_lists(np.array([[3, -1]], np.int32), np.array([[3, 4, -1]], np.int32), 4)

    assert lists.tolist() == [[3, 4, -1, -1]]
    assert lists.dtype == np.int32


def test_filling_does_not_change_its_arguments():
    first, filler = np.array([[3, -1]], np.int32), np.array([[4, 3]], np.int32)

    fill_lists(first, filler, 2)

    assert (first.tolist(), filler.tolist()) == ([[3, -1]], [[4, 3]])


def test_malformed_arguments_are_refused():
    with pytest.raises(ValueError, match="not 0"):
        top_by_frequency(HISTORIES, 0)
    with pytest.raises(ValueError, match="2 lists"):
        top_by_recency(HISTORIES, 1, ItemLists.from_lists([]))
    with pytest.raises(ValueError, match=r"not \(6,\) bool"):
        top_by_frequency(HISTORIES, 1, eligible=np.ones(6, np.bool_))
    with pytest.raises(ValueError, match="int64"):
        top_by_frequency(HISTORIES, 1, eligible=np.ones(7, np.int64))
    with pytest.raises(ValueError, match="same n users"):
        fill_lists(np.zeros((1, 1), np.int32), np.zeros((2, 1), np.int32), 1)

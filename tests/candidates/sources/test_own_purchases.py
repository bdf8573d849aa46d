import numpy as np
import pytest

from candidates.histories import Histories
from candidates.item_lists import ItemLists
from candidates.sources.own_purchases import fill_lists, top_by_frequency, top_by_recency, top_by_repurchase_rate

# The first user, newest first: item 4 once today, 2 three times and 6 once yesterday, 1 three times and 0 five times
# long ago. The second has bought nothing.
HISTORIES = Histories(
    np.array([0, 5, 5], np.int64),
    np.array([4, 6, 2, 1, 0], np.int32),
    np.array([1, 1, 3, 3, 5], np.float32),
    np.array([0, 1, 1, 30, 90], np.float32),
)
PADDING = [-1] * 5


def test_often_lists_by_count_and_equal_counts_newest_first():
    positions, scores = top_by_frequency(HISTORIES, 5)

    assert positions.tolist() == [[0, 2, 1, 4, 6], PADDING]
    assert scores[0].tolist() == np.log1p(np.array([5, 3, 3, 1, 1], np.float32)).tolist()
    assert scores[1].tolist() == [-np.inf] * 5
    assert (positions.dtype, scores.dtype) == (np.int32, np.float32)


def test_lately_lists_by_day_and_equal_days_by_count():
    positions, scores = top_by_recency(HISTORIES, 6)

    assert positions.tolist() == [[4, 2, 6, 1, 0, -1], [*PADDING, -1]]
    assert scores[0, :5].tolist() == (-np.log1p(np.array([0, 1, 1, 30, 90], np.float32))).tolist()


def test_again_lists_by_count_and_by_how_often_people_buy_it_again():
    rates = np.array([0.01, 0.02, 0.5, 9, 0.3, 9, 0.3], np.float32)

    positions, scores = top_by_repurchase_rate(HISTORIES, rates, 6)

    # log(1 + count) x rate: 0.69 of item 2, 0.21 of 4 and 6, 0.028 of 1, 0.018 of 0.
    assert positions.tolist() == [[2, 4, 6, 1, 0, -1], [*PADDING, -1]]
    np.testing.assert_allclose(scores[0, :5], np.log([51, 31, 31, 3, 2]), rtol=1e-6)
    assert scores[0, 5] == -np.inf


def test_equal_days_and_counts_are_listed_by_position():
    histories = Histories(
        np.array([0, 3], np.int64), np.array([5, 1, 3], np.int32), np.ones(3, np.float32), np.zeros(3, np.float32)
    )

    assert top_by_recency(histories, 3)[0].tolist() == [[1, 3, 5]]


def test_excluded_items_make_room_before_the_cut():
    excluded = ItemLists.from_lists([np.array([0, 2]), np.array([1])])

    assert top_by_frequency(HISTORIES, 2, excluded)[0].tolist() == [[1, 4], [-1, -1]]
    assert top_by_recency(HISTORIES, 2, excluded)[0].tolist() == [[4, 6], [-1, -1]]
    assert top_by_repurchase_rate(HISTORIES, np.ones(7, np.float32), 2, excluded)[0].tolist() == [[1, 4], [-1, -1]]


def test_ineligible_items_make_room_before_the_cut():
    eligible = np.array([False, True, False, True, True, True, True])

    assert top_by_frequency(HISTORIES, 2, eligible=eligible)[0].tolist() == [[1, 4], [-1, -1]]
    assert top_by_recency(HISTORIES, 2, eligible=eligible)[0].tolist() == [[4, 6], [-1, -1]]
    assert top_by_repurchase_rate(HISTORIES, np.ones(7, np.float32), 2, eligible=eligible)[0].tolist() == [
        [1, 4],
        [-1, -1],
    ]


def test_lists_are_filled_up_with_what_they_do_not_hold_yet():
    first = np.array([[5, 2, -1], [-1, -1, -1], [0, 1, 2]], np.int32)
    filler = np.array([[2, 7, 5, 8], [2, 7, 5, 8], [2, 7, 5, 8]], np.int32)

    assert fill_lists(first, filler, 4).tolist() == [[5, 2, 7, 8], [2, 7, 5, 8], [0, 1, 2, 7]]
    assert fill_lists(first, filler, 2).tolist() == [[5, 2], [2, 7], [0, 1]]


def test_lists_stay_short_where_both_together_hold_too_little():
    lists = fill_lists(np.array([[3, -1]], np.int32), np.array([[3, 4, -1]], np.int32), 4)

    assert lists.tolist() == [[3, 4, -1, -1]]
    assert lists.dtype == np.int32


def test_neither_list_is_changed():
    first, filler = np.array([[3, -1]], np.int32), np.array([[4, 3]], np.int32)

    fill_lists(first, filler, 2)

    assert (first.tolist(), filler.tolist()) == ([[3, -1]], [[4, 3]])


def test_faulty_arguments_are_refused():
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

import numpy as np
import pytest

from candidates.item_lists import ItemLists


def test_lists_are_sorted_and_repeats_count_once():
    lists = ItemLists.from_lists([np.array([7, 2, 7]), np.array([], np.int64), np.array([0])])

    assert lists.offsets.tolist() == [0, 2, 2, 3]
    assert lists.positions.tolist() == [2, 7, 0]
    assert lists.counts.tolist() == [2, 0, 1]
    assert lists.rows.tolist() == [0, 0, 2]
    assert len(lists) == 3


def test_pairs_may_come_in_any_order():
    lists = ItemLists.from_pairs(np.array([2, 0, 0, 2]), np.array([5, 9, 1, 5]), 4)

    assert lists.offsets.tolist() == [0, 2, 2, 3, 3]
    assert lists.positions.tolist() == [1, 9, 5]


def test_no_lists_at_all_are_no_lists():
    assert len(ItemLists.from_lists([])) == 0


def test_a_slice_is_numbered_from_zero():
    part = ItemLists.from_lists([np.array([4]), np.array([1, 3]), np.array([2])]).slice(1, 3)

    assert part.offsets.tolist() == [0, 2, 3]
    assert part.positions.tolist() == [1, 3, 2]


def test_an_item_is_looked_up_in_the_list_of_its_own_row():
    lists = ItemLists.from_lists([np.array([1, 3]), np.array([2]), np.array([], np.int64)])

    found = lists.contains(np.array([[3, 2, 1], [3, 2, 1], [3, 2, 1]], np.int32))

    assert found.tolist() == [[True, False, True], [False, True, False], [False, False, False]]


def test_padding_is_in_no_list_not_even_after_a_row_that_ends_with_the_largest_position():
    lists = ItemLists.from_lists([np.array([3]), np.array([0])])

    assert lists.contains(np.array([[-1], [-1]], np.int32)).tolist() == [[False], [False]]


def test_empty_lists_contain_nothing():
    assert ItemLists.from_lists([np.array([], np.int64)]).contains(np.array([[0, -1]], np.int32)).tolist() == [
        [False, False]
    ]


@pytest.mark.parametrize(
    ("offsets", "positions", "message"),
    [
        ([0, 2], [3, 3], "without repeats"),
        ([0, 2], [3, 1], "ascending"),
        ([0, 1], [-1], "at least 0"),
        ([0, 1], [1, 2], "rise from 0 to the number of positions, 2"),
        ([1, 2], [1, 2], "rise from 0"),
        ([0, 2, 1, 2], [1, 2], "rise from 0"),
        ([], [], "at least one offset"),
    ],
)
def test_malformed_lists_are_refused(offsets, positions, message):
    with pytest.raises(ValueError, match=message):
        ItemLists(np.array(offsets, np.int64), np.array(positions, np.int32))


def test_wrong_dtypes_are_refused_by_name():
    with pytest.raises(ValueError, match="not int32 and int32"):
        ItemLists(np.array([0], np.int32), np.array([], np.int32))


def test_pairs_outside_their_range_are_refused():
    with pytest.raises(ValueError, match="0 to 1"):
        ItemLists.from_pairs(np.array([2]), np.array([0]), 2)
    with pytest.raises(ValueError, match="at least 0"):
        ItemLists.from_pairs(np.array([0]), np.array([-1]), 2)
    with pytest.raises(ValueError, match="equally long"):
        ItemLists.from_pairs(np.array([0]), np.array([1, 2]), 2)


def test_a_lookup_needs_one_row_per_list():
    with pytest.raises(ValueError, match=r"\(1, width\)"):
        ItemLists.from_lists([np.array([1])]).contains(np.zeros((2, 1), np.int32))

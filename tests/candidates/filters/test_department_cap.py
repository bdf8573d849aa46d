import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from candidates.filters.department_cap import DepartmentCap
from candidates.item_lists import ItemLists
from candidates.over_fetching import Cap, over_fetch

# Items 0 to 3 are of department 0, 4 and 5 of department 1, 6 of department 2; 7 and 8 have none.
DEPARTMENTS = np.array([0, 0, 0, 0, 1, 1, 2, -1, -1], np.int32)


def capped(at_most, *lists):
    rows = np.repeat(np.arange(len(lists)), [len(own) for own in lists])
    positions = np.concatenate([np.empty(0, np.int32), *lists]).astype(np.int32)
    kept = DepartmentCap(at_most, DEPARTMENTS).keep_mask(rows, positions)
    return [positions[(rows == row) & kept].tolist() for row in range(len(lists))]


def test_the_best_items_of_each_department_are_kept():
    assert capped(2, [3, 4, 0, 1, 5, 2, 6]) == [[3, 4, 0, 5, 6]]
    assert capped(1, [3, 4, 0, 1, 5, 2, 6]) == [[3, 4, 6]]


def test_the_cap_counts_each_list_separately():
    assert capped(1, [0, 4], [1, 0, 5], []) == [[0, 4], [1, 5], []]


def test_items_of_unknown_department_are_not_capped():
    assert capped(1, [7, 0, 8, 1]) == [[7, 0, 8]]


def test_an_item_over_the_cap_does_not_count():
    assert capped(3, [3, 2, 1, 0, 4]) == [[3, 2, 1, 4]]


def test_the_maximum_length_of_a_list_follows_from_the_masks():
    cap = DepartmentCap(2, DEPARTMENTS)
    excluded = ItemLists.from_lists([np.array([], np.int64), np.array([0, 1, 2, 7]), np.arange(9)])

    assert cap.max_lengths(3, None, None).tolist() == [7, 7, 7]
    assert cap.max_lengths(3, excluded, None).tolist() == [7, 5, 0]
    assert cap.max_lengths(3, excluded, DEPARTMENTS != 1).tolist() == [5, 3, 0]
    assert DepartmentCap(9, DEPARTMENTS).max_lengths(3, excluded, None).tolist() == [9, 5, 0]


def search_in(lists, searched):
    def search(users, depth):
        searched.append((users.tolist(), depth))
        positions = np.full((len(users), depth), -1, np.int32)
        for row, user in enumerate(users):
            positions[row, : len(lists[user][:depth])] = lists[user][:depth]
        return positions, np.where(positions >= 0, -np.arange(depth, dtype=np.float32), -np.inf).astype(np.float32)

    return search


def test_a_list_that_the_cap_makes_short_is_searched_again_at_twice_the_depth():
    searched = []
    search = search_in([[0, 1, 2, 3, 4, 6], [4, 0, 6, 1, 2, 3]], searched)

    positions, scores = over_fetch(search, 2, 3, DepartmentCap(1, DEPARTMENTS).keep_mask)

    assert positions.tolist() == [[0, 4, 6], [4, 0, 6]]
    assert scores.tolist() == [[0, -4, -5], [0, -1, -2]]
    assert searched == [([0, 1], 3), ([0], 6)]


def test_a_cap_on_the_first_k_items_alone_leaves_short_lists():
    positions, _ = search_in([[0, 1, 2, 3, 4, 6]], [])(np.array([0]), 3)

    assert capped(1, positions[0]) == [[0]]


def test_a_list_stays_short_only_if_the_search_has_no_more_items():
    searched = []

    positions, _ = over_fetch(search_in([[0, 1, 2, 3, 4, 5]], searched), 1, 3, DepartmentCap(1, DEPARTMENTS).keep_mask)

    assert positions.tolist() == [[0, 4, -1]]
    assert searched == [([0], 3), ([0], 6), ([0], 12)]


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.integers(1, 12))
def test_the_cap_equals_a_count_down_each_whole_list(seed, at_most, k):
    generator = np.random.default_rng(seed)
    departments = generator.integers(-1, 4, 15).astype(np.int32)
    lists = [generator.permutation(15)[: generator.integers(0, 16)].tolist() for _ in range(4)]
    cap = DepartmentCap(at_most, departments)

    positions, _ = over_fetch(search_in(lists, []), 4, k, cap.keep_mask)

    for own, found in zip(lists, positions.tolist(), strict=True):
        expected, counts = [], dict.fromkeys(range(4), 0)
        for item in own:
            department = int(departments[item])
            if department < 0 or counts[department] < at_most:
                expected.append(item)
                counts[department] = counts.get(department, 0) + 1
        assert found == expected[:k] + [-1] * (k - len(expected))
        absent = ItemLists.from_lists([np.setdiff1d(np.arange(15), own)])
        assert cap.max_lengths(1, absent, None).tolist() == [len(expected)]


def test_the_department_cap_is_a_cap():
    cap: Cap = DepartmentCap(3, DEPARTMENTS)

    assert cap.keep_mask(np.array([], np.int64), np.array([], np.int32)).shape == (0,)
    assert "3" in DepartmentCap(3, DEPARTMENTS).explanation


def test_caps_of_the_wrong_form_are_rejected():
    with pytest.raises(ValueError, match="at least 1 item per department, not 0"):
        DepartmentCap(0, DEPARTMENTS)
    with pytest.raises(ValueError, match="int64"):
        DepartmentCap(1, np.array([0, 1]))
    with pytest.raises(ValueError, match="from -2"):
        DepartmentCap(1, np.array([-2], np.int32))

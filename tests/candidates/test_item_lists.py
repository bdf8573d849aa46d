import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from candidates.item_lists import ItemLists, check_request, gather


def lists_of(*lists):
    return ItemLists.from_lists([np.array(own, np.int64) for own in lists])


def contents(lists):
    return [part.tolist() for part in np.split(lists.positions, lists.offsets[1:-1])]


def test_lists_are_sorted_and_repeated_items_count_once():
    lists = lists_of([7, 2, 7], [], [0])

    assert lists.offsets.tolist() == [0, 2, 2, 3]
    assert lists.positions.tolist() == [2, 7, 0]
    assert lists.lengths.tolist() == [2, 0, 1]
    assert lists.rows.tolist() == [0, 0, 2]
    assert len(lists) == 3


def test_pairs_may_be_in_any_order():
    lists = ItemLists.from_pairs(np.array([2, 0, 0, 2]), np.array([5, 9, 1, 5]), 4)

    assert contents(lists) == [[1, 9], [], [5], []]


def test_ordered_pairs_keep_their_order_within_a_list():
    lists = ItemLists.from_ordered_pairs(np.array([0, 0, 2]), np.array([9, 1, 5]), 4)

    assert contents(lists) == [[9, 1], [], [5], []]
    assert lists.positions.dtype == np.int32


def test_a_padded_matrix_becomes_lists_without_the_padding():
    lists = ItemLists.from_padded(np.array([[4, 1, -1], [-1, -1, -1]], np.int32))

    assert contents(lists) == [[1, 4], []]


def test_zero_users_have_zero_lists():
    assert len(lists_of()) == len(ItemLists.from_padded(np.zeros((0, 3), np.int32))) == 0


def test_a_slice_is_numbered_from_0():
    assert contents(lists_of([4], [1, 3], [2]).slice(1, 3)) == [[1, 3], [2]]


def test_lists_are_taken_in_the_order_given():
    assert contents(lists_of([4], [1, 3], [], [2]).take(np.array([3, 1, 2, 1]))) == [[2], [1, 3], [], [1, 3]]


def test_the_union_holds_the_items_of_both_lists_of_a_user():
    assert contents(lists_of([4], [1, 3], []).union(lists_of([2], [3], []))) == [[2, 4], [1, 3], []]


def test_the_union_needs_the_same_users():
    with pytest.raises(ValueError, match="union of 1 lists needs as many other ones, not 2"):
        lists_of([4]).union(lists_of([2], [3]))


def test_lists_can_be_sorted():
    lists = ItemLists.from_ordered_pairs(np.array([0, 0, 2, 2]), np.array([9, 1, 0, 5]), 3)

    assert not lists.ascending
    assert contents(lists.sort()) == [[1, 9], [], [0, 5]]
    assert lists.sort().ascending
    assert lists_of([7, 2], [0]).ascending  # the second list may begin below the end of the first


@given(st.integers(0, 2**32 - 1))
def test_set_operations_equal_those_of_plain_sets(seed):
    generator = np.random.default_rng(seed)
    one, other = (
        [generator.permutation(np.flatnonzero(generator.random(9) < generator.random())) for _ in range(4)]
        for _ in range(2)
    )
    taken = generator.integers(0, 4, 6)
    rows = np.repeat(np.arange(4), [len(own) for own in one])
    lists = ItemLists.from_ordered_pairs(rows, np.concatenate(one), 4)

    assert contents(lists.union(lists_of(*other))) == [sorted({*a, *b}) for a, b in zip(one, other, strict=True)]
    assert contents(lists.sort()) == [sorted(own) for own in one]
    assert contents(lists.take(taken)) == [one[row].tolist() for row in taken]
    assert lists.ascending == all((np.diff(own) > 0).all() for own in one)


@given(st.lists(st.lists(st.integers(0, 40), max_size=12), min_size=1, max_size=4))
def test_a_repeated_item_is_found_wherever_it_stands(lists):
    offsets, positions = np.cumsum([0, *map(len, lists)]), np.array([item for own in lists for item in own], np.int32)

    if any(len(set(own)) < len(own) for own in lists):
        with pytest.raises(ValueError, match="twice"):
            ItemLists(offsets.astype(np.int64), positions)
    else:
        assert contents(ItemLists(offsets.astype(np.int64), positions)) == lists


def test_a_pair_is_found_at_its_entry_whatever_the_order_within_a_list():
    lists = ItemLists.from_ordered_pairs(np.array([0, 0, 2, 2]), np.array([9, 1, 5, 0]), 3)

    rows, positions = np.array([[0, 0, 1], [2, 2, 2]]), np.array([[1, 9, 9], [0, 5, -1]])

    assert lists.find_pairs(rows, positions).tolist() == [[1, 0, -1], [3, 2, -1]]
    assert lists.contains_pairs(rows, positions).tolist() == [[True, True, False], [True, True, False]]


@given(st.integers(0, 2**32 - 1), st.booleans())
def test_pairs_are_found_as_in_plain_sets(seed, shuffled):
    generator = np.random.default_rng(seed)
    order = generator.permutation if shuffled else np.sort
    own = [order(np.flatnonzero(generator.random(7) < 0.4)) for _ in range(3)]
    rows = np.repeat(np.arange(3), [len(items) for items in own])
    lists = ItemLists.from_ordered_pairs(rows, np.concatenate(own), 3)
    users, items = np.meshgrid(np.arange(-1, 5), np.arange(-2, 9), indexing="ij")

    entries = lists.find_pairs(users.clip(min=0), items)

    entry_of = {(row, item): entry for entry, (row, item) in enumerate(zip(rows, lists.positions, strict=True))}
    expected = [entry_of.get(pair, -1) for pair in zip(users.clip(min=0).flat, items.flat, strict=True)]
    assert entries.ravel().tolist() == expected


def test_users_and_items_beyond_the_lists_are_not_found():
    lists = lists_of([3], [0])

    assert lists.find_pairs(np.array([0, 0, 2, 9]), np.array([4, 99, 3, 0])).tolist() == [-1, -1, -1, -1]


def test_an_item_is_looked_up_in_the_list_of_its_own_row():
    found = lists_of([1, 3], [2], []).contains(np.array([[3, 2, 1], [3, 2, 1], [3, 2, 1]], np.int32))

    assert found.tolist() == [[True, False, True], [False, True, False], [False, False, False]]


def test_padding_is_in_no_list():
    assert lists_of([3], [0]).contains(np.array([[-1], [-1]], np.int32)).tolist() == [[False], [False]]
    assert lists_of([]).contains(np.array([[0, -1]], np.int32)).tolist() == [[False, False]]


def test_gathered_values_are_0_where_nothing_was_found():
    values, entries = np.array([5, 7], np.float32), np.array([[1, -1], [0, 1]])

    assert gather(values, entries).tolist() == [[7, 0], [5, 7]]
    assert gather(np.stack([values, values + 1], axis=1), entries[0]).tolist() == [[7, 8], [0, 0]]
    assert gather(np.zeros(0, np.float32), np.array([-1])).tolist() == [0]


@pytest.mark.parametrize(
    ("offsets", "positions", "message"),
    [
        ([0, 2], [3, 3], "twice"),
        ([0, 3], [3, 1, 3], "twice"),
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


def test_wrong_dtypes_are_refused():
    with pytest.raises(ValueError, match="not int32 and int32"):
        ItemLists(np.array([0], np.int32), np.array([], np.int32))


@pytest.mark.parametrize(
    ("rows", "positions", "message"), [([2], [0], "0 to 1"), ([0], [-1], "at least 0"), ([0], [1, 2], "equally long")]
)
def test_pairs_outside_their_range_are_refused(rows, positions, message):
    with pytest.raises(ValueError, match=message):
        ItemLists.from_pairs(np.array(rows), np.array(positions), 2)
    with pytest.raises(ValueError, match=message):
        ItemLists.from_ordered_pairs(np.array(rows), np.array(positions), 2)


def test_ordered_pairs_must_be_in_order():
    with pytest.raises(ValueError, match="ascend"):
        ItemLists.from_ordered_pairs(np.array([1, 0]), np.array([1, 2]), 2)


def test_a_lookup_needs_one_row_per_list():
    with pytest.raises(ValueError, match=r"\(1, width\)"):
        lists_of([1]).contains(np.zeros((2, 1), np.int32))


def test_a_request_must_fit_the_users_and_the_items():
    check_request(1, 1, 4, lists_of([3]), np.ones(4, np.bool_))
    with pytest.raises(ValueError, match="at least 1, not 0"):
        check_request(1, 0, 4, None)
    with pytest.raises(ValueError, match="1 lists of positions below 4, not 0"):
        check_request(1, 1, 4, lists_of())
    with pytest.raises(ValueError, match="below 3, not 1 lists of positions up to 3"):
        check_request(1, 1, 3, lists_of([3]))
    with pytest.raises(ValueError, match=r"\(4,\) bool"):
        check_request(1, 1, 4, None, np.ones(3, np.bool_))
    with pytest.raises(ValueError, match="int64"):
        check_request(1, 1, 4, None, np.ones(4, np.int64))

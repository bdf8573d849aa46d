import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from candidates.filters.exclusions import Exclusions
from candidates.item_lists import ItemLists


def pairs(*lists):
    return ItemLists.from_lists([np.array(items, np.int64) for items in lists])


def test_a_candidate_is_kept_if_neither_the_item_nor_the_pair_is_excluded():
    exclusions = Exclusions(np.array([False, True, False]), pairs([2], [0, 1]))

    keep = exclusions.keep_mask(np.array([0, 0, 0, 1, 1, 1]), np.array([0, 1, 2, 0, 1, 2]))

    assert keep.tolist() == [True, False, False, False, False, True]
    assert keep.dtype == np.bool_


def test_candidates_may_come_in_any_order_and_repeat():
    exclusions = Exclusions(pairs=pairs([2], [0]))

    assert exclusions.keep_mask(np.array([1, 0, 1, 0]), np.array([0, 2, 2, 2])).tolist() == [False, False, True, False]


def test_a_pair_that_is_excluded_twice_counts_once():
    items = np.array([False, True, False])

    assert Exclusions(items, pairs([1, 2], [0, 1])).count(2) == 2 + 2
    assert Exclusions(items).count(5) == 5
    assert Exclusions(pairs=pairs([2], [0, 1])).count(2) == 3
    assert Exclusions().count(2) == 0


def test_empty_exclusions_keep_everything():
    assert Exclusions().keep_mask(np.array([0, 5]), np.array([7, 1])).tolist() == [True, True]
    assert Exclusions().eligible is None


def test_eligible_items_are_those_that_are_not_excluded():
    assert Exclusions(np.array([False, True])).eligible.tolist() == [True, False]


@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize(
    ("one", "other", "items", "lists"),
    [
        (Exclusions(), Exclusions(), None, None),
        (Exclusions(np.array([True, False])), Exclusions(), [True, False], None),
        (Exclusions(np.array([True, False])), Exclusions(np.array([False, False])), [True, False], None),
        (Exclusions(np.array([True, False])), Exclusions(pairs=pairs([1])), [True, False], [1]),
        (Exclusions(pairs=pairs([0])), Exclusions(pairs=pairs([1])), None, [0, 1]),
    ],
)
def test_the_union_excludes_what_either_excludes(one, other, items, lists, swapped):
    both = other.union(one) if swapped else one.union(other)

    assert (None if both.items is None else both.items.tolist()) == items
    assert (None if both.pairs is None else both.pairs.positions.tolist()) == lists


def test_any_number_of_exclusions_can_be_combined():
    parts = [Exclusions(np.array([True, False])), Exclusions(pairs=pairs([1])), Exclusions(np.array([False, True]))]

    both = Exclusions.combine(parts)

    assert (both.items.tolist(), both.pairs.positions.tolist()) == ([True, True], [1])
    assert Exclusions.combine([]).count(2) == 0


@given(st.integers(0, 2**32 - 1))
def test_the_union_keeps_a_candidate_that_both_keep(seed):
    generator = np.random.default_rng(seed)
    rows, positions = np.divmod(generator.permutation(4 * 9), 9)

    def draw():
        items = generator.random(9) < 0.3 if generator.random() < 0.7 else None
        lists = [np.flatnonzero(generator.random(9) < 0.3) for _ in range(4)]
        return Exclusions(items, ItemLists.from_lists(lists) if generator.random() < 0.7 else None)

    one, other = draw(), draw()

    both = one.keep_mask(rows, positions) & other.keep_mask(rows, positions)
    assert one.union(other).keep_mask(rows, positions).tolist() == both.tolist()


def test_exclusions_of_the_wrong_form_are_rejected():
    with pytest.raises(ValueError, match=r"\(items,\) bool, not \(2,\) int64"):
        Exclusions(np.array([0, 1]))
    with pytest.raises(ValueError, match="below 2, not 2"):
        Exclusions(np.array([False, True]), pairs([2]))

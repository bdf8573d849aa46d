import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from candidates.filters.exclusions import Exclusions
from candidates.item_lists import ItemLists


def pairs(*lists):
    return ItemLists.from_lists([np.array(items, np.int64) for items in lists])


def test_a_candidate_may_stay_if_neither_everybody_nor_its_user_is_barred_from_it():
    exclusions = Exclusions(np.array([False, True, False]), pairs([2], [0, 1]))

    stays = exclusions.mask(np.array([0, 0, 0, 1, 1, 1]), np.array([0, 1, 2, 0, 1, 2]))

    assert stays.tolist() == [True, False, False, False, False, True]
    assert stays.dtype == np.bool_


def test_candidates_may_come_in_any_order_and_twice():
    exclusions = Exclusions(pairs=pairs([2], [0]))

    assert exclusions.mask(np.array([1, 0, 1, 0]), np.array([0, 2, 2, 2])).tolist() == [False, False, True, False]


def test_barred_pairs_are_counted_once_whatever_bars_them():
    for_all = np.array([False, True, False])

    assert Exclusions(for_all, pairs([1, 2], [0, 1])).count(2) == 2 + 2
    assert Exclusions(for_all).count(5) == 5
    assert Exclusions(pairs=pairs([2], [0, 1])).count(2) == 3
    assert Exclusions().count(2) == 0


def test_what_bars_nothing_lets_everything_stay():
    assert Exclusions().mask(np.array([0, 5]), np.array([7, 1])).tolist() == [True, True]
    assert Exclusions().eligible is None


def test_retrieval_takes_the_same_the_other_way_round():
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
def test_two_together_bar_what_either_bars(one, other, items, lists, swapped):
    both = other.united(one) if swapped else one.united(other)

    assert (None if both.items is None else both.items.tolist()) == items
    assert (None if both.pairs is None else both.pairs.positions.tolist()) == lists


@given(st.integers(0, 2**32 - 1))
def test_a_candidate_stays_in_the_union_if_it_stays_in_both(seed):
    generator = np.random.default_rng(seed)
    rows, positions = np.divmod(generator.permutation(4 * 9), 9)

    def some():
        items = generator.random(9) < 0.3 if generator.random() < 0.7 else None
        lists = [np.flatnonzero(generator.random(9) < 0.3) for _ in range(4)]
        return Exclusions(items, ItemLists.from_lists(lists) if generator.random() < 0.7 else None)

    one, other = some(), some()

    both = one.mask(rows, positions) & other.mask(rows, positions)
    assert one.united(other).mask(rows, positions).tolist() == both.tolist()


def test_barred_items_of_the_wrong_form_are_refused():
    with pytest.raises(ValueError, match=r"\(items,\) bool, not \(2,\) int64"):
        Exclusions(np.array([0, 1]))
    with pytest.raises(ValueError, match="below 2, not 2"):
        Exclusions(np.array([False, True]), pairs([2]))

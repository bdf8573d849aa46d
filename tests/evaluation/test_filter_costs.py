"""The cost of filters, on six items and three users with the primary cutoff 3."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from candidates.filters.department_cap import DepartmentCap
from candidates.filters.exclusions import Exclusions
from candidates.item_lists import ItemLists
from candidates.purchase_codes import PurchaseCodes
from evaluation.filter_costs import ALL_FILTERS, FilterCosts, measure_filter_cost
from evaluation.metrics import CandidateLists
from evaluation.scoreboard import Scoreboard
from evaluation.validation_window import ValidationWindow

BOUGHT = ([0, 1], [0], [5])
# The first user buys 3 for the first time, the second 1, the third no new item.
RELEVANT = ([0, 1, 3], [1], [5])
ALL_ITEMS = [[0, 1, 2, 3], [0, 1, 2, 3], [5, 0, 1, 2]]
NEW_ITEMS = [[2, 3, 4, 5], [1, 2, 3, 4], [0, 1, 2, 3]]


def item_lists(lists):
    return ItemLists.from_lists([np.array(own, np.int64) for own in lists])


def scoreboard_of(bought, relevant, items=6):
    bought, users = item_lists(bought), len(bought)
    stamps = np.full(len(bought.positions), np.datetime64("2020-01-01", "us"))
    past = PurchaseCodes(bought.rows.astype(np.int32), bought.positions, stamps)
    window = ValidationWindow(
        np.array([f"item{item:02}" for item in range(items)]), users, past, bought, item_lists(relevant),
        np.datetime64("2020-01-08", "us"),
    )  # fmt: skip
    return Scoreboard.of(window, past, np.arange(users, dtype=np.int32), seed=0)


def lists(all_items, new_items=NEW_ITEMS):
    return CandidateLists("lists", np.array(all_items, np.int32), np.array(new_items, np.int32))


def excluding(*lists):
    """The mask of a filter that excludes these items, a list for each user."""
    return Exclusions(pairs=item_lists(lists)).keep_mask


@pytest.fixture
def scoreboard():
    return scoreboard_of(BOUGHT, RELEVANT)


def measure(scoreboard, filtered, keep_mask, unfiltered=None):
    return measure_filter_cost(
        "cool_down", "28 days", active=True, unfiltered=unfiltered or lists(ALL_ITEMS), filtered=filtered,
        keep_mask=keep_mask, scoreboard=scoreboard,
    )  # fmt: skip


def test_the_cost_of_a_filter(scoreboard):
    filtered = lists([[2, 3, 4, 5], [1, 2, 3, 4], [5, 0, 1, 2]])

    cost = measure(scoreboard, filtered, excluding([0, 1], [0], []))

    assert (cost["name"], cost["setting"], cost["active"]) == ("cool_down", "28 days", True)
    assert cost["dropped"] == pytest.approx((2 / 3 + 1 / 3 + 0) / 3)
    assert cost["affected_users"] == pytest.approx(2 / 3)
    assert cost["short_lists"] == 0
    # Recall falls from 2/3 to 1/3 for the first user and stays 1 for the others: from 8/9 to 7/9.
    assert cost["all"]["difference"][0] == pytest.approx(-1 / 9)
    assert cost["all"]["ratio"][0] == pytest.approx(7 / 8)
    mean, low, high = cost["all"]["difference"]
    assert low <= mean <= high <= 0


def test_new_items_are_measured_on_the_lists_of_new_items(scoreboard):
    # Without 3, the list of the first user has no relevant item; that of the second still has 1. The third has none.
    filtered = lists(ALL_ITEMS, [[2, 4, 5, -1], [1, 2, 4, 5], [0, 1, 2, 4]])

    cost = measure(scoreboard, filtered, excluding([3], [3], [3]))

    # A resample of the two users may contain either of them twice.
    assert cost["new"] == {"difference": [-1 / 2, -1, 0], "ratio": [1 / 2, 0, 1]}
    assert cost["all"] == {"difference": [0, 0, 0], "ratio": [1, 1, 1]}


def test_a_filter_that_excludes_nothing_costs_nothing(scoreboard):
    cost = measure(scoreboard, lists(ALL_ITEMS), excluding([], [], []))

    assert (cost["dropped"], cost["affected_users"], cost["short_lists"]) == (0, 0, 0)
    assert cost["all"] == cost["new"] == {"difference": [0, 0, 0], "ratio": [1, 1, 1]}


def test_without_purchases_of_new_items_there_is_no_cost_on_them():
    scoreboard = scoreboard_of(BOUGHT, BOUGHT)

    assert measure(scoreboard, lists(ALL_ITEMS), excluding([], [], []))["new"] is None


def test_users_with_fewer_than_k_candidates_have_short_lists(scoreboard):
    filtered = lists([[3, 4, -1, -1], [3, 4, 5, -1], [5, 0, 1, 2]])

    cost = measure(scoreboard, filtered, excluding([0, 1, 2, 5], [0, 1, 2], []))

    assert cost["short_lists"] == pytest.approx(1 / 3)
    assert cost["affected_users"] == pytest.approx(2 / 3)
    assert cost["dropped"] == pytest.approx((1 + 1 + 0) / 3)


def test_items_below_the_first_k_are_not_dropped(scoreboard):
    cost = measure(scoreboard, lists([[0, 1, 2, 4], *ALL_ITEMS[1:]]), excluding([3], [3], []))

    assert (cost["dropped"], cost["affected_users"]) == (0, 0)


def test_a_candidate_that_loses_its_position_to_another_is_not_dropped(scoreboard):
    # Only 0 is excluded for the first user; 2 has left the list because blended scores changed.
    cost = measure(scoreboard, lists([[1, 3, 4, 5], *ALL_ITEMS[1:]]), excluding([0], [], []))

    assert cost["dropped"] == pytest.approx((1 / 3 + 0 + 0) / 3)


def test_nothing_is_dropped_from_an_empty_list(scoreboard):
    empty = lists([[-1] * 4, *ALL_ITEMS[1:]])

    cost = measure(scoreboard, empty, excluding([0, 1], [0], []), unfiltered=empty)

    assert cost["dropped"] == pytest.approx((0 + 1 / 3 + 0) / 3)
    assert cost["short_lists"] == pytest.approx(1 / 3)


def test_a_cap_drops_candidates_by_the_items_above_them(scoreboard):
    cap = DepartmentCap(1, np.array([0, 0, 1, 1, 2, 3], np.int32))

    cost = measure(scoreboard, lists([[0, 2, 4, 5], [0, 2, 4, 5], [5, 0, 2, 4]]), cap.keep_mask)

    # 1 is dropped from 0, 1, 2 of two users, and from 5, 0, 1.
    assert cost["dropped"] == pytest.approx(1 / 3)
    assert cost["affected_users"] == 1


def first_kept(order, keep_mask, width):
    """Lists of one fixed order of all items, filtered before the top k are taken."""
    filtered = np.full((len(order), width), -1, np.int32)
    for row, own in enumerate(order):
        kept = own[keep_mask(np.full(len(own), row), own)][:width]
        filtered[row, : len(kept)] = kept
    return filtered


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_in_a_fixed_order_the_dropped_candidates_are_those_that_leave_the_list(seed):
    generator = np.random.default_rng(seed)
    order = generator.permuted(np.tile(np.arange(12, dtype=np.int32), (4, 1)), axis=1)
    own = [np.flatnonzero(generator.random(12) < generator.choice([0, 0.3, 0.9])) for _ in range(4)]
    cap = DepartmentCap(int(generator.integers(1, 4)), generator.integers(-1, 3, 12).astype(np.int32))
    scoreboard = scoreboard_of([[0]] * 4, [[1]] * 4, items=12)
    unfiltered = order[:, :6]

    for keep_mask in (Exclusions(generator.random(12) < 0.3, item_lists(own)).keep_mask, cap.keep_mask):
        filtered = first_kept(order, keep_mask, 6)
        cost = measure(scoreboard, lists(filtered, filtered), keep_mask, lists(unfiltered, unfiltered))

        gone = [len(set(before) - set(after)) for before, after in zip(unfiltered, filtered, strict=True)]
        assert cost["dropped"] == pytest.approx(np.mean(gone) / 6)
        assert cost["affected_users"] == np.mean(np.array(gone) > 0)


def test_lists_that_are_too_narrow_or_of_other_users_are_refused(scoreboard):
    narrow = lists([own[:2] for own in ALL_ITEMS], [own[:2] for own in NEW_ITEMS])

    with pytest.raises(ValueError, match=r"3 users and at least 3 wide, not \(3, 2\)"):
        measure(scoreboard, narrow, excluding([], [], []))
    with pytest.raises(ValueError, match=r"not \(2, 4\)"):
        measure(scoreboard, lists(ALL_ITEMS), excluding([], [], []), unfiltered=lists(ALL_ITEMS[:2], NEW_ITEMS[:2]))


def cost_of(name, setting="", dropped=0.0, change=None, *, active=True):
    compared = None if change is None else {"difference": [change, change, change], "ratio": None}
    return {"name": name, "setting": setting, "active": active, "dropped": dropped, "all": compared, "new": None}


def test_costs_of_several_windows_are_grouped_by_filter_with_active_filters_first():
    windows = [
        {"cut_date": "2017-11-28", "filter_costs": [
            cost_of("cool_down", "7 days", 0.1, -0.01, active=False), cost_of("for_sale", "", 0.2, -0.02),
            cost_of("cool_down", "28 days", 0.3, -0.03, active=False), cost_of(ALL_FILTERS, "", 0.4, -0.04),
        ]},
        {"cut_date": "2017-12-05"},
        {"cut_date": "2017-12-12", "filter_costs": [cost_of("for_sale", "", 0.5, -0.05)]},
    ]  # fmt: skip

    found = FilterCosts.from_windows(windows)

    assert [(each.name, each.setting, each.active) for each in found] == [
        ("all active filters", "", True), ("for_sale", "", True), ("cool_down", "7 days", False),
        ("cool_down", "28 days", False),
    ]  # fmt: skip
    assert found[1].dropped == [0.2, 0.5]
    assert found[1].changes("all") == [-0.02, -0.05]
    assert found[1].changes("new") == []
    assert [cut_date for cut_date, _ in found[1].comparisons("all")] == ["2017-11-28", "2017-12-12"]


def test_windows_without_filter_costs_are_allowed():
    assert FilterCosts.from_windows([{"cut_date": "2017-11-28"}]) == []

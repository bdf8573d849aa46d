"""What filters cost, on six items and three users, whose lists are judged at k = 3."""

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
# The first buys 3 for the first time, the second 1, the third nothing new.
LATER = ([0, 1, 3], [1], [5])
EVERY = [[0, 1, 2, 3], [0, 1, 2, 3], [5, 0, 1, 2]]
FRESH = [[2, 3, 4, 5], [1, 2, 3, 4], [0, 1, 2, 3]]


def item_lists(lists):
    return ItemLists.from_lists([np.array(own, np.int64) for own in lists])


def judge_of(bought, later, items=6):
    bought, users = item_lists(bought), len(bought)
    stamps = np.full(len(bought.positions), np.datetime64("2020-01-01", "us"))
    past = PurchaseCodes(bought.rows.astype(np.int32), bought.positions, stamps)
    week = ValidationWindow(
        np.array([f"item{item:02}" for item in range(items)]), users, past, bought, item_lists(later),
        np.datetime64("2020-01-08", "us"),
    )  # fmt: skip
    return Scoreboard.of(week, past, np.arange(users, dtype=np.int32), seed=0)


def lists(every, fresh=FRESH):
    return CandidateLists("lists", np.array(every, np.int32), np.array(fresh, np.int32))


def exclusions_for(*lists):
    return Exclusions(pairs=item_lists(lists)).keep_mask


@pytest.fixture
def judge():
    return judge_of(BOUGHT, LATER)


def priced(judge, filtered, allowed, without=None):
    return measure_filter_cost(
        "cool_down", "28 days", in_force=True, without=without or lists(EVERY), filtered=filtered, allowed=allowed,
        judge=judge,
    )  # fmt: skip


def test_a_filter_is_priced_by_hand(judge):
    filtered = lists([[2, 3, 4, 5], [1, 2, 3, 4], [5, 0, 1, 2]])

    price = priced(judge, filtered, exclusions_for([0, 1], [0], []))

    assert (price["name"], price["setting"], price["active"]) == ("cool_down", "28 days", True)
    assert price["dropped"] == pytest.approx((2 / 3 + 1 / 3 + 0) / 3)
    assert price["affected_users"] == pytest.approx(2 / 3)
    assert price["short_lists"] == 0
    # Recall falls from 2/3 to 1/3 for the first user and stays 1 for the others: from 8/9 to 7/9.
    assert price["all"]["difference"][0] == pytest.approx(-1 / 9)
    assert price["all"]["ratio"][0] == pytest.approx(7 / 8)
    mean, low, high = price["all"]["difference"]
    assert low <= mean <= high <= 0


def test_new_items_are_judged_by_the_lists_of_what_is_new_to_the_user(judge):
    # Without 3 the first user finds nothing new any more; the second still finds 1. The third bought nothing new.
    filtered = lists(EVERY, [[2, 4, 5, -1], [1, 2, 4, 5], [0, 1, 2, 4]])

    price = priced(judge, filtered, exclusions_for([3], [3], [3]))

    # A resample of the two may hold either of them twice.
    assert price["new"] == {"difference": [-1 / 2, -1, 0], "ratio": [1 / 2, 0, 1]}
    assert price["all"] == {"difference": [0, 0, 0], "ratio": [1, 1, 1]}


def test_a_filter_that_bars_nothing_costs_nothing_for_sure(judge):
    price = priced(judge, lists(EVERY), exclusions_for([], [], []))

    assert (price["dropped"], price["affected_users"], price["short_lists"]) == (0, 0, 0)
    assert price["all"] == price["new"] == {"difference": [0, 0, 0], "ratio": [1, 1, 1]}


def test_where_nobody_bought_anything_new_there_is_no_price_on_it():
    judge = judge_of(BOUGHT, BOUGHT)

    assert priced(judge, lists(EVERY), exclusions_for([], [], []))["new"] is None


def test_a_user_with_fewer_than_k_candidates_is_short(judge):
    filtered = lists([[3, 4, -1, -1], [3, 4, 5, -1], [5, 0, 1, 2]])

    price = priced(judge, filtered, exclusions_for([0, 1, 2, 5], [0, 1, 2], []))

    assert price["short_lists"] == pytest.approx(1 / 3)
    assert price["affected_users"] == pytest.approx(2 / 3)
    assert price["dropped"] == pytest.approx((1 + 1 + 0) / 3)


def test_what_is_barred_below_the_first_k_is_not_lost(judge):
    price = priced(judge, lists([[0, 1, 2, 4], *EVERY[1:]]), exclusions_for([3], [3], []))

    assert (price["dropped"], price["affected_users"]) == (0, 0)


def test_a_candidate_that_makes_way_for_another_is_not_dropped(judge):
    # Nothing but 0 is barred for the first user; that 2 has left his list as well is the work of the fusion.
    price = priced(judge, lists([[1, 3, 4, 5], *EVERY[1:]]), exclusions_for([0], [], []))

    assert price["dropped"] == pytest.approx((1 / 3 + 0 + 0) / 3)


def test_of_an_empty_list_nothing_is_lost(judge):
    empty = lists([[-1] * 4, *EVERY[1:]])

    price = priced(judge, empty, exclusions_for([0, 1], [0], []), without=empty)

    assert price["dropped"] == pytest.approx((0 + 1 / 3 + 0) / 3)
    assert price["short_lists"] == pytest.approx(1 / 3)


def test_a_cap_is_priced_by_what_stands_above_a_candidate(judge):
    cap = DepartmentCap(1, np.array([0, 0, 1, 1, 2, 3], np.int32))

    price = priced(judge, lists([[0, 2, 4, 5], [0, 2, 4, 5], [5, 0, 2, 4]]), cap.keep_mask)

    # Of 0, 1, 2 the 1 is out, twice; of 5, 0, 1 it is out, too.
    assert price["dropped"] == pytest.approx(1 / 3)
    assert price["affected_users"] == 1


def first_allowed(order, allowed, width):
    """Lists of one fixed order of all items, filtered before the cut."""
    filtered = np.full((len(order), width), -1, np.int32)
    for row, own in enumerate(order):
        kept = own[allowed(np.full(len(own), row), own)][:width]
        filtered[row, : len(kept)] = kept
    return filtered


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_where_the_order_is_fixed_what_a_mask_or_a_cap_drops_is_what_has_left_the_list(seed):
    generator = np.random.default_rng(seed)
    order = generator.permuted(np.tile(np.arange(12, dtype=np.int32), (4, 1)), axis=1)
    own = [np.flatnonzero(generator.random(12) < generator.choice([0, 0.3, 0.9])) for _ in range(4)]
    cap = DepartmentCap(int(generator.integers(1, 4)), generator.integers(-1, 3, 12).astype(np.int32))
    judge = judge_of([[0]] * 4, [[1]] * 4, items=12)
    without = order[:, :6]

    for allowed in (Exclusions(generator.random(12) < 0.3, item_lists(own)).keep_mask, cap.keep_mask):
        filtered = first_allowed(order, allowed, 6)
        price = priced(judge, lists(filtered, filtered), allowed, lists(without, without))

        gone = [len(set(before) - set(after)) for before, after in zip(without, filtered, strict=True)]
        assert price["dropped"] == pytest.approx(np.mean(gone) / 6)
        assert price["affected_users"] == np.mean(np.array(gone) > 0)


def test_lists_that_are_too_narrow_or_of_other_users_are_refused(judge):
    narrow = lists([own[:2] for own in EVERY], [own[:2] for own in FRESH])

    with pytest.raises(ValueError, match=r"3 users and at least 3 wide, not \(3, 2\)"):
        priced(judge, narrow, exclusions_for([], [], []))
    with pytest.raises(ValueError, match=r"not \(2, 4\)"):
        priced(judge, lists(EVERY), exclusions_for([], [], []), without=lists(EVERY[:2], FRESH[:2]))


def price(name, setting="", dropped=0.0, change=None, *, in_force=True):
    compared = None if change is None else {"difference": [change, change, change], "ratio": None}
    return {"name": name, "setting": setting, "active": in_force, "dropped": dropped, "all": compared, "new": None}


def test_what_was_priced_at_several_cuts_is_told_together_the_set_first_and_what_is_not_in_force_last():
    cuts = [
        {"cut_date": "2017-11-28", "filter_costs": [
            price("cool_down", "7 days", 0.1, -0.01, in_force=False), price("for_sale", "", 0.2, -0.02),
            price("cool_down", "28 days", 0.3, -0.03, in_force=False), price(ALL_FILTERS, "", 0.4, -0.04),
        ]},
        {"cut_date": "2017-12-05"},
        {"cut_date": "2017-12-12", "filter_costs": [price("for_sale", "", 0.5, -0.05)]},
    ]  # fmt: skip

    found = FilterCosts.of(cuts)

    assert [(each.name, each.setting, each.in_force) for each in found] == [
        ("all in force", "", True), ("for_sale", "", True), ("cool_down", "7 days", False),
        ("cool_down", "28 days", False),
    ]  # fmt: skip
    assert found[1].dropped == [0.2, 0.5]
    assert found[1].changes("all") == [-0.02, -0.05]
    assert found[1].changes("new") == []
    assert [cut for cut, _ in found[1].comparisons("all")] == ["2017-11-28", "2017-12-12"]


def test_an_older_evaluation_priced_nothing():
    assert FilterCosts.of([{"cut_date": "2017-11-28"}]) == []

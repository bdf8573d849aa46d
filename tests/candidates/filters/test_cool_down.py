import numpy as np
import pytest

from candidates.filters.cool_down import CoolDown


def test_an_item_is_barred_until_the_days_since_the_user_bought_it_have_passed(users_of, item_context_of):
    # The last purchase was 7 days ago: the three items were bought 7, 27 and 28 days before the request.
    users = users_of({"bought": [(2, 0), (0, 20), (1, 21)], "days": 7})

    exclusions = CoolDown(28).exclude(users, item_context_of({}, {}, {}))

    assert exclusions.items is None
    assert exclusions.pairs.positions.tolist() == [0, 2]


def test_a_category_may_have_days_of_its_own(users_of, item_context_of):
    item_context = item_context_of(
        {"category": "Grocery"}, {"category": "Coats"}, {"category": "Shoes"}, {"category": "Grocery"}
    )
    bought = [(0, 0), (1, 0), (2, 0), (3, 4)]

    exclusions = CoolDown(28, {"Grocery": 5, "Coats": 365}).exclude(
        users_of({"bought": bought, "days": 2}, {"bought": bought, "days": 40}), item_context
    )

    # The first bought groceries 2 and 6 days ago, a coat and shoes 2 days ago; the second everything 40 days ago.
    assert exclusions.pairs.offsets.tolist() == [0, 3, 4]
    assert exclusions.pairs.positions.tolist() == [0, 1, 2, 1]


def test_it_is_each_users_own_purchase_that_counts(users_of, item_context_of):
    users = users_of({"bought": [(0, 0)], "days": 1}, {"bought": [(1, 0)], "days": 1}, {}, {"bought": [], "days": 1})

    stays = CoolDown(2).exclude(users, item_context_of({}, {})).mask(np.repeat(np.arange(4), 2), np.tile([0, 1], 4))

    assert stays.tolist() == [False, True, True, False, True, True, True, True]


def test_no_days_bar_nothing_not_even_what_was_bought_today(users_of, item_context_of):
    exclusions = CoolDown(0).exclude(users_of({"bought": [(0, 0)], "days": 0}), item_context_of({}))

    assert exclusions.pairs.positions.tolist() == []


def test_the_noise_twin_that_forgets_how_long_ago_the_last_purchase_was_bars_too_much(users_of, item_context_of):
    told, twin = users_of({"bought": [(0, 0)], "days": 30}), users_of({"bought": [(0, 0)], "days": 0})

    assert [CoolDown(28).exclude(users, item_context_of({})).pairs.positions.tolist() for users in (told, twin)] == [
        [],
        [0],
    ]


def test_its_reason_names_the_days():
    assert CoolDown(28).reason == "The user has bought it less than 28 days ago."
    assert CoolDown(28, {"Grocery": 5}).reason == (
        "The user has bought it less than 28 days ago, or less than the days of its category."
    )


@pytest.mark.parametrize(("days", "others"), [(-1, {}), (np.nan, {}), (np.inf, {}), (1, {"Grocery": -1})])
def test_days_that_are_none_are_refused(days, others):
    with pytest.raises(ValueError, match="finite and at least 0"):
        CoolDown(days, others)

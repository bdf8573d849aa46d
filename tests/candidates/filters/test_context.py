from dataclasses import replace

import numpy as np
import pytest

from candidates.filters.channels import Channels


def test_a_purchase_is_as_old_as_the_last_one_and_the_days_before_it(users_of):
    users = users_of({"bought": [(4, 0), (1, 30)], "days": 5}, {}, {"bought": [(0, 0)], "days": 2})

    assert users.days_since_bought.tolist() == [5, 35, 2]
    assert len(users) == 3


def test_the_last_purchase_may_be_of_an_item_that_is_gone(users_of):
    assert users_of({"bought": [], "days": 3}).days_since_bought.tolist() == []


def test_categories_are_numbered_in_the_order_of_their_names(item_context_of):
    item_context = item_context_of({"category": "Shoes"}, {"category": "Grocery"}, {}, {"category": "Shoes"})

    assert item_context.category_names.tolist() == ["", "Grocery", "Shoes"]
    assert item_context.category_codes.tolist() == [2, 1, 0, 2]
    assert len(item_context) == 4


def test_ids_are_looked_up(item_context_of):
    places, known = item_context_of({}, {}, {}).holds(np.array(["c", "aa", "a", "zz"]))

    assert known.tolist() == [True, False, True, False]
    assert places[known].tolist() == [2, 0]


def test_users_of_the_wrong_form_are_refused(users_of):
    users = users_of({"bought": [(0, 0)], "age": 30}, {})

    with pytest.raises(ValueError, match=r"Ages must be \(2,\) float32, not \(1,\) float32"):
        replace(users, ages=np.zeros(1, np.float32))
    with pytest.raises(ValueError, match=r"must be \(2,\) float32, not \(2,\) float64"):
        replace(users, days_since_last=np.zeros(2))
    with pytest.raises(ValueError, match="at least 0, or NaN"):
        replace(users, ages=np.float32([-1, 2]))
    with pytest.raises(ValueError, match="need the days since their last purchase"):
        replace(users, days_since_last=np.float32([np.nan, np.nan]))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"item_ids": np.array(["b", "a"])}, "ascending"),
        ({"item_ids": np.array(["a"])}, r"\(1,\)"),
        ({"item_ids": np.array([1, 2])}, r"Item ids must be \(2,\) str, not \(2,\) int64"),
        ({"item_ids": np.array([], np.str_)}, "at least one item"),
        ({"departments": np.array([0, -2], np.int32)}, "codes from 0"),
        ({"for_sale": np.array([0, 1])}, "bool"),
        ({"channels": Channels(np.ones(3, np.bool_), {})}, "2 items, not of 3"),
        ({"minimum_ages": np.float32([0, np.nan])}, "finite"),
        ({"unsold_days": np.float32([0, np.nan])}, "inf for what never sold"),
    ],
)
def test_goods_of_the_wrong_form_are_refused(item_context_of, changed, message):
    with pytest.raises(ValueError, match=message):
        replace(item_context_of({}, {}), **changed)

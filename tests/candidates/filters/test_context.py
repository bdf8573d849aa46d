from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from candidates.filters.context import Channels
from candidates.text_codes import TextCodes


def test_days_since_a_purchase_add_up_from_the_users_last_purchase(make_users):
    users = make_users({"bought": [(4, 0), (1, 30)], "days": 5}, {}, {"bought": [(0, 0)], "days": 2})

    assert users.days_since_purchase.tolist() == [5, 35, 2]
    assert len(users) == 3


def test_the_last_purchase_may_be_of_an_item_outside_the_catalogue(make_users):
    assert make_users({"bought": [], "days": 3}).days_since_purchase.tolist() == []


def test_category_codes_follow_the_order_of_the_names(make_items):
    items = make_items({"category": "Shoes"}, {"category": "Grocery"}, {}, {"category": "Shoes"})

    assert items.category_names.tolist() == ["", "Grocery", "Shoes"]
    assert items.category_codes.tolist() == [2, 1, 0, 2]
    assert len(items) == 4


def test_items_with_a_minimum_age_are_grouped_by_it(make_items):
    limits, limited = make_items(*({"minimum_age": age} for age in (18, 0, 16, 18))).age_limited

    assert limits.tolist() == [16, 18]
    assert (limited.offsets.tolist(), limited.positions.tolist()) == ([0, 1, 3], [2, 0, 3])


def test_users_of_the_wrong_form_are_rejected(make_users):
    users = make_users({"bought": [(0, 0)], "age": 30}, {})

    with pytest.raises(ValueError, match=r"Ages must be \(2,\) float32, not \(1,\) float32"):
        replace(users, ages=np.zeros(1, np.float32))
    with pytest.raises(ValueError, match=r"\(2,\) float32, not \(2,\) float64"):
        replace(users, days_since_last_purchase=np.zeros(2))
    with pytest.raises(ValueError, match="at least 0, or NaN"):
        replace(users, ages=np.float32([-1, 2]))
    with pytest.raises(ValueError, match="some are NaN"):
        replace(users, days_since_last_purchase=np.float32([np.nan, np.nan]))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"item_codes": TextCodes.from_texts(pa.array(["a"]))}, r"\(1,\)"),
        ({"item_codes": TextCodes.from_texts(pa.array([], pa.string()))}, "at least one item"),
        ({"categories": pa.array(["Shoes"])}, r"\(2,\) string"),
        ({"categories": pa.array(["Shoes", None])}, "without nulls"),
        ({"departments": np.array([0, -2], np.int32)}, "codes from 0"),
        ({"for_sale": np.array([0, 1])}, "bool"),
        ({"channels": Channels(np.ones(3, np.bool_), {})}, "2 items, not of 3"),
        ({"minimum_ages": np.float32([0, np.nan])}, "finite"),
        ({"days_since_last_sale": np.float32([0, np.nan])}, "inf"),
    ],
)
def test_items_of_the_wrong_form_are_rejected(make_items, changes, message):
    with pytest.raises(ValueError, match=message):
        replace(make_items({}, {}), **changes)


def test_an_item_is_sold_in_its_channels_and_without_channels_in_all():
    channels = Channels.from_lists(pa.array([["1"], ["1", "2"], None, [], ["2"]], pa.list_(pa.string())))

    assert channels.eligible("1").tolist() == [True, True, True, True, False]
    assert channels.eligible("2").tolist() == [False, True, True, True, True]
    assert sorted(channels.by_channel) == ["1", "2"]
    assert len(channels) == 5


def test_in_an_unknown_channel_only_unrestricted_items_are_sold():
    assert Channels.from_lists(pa.array([["1"], None])).eligible("3").tolist() == [False, True]


def test_without_any_channels_all_items_are_sold_everywhere():
    assert Channels.from_lists(pa.array([None, None], pa.list_(pa.string()))).eligible("1").tolist() == [True, True]


def test_channel_lists_may_be_chunked_slices_with_repeated_channels():
    lists = pa.chunked_array([pa.array([["9"], ["1", "1"]]).slice(1), pa.array([["2"], None], pa.list_(pa.string()))])

    channels = Channels.from_lists(lists)

    assert channels.unrestricted.tolist() == [False, False, True]
    assert {name: items.tolist() for name, items in channels.by_channel.items()} == {
        "1": [True, False, False],
        "2": [False, True, False],
    }


def test_channels_of_the_wrong_form_are_rejected():
    with pytest.raises(ValueError, match=r"\(2,\) bool each, not \(1,\) bool"):
        Channels(np.array([False, False]), {"1": np.array([True])})
    with pytest.raises(ValueError, match="bool each, not"):
        Channels(np.array([0, 1]), {})
    with pytest.raises(ValueError, match="unrestricted"):
        Channels(np.array([True]), {"1": np.array([True])})

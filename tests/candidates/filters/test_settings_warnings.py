from dataclasses import replace

import pyarrow as pa
import pytest

from candidates.filters.settings import FilterSettings
from candidates.filters.settings_warnings import find_settings_without_effect
from candidates.text_codes import TextCodes


@pytest.fixture
def items(make_items):
    return make_items({"category": "Shoes", "channels": ["1"]}, {"category": "Under-, Nightwear"}, {"channels": ["2"]})


def test_names_of_the_catalogue_give_no_warning(items):
    settings = FilterSettings(
        blocked_items=("a", "c"),
        blocked_categories=("Shoes",),
        channel="1",
        already_bought="cool-down",
        cool_down_days=28,
        cool_down_days_by_category={"Under-, Nightwear": 5},
    )

    assert find_settings_without_effect(settings, items) == []
    assert find_settings_without_effect(FilterSettings(), items) == []


def test_each_setting_with_unknown_names_gives_one_warning(items):
    settings = FilterSettings(
        blocked_items=("a", "z", "y"),
        blocked_categories=("Under-, Nightware", "Shoes"),
        channel="web",
        cool_down_days_by_category={"Milk": 5},
        already_bought="drop",
    )

    days, blocked_items, blocked_categories, by_category, channel = find_settings_without_effect(settings, items)

    assert "cool_down_days" in days
    assert "blocked_items" in blocked_items
    assert blocked_items.endswith("'z', 'y'.")
    assert "blocked_categories" in blocked_categories
    assert blocked_categories.endswith("'Under-, Nightware': did you mean 'Under-, Nightwear'?")
    assert "cool_down_days_by_category" in by_category
    assert by_category.endswith("'Milk'.")
    assert all(part in channel for part in ("channel 'web'", "'1', '2'", "1 of 3 items"))


def test_an_id_without_its_leading_zeros_is_recognized(make_items):
    items = replace(make_items({}, {}), item_codes=TextCodes.from_texts(pa.array(["0108775015", "0108775044"])))

    [warning] = find_settings_without_effect(FilterSettings(blocked_items=("7", "108775044")), items)

    assert warning.endswith("'7', '108775044': did you mean '0108775044'?")


def test_at_most_five_unknown_names_are_listed(items):
    [warning] = find_settings_without_effect(FilterSettings(blocked_items=tuple("hijklmn")), items)

    assert warning.endswith("'h', 'i', 'j', 'k', 'l' and 2 more.")


def test_a_channel_filter_on_a_catalogue_without_channels_gives_a_warning(make_items):
    [warning] = find_settings_without_effect(FilterSettings(channel="2"), make_items({}, {}))

    assert all(part in warning for part in ("channel '2'", "none", "2 of 2 items"))

from dataclasses import replace

import numpy as np
import pytest

from candidates.filters.settings import FilterSettings
from candidates.filters.unknown_names import unknown_names


@pytest.fixture
def item_context(item_context_of):
    return item_context_of(
        {"category": "Shoes", "channels": ["1"]}, {"category": "Under-, Nightwear"}, {"channels": ["2"]}
    )


def test_what_the_catalogue_knows_is_not_spoken_of(item_context):
    settings = FilterSettings(
        blocked_items=("a", "c"),
        blocked_categories=("Shoes",),
        channel="1",
        already_bought="cool-down",
        cool_down_days=28,
        cool_down_days_by_category={"Under-, Nightwear": 5},
    )

    assert unknown_names(settings, item_context) == []
    assert unknown_names(FilterSettings(), item_context) == []


def test_each_kind_of_unknown_name_has_a_sentence(item_context):
    settings = FilterSettings(
        blocked_items=("a", "z", "y"),
        blocked_categories=("Under-, Nightware", "Shoes"),
        channel="web",
        cool_down_days_by_category={"Milk": 5},
        already_bought="drop",
    )

    assert unknown_names(settings, item_context) == [
        "Days to cool down do nothing: already_bought is not 'cool-down'.",
        "Blocked items that are not in the catalogue: 'z', 'y'.",
        "Blocked categories that no item is of: 'Under-, Nightware': did you mean 'Under-, Nightwear'?",
        "Categories with days to cool down that no item is of: 'Milk'.",
        "No item names channel 'web' (those named: '1', '2'): only what names none may be shown, 1 of 3 items.",
    ]


def test_an_id_whose_zeros_got_lost_is_recognised(item_context_of):
    item_context = replace(item_context_of({}, {}), item_ids=np.array(["0108775015", "0108775044"]))

    assert unknown_names(FilterSettings(blocked_items=("7", "108775044")), item_context) == [
        "Blocked items that are not in the catalogue: '7', '108775044': did you mean '0108775044'?"
    ]


def test_of_many_the_first_five_are_named(item_context):
    assert unknown_names(FilterSettings(blocked_items=tuple("hijklmn")), item_context) == [
        "Blocked items that are not in the catalogue: 'h', 'i', 'j', 'k', 'l' and 2 more."
    ]


def test_a_channel_where_no_item_names_any_bars_nothing_and_says_so(item_context_of):
    assert unknown_names(FilterSettings(channel="2"), item_context_of({}, {})) == [
        "No item names channel '2' (those named: none): only what names none may be shown, 2 of 2 items."
    ]


def test_what_has_no_category_is_of_none(item_context):
    assert unknown_names(FilterSettings(blocked_categories=("",)), item_context) == [
        "Blocked categories that no item is of: ''."
    ]

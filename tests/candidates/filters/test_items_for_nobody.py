"""The filters that ask of items alone: each in literal rows."""

import pytest

from candidates.filters.blocked_categories import BlockedCategories
from candidates.filters.blocked_items import BlockedItems
from candidates.filters.channel import Channel
from candidates.filters.for_sale import ForSale
from candidates.filters.unsold import UnsoldFor


@pytest.fixture
def excluded_items(users_of, item_context_of):
    """Ids of what a filter bars of some goods, for whoever asks."""

    def ask(what, *items):
        item_context = item_context_of(*items)
        alone = what.exclude(users_of({"bought": [(0, 0)], "age": 40}), item_context)
        nobody = what.exclude(users_of(), item_context)
        assert alone.pairs is None
        assert alone.items.tolist() == nobody.items.tolist()
        return item_context.item_ids[alone.items].tolist()

    return ask


def test_what_is_not_for_sale_is_barred(excluded_items):
    assert excluded_items(ForSale(), {}, {"for_sale": False}, {"for_sale": True}) == ["b"]


def test_blocked_items_are_barred_by_id_and_unknown_ids_bar_nothing(excluded_items):
    assert excluded_items(BlockedItems(("c", "a", "zzz", "")), {}, {}, {}) == ["a", "c"]
    assert excluded_items(BlockedItems(("bb",)), {}, {}) == []


def test_blocked_categories_are_barred_whole_and_by_their_full_name(excluded_items):
    item_context = [{"category": "Shoes"}, {"category": "Shoes, Kids"}, {}, {"category": "Shoes"}]

    assert excluded_items(BlockedCategories(("Shoes", "Hats")), *item_context) == ["a", "d"]
    assert excluded_items(BlockedCategories(("Hats",)), *item_context) == []


def test_a_channel_bars_what_names_other_channels_only(excluded_items):
    item_context = [{"channels": ["1"]}, {"channels": ["1", "2"]}, {}, {"channels": []}, {"channels": ["2"]}]

    assert excluded_items(Channel("2"), *item_context) == ["a"]
    assert excluded_items(Channel("1"), *item_context) == ["e"]
    assert excluded_items(Channel("web"), *item_context) == ["a", "b", "e"]
    assert excluded_items(Channel("2"), {}, {}) == []


def test_what_nobody_has_bought_for_so_many_days_is_barred(excluded_items):
    item_context = [{"unsold_days": 0}, {"unsold_days": 55}, {"unsold_days": 56}, {"unsold_days": float("inf")}]

    assert excluded_items(UnsoldFor(56), *item_context) == ["c", "d"]


@pytest.mark.parametrize("days", [0, -1, float("nan")])
def test_days_unsold_that_would_bar_everything_are_refused(days):
    with pytest.raises(ValueError, match="above 0"):
        UnsoldFor(days)


def test_each_has_a_name_and_a_reason():
    filters = [ForSale(), BlockedItems(()), BlockedCategories(()), Channel("2"), UnsoldFor(56)]

    assert {each.name: each.reason for each in filters} == {
        "for_sale": "It is not for sale.",
        "blocked_items": "The item is blocked.",
        "blocked_categories": "Its category is blocked.",
        "channel": "It is not sold in channel '2'.",
        "unsold": "Nobody has bought it for 56 days.",
    }

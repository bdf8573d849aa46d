import numpy as np
import pytest

from candidates.filters.item_filters import BlockedCategories, BlockedItems, Channel, ForSale, Unsold


@pytest.fixture
def excluded_ids(make_users, make_items):
    """The ids that a filter excludes, which must be the same for any users."""

    def excluded_ids(item_filter, *rows):
        items = make_items(*rows)
        one_user = item_filter.exclude(make_users({"bought": [(0, 0)], "age": 40}), items)
        no_users = item_filter.exclude(make_users(), items)
        assert one_user.pairs is None
        assert one_user.items.tolist() == no_users.items.tolist()
        return [chr(ord("a") + item) for item in np.flatnonzero(one_user.items)]

    return excluded_ids


def test_items_that_are_not_for_sale_are_excluded(excluded_ids):
    assert excluded_ids(ForSale(), {}, {"for_sale": False}, {"for_sale": True}) == ["b"]


def test_blocked_items_are_excluded_and_unknown_ids_have_no_effect(excluded_ids):
    assert excluded_ids(BlockedItems(("c", "a", "zzz", "")), {}, {}, {}) == ["a", "c"]
    assert excluded_ids(BlockedItems(("bb",)), {}, {}) == []


def test_items_of_blocked_categories_are_excluded_by_full_name(excluded_ids):
    rows = [{"category": "Shoes"}, {"category": "Shoes, Kids"}, {}, {"category": "Shoes"}]

    assert excluded_ids(BlockedCategories(("Shoes", "Hats")), *rows) == ["a", "d"]
    assert excluded_ids(BlockedCategories(("Hats",)), *rows) == []


def test_items_of_other_channels_are_excluded(excluded_ids):
    rows = [{"channels": ["1"]}, {"channels": ["1", "2"]}, {}, {"channels": []}, {"channels": ["2"]}]

    assert excluded_ids(Channel("2"), *rows) == ["a"]
    assert excluded_ids(Channel("1"), *rows) == ["e"]
    assert excluded_ids(Channel("web"), *rows) == ["a", "b", "e"]
    assert excluded_ids(Channel("2"), {}, {}) == []


def test_items_without_a_sale_in_the_last_days_are_excluded(excluded_ids):
    rows = [{"days_since_last_sale": days} for days in (0, 55, 56, float("inf"))]

    assert excluded_ids(Unsold(56), *rows) == ["c", "d"]


@pytest.mark.parametrize("days", [0, -1, float("nan")])
def test_days_unsold_must_be_above_0(days):
    with pytest.raises(ValueError, match="above 0"):
        Unsold(days)


def test_each_filter_has_a_name_and_an_explanation():
    filters = [ForSale(), BlockedItems(()), BlockedCategories(()), Channel("2"), Unsold(56)]
    explanations = {each.name: each.explanation for each in filters}

    assert list(explanations) == ["for_sale", "blocked_items", "blocked_categories", "channel", "unsold"]
    assert "'2'" in explanations["channel"]
    assert "56 days" in explanations["unsold"]

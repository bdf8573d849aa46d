"""All filters together, on six items of which each is barred for a reason of its own."""

import numpy as np
import pytest

from candidates.filters.filter_set import FilterSet, together
from candidates.filters.settings import FilterSettings

EVERYTHING = FilterSettings(
    already_bought="cool-down",
    cool_down_days=28,
    for_sale=True,
    blocked_items=("b",),
    blocked_categories=("Nightwear",),
    channel="2",
    age_limit=True,
    at_most_per_department=1,
    unsold_days=56,
)
NOTHING = FilterSettings(for_sale=False, age_limit=False)


@pytest.fixture
def item_context(item_context_of):
    return item_context_of(
        {"for_sale": False, "department": 0},
        {"department": 0},
        {"category": "Nightwear", "department": 0},
        {"channels": ["1"], "department": 0},
        {"minimum_age": 18, "unsold_days": 90, "department": 1},
        {"department": 1},
        {"department": 1},
    )


@pytest.fixture
def users(users_of):
    return users_of({"bought": [(5, 0)], "days": 3, "age": 17}, {"bought": [(5, 0)], "days": 30, "age": 40})


def test_the_filters_stand_in_one_order_however_they_were_set(users, item_context):
    assert list(FilterSet.of(EVERYTHING).each(users, item_context)) == [
        "cool_down", "for_sale", "blocked_items", "blocked_categories", "channel", "age_limit", "unsold",
    ]  # fmt: skip
    assert list(FilterSet.of(FilterSettings(already_bought="drop")).each(users, item_context)) == [
        "already_bought", "for_sale", "age_limit",
    ]  # fmt: skip
    assert FilterSet.of(NOTHING) == FilterSet(())


def test_together_they_bar_what_any_of_them_bars(users, item_context):
    exclusions = FilterSet.of(EVERYTHING).exclusions(users, item_context)

    assert exclusions.items.tolist() == [True, True, True, True, True, False, False]
    # The first bought item f three days ago, and is too young for e; the second bought f 30 days ago.
    assert exclusions.pairs.counts.tolist() == [2, 0]
    assert exclusions.pairs.positions.tolist() == [4, 5]


def test_without_filters_nothing_is_barred(users, item_context):
    exclusions = FilterSet.of(NOTHING).exclusions(users, item_context)

    assert (exclusions.items, exclusions.pairs, FilterSet.of(NOTHING).cap(item_context)) == (None, None, None)


def test_the_cap_is_of_the_goods_departments(item_context):
    cap = FilterSet.of(EVERYTHING).cap(item_context)

    assert (cap.at_most, cap.departments.tolist()) == (1, [0, 0, 0, 0, 1, 1, 1])


@pytest.mark.parametrize(("already_bought", "policy"), [("keep", "keep"), ("cool-down", "keep"), ("drop", "drop")])
def test_only_a_set_that_leaves_out_all_that_was_bought_takes_the_weights_for_new_items(already_bought, policy):
    assert FilterSet.of(FilterSettings(already_bought=already_bought, cool_down_days=7)).policy == policy


def test_what_each_filter_bars_is_counted_and_all_together(users, item_context):
    filters = FilterSet.of(EVERYTHING)

    each = filters.each(users, item_context)

    assert {name: exclusions.count(len(users)) for name, exclusions in each.items()} == {
        "cool_down": 1,
        "for_sale": 2,
        "blocked_items": 2,
        "blocked_categories": 2,
        "channel": 2,
        "age_limit": 1,
        "unsold": 2,
    }
    # g remains for the first, f and g for the second.
    assert (
        together(each).count(len(users))
        == filters.exclusions(users, item_context).count(len(users))
        == 2 * len(item_context) - 3
    )


def test_an_empty_set_and_an_empty_table_have_no_reasons(users, item_context):
    nothing = np.array([], np.int64)

    assert together({}).count(2) == 0
    assert FilterSet.of(NOTHING).reasons(np.array([0]), np.array([3]), users, item_context) == [[]]
    assert FilterSet.of(FilterSettings()).reasons(nothing, nothing, users, item_context) == []


def test_each_candidate_is_told_its_reasons_and_the_cap_counts_what_the_others_leave(users, item_context):
    rows, positions = np.array([0, 0, 0, 1, 1, 1]), np.array([4, 5, 6, 5, 0, 6])

    assert FilterSet.of(EVERYTHING).reasons(rows, positions, users, item_context) == [
        ["age_limit", "unsold"],
        ["cool_down"],
        [],
        [],
        ["for_sale"],
        ["department_cap"],
    ]


def test_every_name_has_a_sentence(users, item_context):
    filters = FilterSet.of(EVERYTHING)

    sentences = filters.sentences(item_context)

    assert list(sentences) == [*filters.each(users, item_context), "department_cap"]
    assert sentences["cool_down"] == "The user has bought it less than 28 days ago."
    assert sentences["department_cap"] == "Of its department, 1 stand above it already."


def test_what_is_asked_is_not_changed(users, item_context):
    before = [
        item_context.for_sale.copy(),
        item_context.unsold_days.copy(),
        users.histories.positions.copy(),
        users.ages.copy(),
    ]

    FilterSet.of(EVERYTHING).exclusions(users, item_context)

    after = [item_context.for_sale, item_context.unsold_days, users.histories.positions, users.ages]
    assert [column.tolist() for column in after] == [column.tolist() for column in before]

"""All filters together, on seven items of which five are excluded for a reason of their own."""

import numpy as np
import pytest

from candidates.filters.exclusions import Exclusions
from candidates.filters.filter_set import FilterSet
from candidates.filters.settings import FilterSettings

ALL_FILTERS = FilterSettings(
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
NO_FILTERS = FilterSettings(for_sale=False, age_limit=False)


@pytest.fixture
def items(make_items):
    return make_items(
        {"for_sale": False, "department": 0},
        {"department": 0},
        {"category": "Nightwear", "department": 0},
        {"channels": ["1"], "department": 0},
        {"minimum_age": 18, "days_since_last_sale": 90, "department": 1},
        {"department": 1},
        {"department": 1},
    )


@pytest.fixture
def users(make_users):
    return make_users({"bought": [(5, 0)], "days": 3, "age": 17}, {"bought": [(5, 0)], "days": 30, "age": 40})


def test_filters_have_a_fixed_order(users, items):
    assert list(FilterSet.from_settings(ALL_FILTERS).exclude_by_filter(users, items)) == [
        "cool_down", "for_sale", "blocked_items", "blocked_categories", "channel", "age_limit", "unsold",
    ]  # fmt: skip
    drop = FilterSet.from_settings(FilterSettings(already_bought="drop"))
    assert list(drop.exclude_by_filter(users, items)) == ["already_bought", "for_sale", "age_limit"]
    assert FilterSet.from_settings(NO_FILTERS) == FilterSet(())


def test_a_set_excludes_what_any_of_its_filters_excludes(users, items):
    exclusions = FilterSet.from_settings(ALL_FILTERS).exclude(users, items)

    assert exclusions.items.tolist() == [True, True, True, True, True, False, False]
    # The first user bought item f three days ago and is too young for e; the second bought f 30 days ago.
    assert exclusions.pairs.lengths.tolist() == [2, 0]
    assert exclusions.pairs.positions.tolist() == [4, 5]


def test_without_filters_nothing_is_excluded(users, items):
    filters = FilterSet.from_settings(NO_FILTERS)
    exclusions = filters.exclude(users, items)

    assert (exclusions.items, exclusions.pairs, filters.build_cap(items)) == (None, None, None)


def test_the_cap_uses_the_departments_of_the_items(items):
    cap = FilterSet.from_settings(ALL_FILTERS).build_cap(items)

    assert (cap.at_most, cap.departments.tolist()) == (1, [0, 0, 0, 0, 1, 1, 1])


@pytest.mark.parametrize(("already_bought", "policy"), [("keep", "keep"), ("cool-down", "keep"), ("drop", "drop")])
def test_only_a_set_that_excludes_all_past_purchases_has_the_policy_drop(already_bought, policy):
    settings = FilterSettings(already_bought=already_bought, cool_down_days=7)

    assert FilterSet.from_settings(settings).policy == policy


def test_exclusions_are_counted_by_filter_and_combined(users, items):
    filters = FilterSet.from_settings(ALL_FILTERS)

    by_filter = filters.exclude_by_filter(users, items)

    assert {name: exclusions.count(len(users)) for name, exclusions in by_filter.items()} == {
        "cool_down": 1,
        "for_sale": 2,
        "blocked_items": 2,
        "blocked_categories": 2,
        "channel": 2,
        "age_limit": 1,
        "unsold": 2,
    }
    # Item g is left for the first user, f and g for the second.
    assert Exclusions.combine(by_filter.values()).count(len(users)) == 2 * len(items) - 3
    assert filters.exclude(users, items).count(len(users)) == 2 * len(items) - 3


CANDIDATES = np.array([0, 0, 0, 1, 1, 1]), np.array([4, 5, 6, 5, 0, 6])


def test_each_candidate_has_the_names_of_the_filters_that_exclude_it_and_the_cap_counts_what_they_keep(users, items):
    assert FilterSet.from_settings(ALL_FILTERS).excluding_filters(*CANDIDATES, users, items) == [
        ["age_limit", "unsold"],
        ["cool_down"],
        [],
        [],
        ["for_sale"],
        ["department_cap"],
    ]


def test_the_keep_mask_combines_all_filters_and_the_cap(users, items):
    keep_mask = FilterSet.from_settings(ALL_FILTERS).build_keep_mask(users, items)

    assert keep_mask(*CANDIDATES).tolist() == [False, False, True, True, False, False]


def test_without_filters_or_candidates_there_are_no_names(users, items):
    empty = np.array([], np.int64)

    assert FilterSet.from_settings(NO_FILTERS).excluding_filters(np.array([0]), np.array([3]), users, items) == [[]]
    assert FilterSet.from_settings(FilterSettings()).excluding_filters(empty, empty, users, items) == []


def test_every_filter_has_an_explanation(users, items):
    filters = FilterSet.from_settings(ALL_FILTERS)

    explanations = filters.explanations(items)

    assert list(explanations) == [*filters.exclude_by_filter(users, items), "department_cap"]
    assert all(explanations.values())


def test_contexts_are_not_changed(users, items):
    columns = [items.for_sale, items.days_since_last_sale, users.histories.positions, users.ages]
    before = [column.tolist() for column in columns]

    FilterSet.from_settings(ALL_FILTERS).exclude(users, items)

    assert [column.tolist() for column in columns] == before

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from candidates.filters.user_filters import AgeLimit, AlreadyBought, CoolDown


def test_already_bought_excludes_the_whole_history_of_each_user(make_users, make_items):
    users = make_users({"bought": [(2, 0), (0, 900)]}, {}, {"bought": [(1, 0)]})

    exclusions = AlreadyBought().exclude(users, make_items({}, {}, {}))

    assert exclusions.items is None
    assert exclusions.pairs.offsets.tolist() == [0, 2, 2, 3]
    assert exclusions.pairs.positions.tolist() == [2, 0, 1]


def test_already_bought_with_swapped_histories_excludes_other_candidates(make_users, make_items):
    users = make_users({"bought": [(2, 0)]}, {"bought": [(1, 0)]})
    swapped = make_users({"bought": [(1, 0)]}, {"bought": [(2, 0)]})
    candidates = np.array([0, 0, 1, 1]), np.array([1, 2, 1, 2])

    masks = [
        AlreadyBought().exclude(each, make_items({}, {}, {})).keep_mask(*candidates).tolist()
        for each in (users, swapped)
    ]

    assert masks == [[True, False, False, True], [False, True, True, False]]


def test_cool_down_excludes_an_item_until_its_days_have_passed(make_users, make_items):
    # The last purchase was 7 days ago: the three items were bought 7, 27 and 28 days before the request.
    users = make_users({"bought": [(2, 0), (0, 20), (1, 21)], "days": 7})

    exclusions = CoolDown(28).exclude(users, make_items({}, {}, {}))

    assert exclusions.items is None
    assert exclusions.pairs.positions.tolist() == [0, 2]


def test_cool_down_days_may_differ_by_category(make_users, make_items):
    items = make_items({"category": "Grocery"}, {"category": "Coats"}, {"category": "Shoes"}, {"category": "Grocery"})
    bought = [(0, 0), (1, 0), (2, 0), (3, 4)]

    exclusions = CoolDown(28, {"Grocery": 5, "Coats": 365}).exclude(
        make_users({"bought": bought, "days": 2}, {"bought": bought, "days": 40}), items
    )

    # The first user bought groceries 2 and 6 days ago, a coat and shoes 2 days ago; the second all of them 40 days ago.
    assert exclusions.pairs.offsets.tolist() == [0, 3, 4]
    assert exclusions.pairs.positions.tolist() == [0, 1, 2, 1]


def test_cool_down_counts_the_users_own_purchases_only(make_users, make_items):
    users = make_users({"bought": [(0, 0)], "days": 1}, {"bought": [(1, 0)], "days": 1}, {}, {"bought": [], "days": 1})

    keep = CoolDown(2).exclude(users, make_items({}, {})).keep_mask(np.repeat(np.arange(4), 2), np.tile([0, 1], 4))

    assert keep.tolist() == [False, True, True, False, True, True, True, True]


def test_cool_down_of_zero_days_excludes_nothing(make_users, make_items):
    exclusions = CoolDown(0).exclude(make_users({"bought": [(0, 0)], "days": 0}), make_items({}))

    assert exclusions.pairs.positions.tolist() == []


def test_cool_down_without_the_days_since_the_last_purchase_excludes_too_much(make_users, make_items):
    users, twin = make_users({"bought": [(0, 0)], "days": 30}), make_users({"bought": [(0, 0)], "days": 0})

    excluded = [CoolDown(28).exclude(each, make_items({})).pairs.positions.tolist() for each in (users, twin)]

    assert excluded == [[], [0]]


@pytest.mark.parametrize(("days", "by_category"), [(-1, {}), (np.nan, {}), (np.inf, {}), (1, {"Grocery": -1})])
def test_invalid_days_to_cool_down_are_rejected(days, by_category):
    with pytest.raises(ValueError, match="finite and at least 0"):
        CoolDown(days, by_category)


def excluded_by_age(users, items):
    """The excluded positions of each user."""
    rows, positions = np.divmod(np.arange(len(users) * len(items)), len(items))
    keep = AgeLimit().exclude(users, items).keep_mask(rows, positions)
    return [np.flatnonzero(~own).tolist() for own in keep.reshape(len(users), len(items))]


def test_items_are_excluded_below_their_minimum_age(make_users, make_items):
    items = make_items({}, {"minimum_age": 16}, {"minimum_age": 18}, {"minimum_age": 0})
    users = make_users({"age": 15}, {"age": 16}, {"age": 17.9}, {"age": 18}, {"age": 80})

    assert excluded_by_age(users, items) == [[1, 2], [2], [2], [], []]


def test_users_of_unknown_age_never_see_age_restricted_items(make_users, make_items):
    items = make_items({}, {"minimum_age": 0.5}, {"minimum_age": 18})

    assert excluded_by_age(make_users({}, {"age": 0}, {"age": 30}), items) == [[1, 2], [1, 2], []]


def test_without_minimum_ages_nothing_is_excluded(make_users, make_items):
    exclusions = AgeLimit().exclude(make_users({}, {"age": 3}), make_items({}, {}))

    assert not exclusions.items.any()
    assert exclusions.pairs.lengths.tolist() == [0, 0]


def test_an_item_for_which_all_users_are_too_young_is_excluded_as_an_item(make_users, make_items):
    items = make_items({"minimum_age": 16}, {"minimum_age": 18}, {})

    exclusions = AgeLimit().exclude(make_users({}, {"age": 17}), items)

    assert exclusions.items.tolist() == [False, True, False]
    assert exclusions.pairs.positions.tolist() == [0]
    assert AgeLimit().exclude(make_users({}, {}), items).pairs.lengths.tolist() == [0, 0]


def test_the_age_limit_takes_zero_users(make_users, make_items):
    assert len(AgeLimit().exclude(make_users(), make_items({"minimum_age": 18})).pairs) == 0


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.lists(st.sampled_from([np.nan, 0.0, 12.0, 16.0, 17.5, 18.0, 21.0]), max_size=6),
    st.lists(st.sampled_from([0.0, 0.0, 12.0, 16.0, 18.0]), min_size=1, max_size=9),
)
def test_the_age_limit_equals_a_comparison_of_each_user_with_each_item(make_users, make_items, ages, minimums):
    users = make_users(*({"age": age} for age in ages))
    items = make_items(*({"minimum_age": age} for age in minimums))

    assert excluded_by_age(users, items) == [
        [item for item, minimum in enumerate(minimums) if minimum > 0 and not age >= minimum] for age in ages
    ]


def test_each_filter_has_a_name_and_an_explanation():
    explanations = {each.name: each.explanation for each in (AlreadyBought(), CoolDown(28), AgeLimit())}

    assert list(explanations) == ["already_bought", "cool_down", "age_limit"]
    assert "28 days" in explanations["cool_down"]
    assert "category" not in explanations["cool_down"]
    assert "category" in CoolDown(28, {"Grocery": 5}).explanation

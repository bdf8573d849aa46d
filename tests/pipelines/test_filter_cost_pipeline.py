"""The cost of each filter in force is measured separately."""

from functools import partial

import pytest

from candidates.filters.settings import FilterSettings

with_days = partial(
    FilterSettings,
    cool_down_days=28,
    cool_down_days_by_category={"Milk": 5},
    for_sale=False,
    age_limit=False,
)


@pytest.mark.parametrize(
    ("settings", "alone"),
    [
        (FilterSettings(), [{"for_sale": True}, {"age_limit": True}]),
        (
            FilterSettings(for_sale=False, age_limit=False, unsold_days=28, at_most_per_department=3),
            [{"at_most_per_department": 3}, {"unsold_days": 28}],
        ),
        (
            with_days(already_bought="cool-down"),
            [{"already_bought": "cool-down", "cool_down_days": 28, "cool_down_days_by_category": {"Milk": 5}}],
        ),
        # Days to cool down that are not in use belong to no filter.
        (with_days(already_bought="drop"), [{"already_bought": "drop"}]),
        (with_days(already_bought="keep"), []),
    ],
)
def test_a_filter_alone_has_its_own_settings_and_no_others(settings, alone):
    from pipelines.filter_costs import NO_FILTERS, _each_alone

    assert list(_each_alone(settings)) == [NO_FILTERS.replace(**parts) for parts in alone]

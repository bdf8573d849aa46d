"""Each filter in force is priced by itself, and those that one could choose beside it."""

import pytest

from candidates.filters.settings import FilterSettings


@pytest.mark.parametrize(
    ("settings", "alone"),
    [
        (FilterSettings(), [{"for_sale": True}, {"age_limit": True}]),
        (
            FilterSettings(for_sale=False, age_limit=False, unsold_days=28, at_most_per_department=3),
            [{"at_most_per_department": 3}, {"unsold_days": 28}],
        ),
        (
            FilterSettings("cool-down", 28, {"Milk": 5}, for_sale=False, age_limit=False),
            [{"already_bought": "cool-down", "cool_down_days": 28, "cool_down_days_by_category": {"Milk": 5}}],
        ),
        # Days that stay in the file while the filter drops everything make no other filter of it.
        (FilterSettings("drop", 28, {"Milk": 5}, for_sale=False, age_limit=False), [{"already_bought": "drop"}]),
        (FilterSettings("keep", 28, for_sale=False, age_limit=False), []),
    ],
)
def test_a_filter_alone_has_its_own_settings_and_no_others(settings, alone):
    from dataclasses import replace

    from pipelines.filter_costs import NOTHING, _alone

    assert list(_alone(settings)) == [replace(NOTHING, **parts) for parts in alone]

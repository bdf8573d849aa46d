"""Which filters are in force, and what the feature store tells, as filters know it."""

from datetime import UTC, datetime
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest

from candidates.histories import Histories
from features.errors import InputError

MOMENT = datetime(2020, 3, 2, tzinfo=UTC)


def at(*moments):
    return pa.array(
        [moment and datetime.fromisoformat(f"{moment}+00:00") for moment in moments], pa.timestamp("s", "UTC")
    )


def release(**manifest):
    return SimpleNamespace(version="20200302-default-0a1b2c3d", manifest=manifest)


def test_days_are_counted_from_day_to_day_whatever_the_hour():
    from pipelines.filter_context import build_user_context

    told = pa.table(
        {
            "age_at_request": pa.array([39.5, None, -11.25], pa.float32()),  # the last user is born after the request
            "last_purchase_at": at("2020-03-01T23:59:59", "2020-02-28T00:00:00", None),
        }
    )
    histories = Histories.from_lists(
        pa.array([["b", "a"], ["a"], None]), pa.array([[1, 2], [1], None]), pa.array([[0, 3], [0], None]),
        np.array(["a", "b"]),
    )  # fmt: skip

    users = build_user_context(told, histories, MOMENT)

    np.testing.assert_array_equal(users.days_since_last_purchase, np.array([1, 3, np.nan], np.float32))
    np.testing.assert_array_equal(users.ages, np.array([39.5, np.nan, np.nan], np.float32))
    assert users.days_since_purchase.tolist() == [1, 4, 3]


def test_goods_of_which_nothing_is_said_have_no_department_and_never_sold_and_groups_stand_for_departments():
    from pipelines.filter_context import build_item_context

    told = pa.table(
        {
            "department_name": pa.array(["Sport", None, None, "Sport"]),
            "garment_group_name": pa.array(["Shoes", None, "Hats", "Hats"]),
            "last_sold_at": at("2020-02-01T10:00:00", None, "2020-03-01T10:00:00", None),
            "for_sale": pa.array([1.0, None, 0.0, None], pa.float32()),
            "channels": pa.array([["web"], None, [], None], pa.list_(pa.string())),
            "minimum_age": pa.array([None, 21.0, None, 0.0], pa.float32()),
        }
    )

    item_context = build_item_context(told, np.array(["1", "2", "3", "4"]), MOMENT)

    assert item_context.categories.tolist() == ["Shoes", "", "Hats", "Hats"]
    assert item_context.departments.tolist() == [0, -1, 1, 0]
    assert item_context.for_sale.tolist() == [True, True, False, True]
    assert item_context.channels.eligible("web").tolist() == [True, True, True, True]
    assert item_context.channels.eligible("shop").tolist() == [False, True, True, True]
    assert item_context.minimum_ages.tolist() == [0, 21, 0, 0]
    assert item_context.days_since_last_sale.tolist() == [30, np.inf, 1, np.inf]


def test_the_release_says_which_filters_are_in_force():
    from pipelines.filter_context import settings_in_force

    settings = settings_in_force(release(filters={"unsold_days": 28, "for_sale": False}), None, None)

    assert (settings.unsold_days, settings.for_sale, settings.already_bought) == (28, False, "keep")


def test_what_is_told_stands_in_the_releases_place_and_what_is_said_of_bought_items_above_both():
    from candidates.filters.settings import FilterSettings
    from pipelines.filter_context import settings_in_force

    told = FilterSettings(channel="2", already_bought="keep")

    settings = settings_in_force(release(filters={"unsold_days": 28}), told, "drop")

    assert (settings.unsold_days, settings.channel, settings.already_bought) == (None, "2", "drop")


def test_a_manifest_that_says_nothing_of_filters_is_refused():
    from pipelines.filter_context import settings_in_force

    with pytest.raises(InputError, match=r"manifest of 20200302-default-0a1b2c3d does not say which filters"):
        settings_in_force(release(), None, None)


def test_a_manifest_with_a_filter_that_does_not_exist_is_refused_by_name():
    from pipelines.filter_context import settings_in_force

    with pytest.raises(InputError, match=r"manifest of 20200302-default-0a1b2c3d.*for_sail"):
        settings_in_force(release(filters={"for_sail": True}), None, None)

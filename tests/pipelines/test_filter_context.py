"""The filters in force, and their context from features of the store."""

from datetime import UTC, datetime
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest

from candidates.histories import Histories
from candidates.text_codes import TextCodes
from features.errors import InputError

MOMENT = datetime(2020, 3, 2, tzinfo=UTC)


def at(*moments):
    return pa.array(
        [moment and datetime.fromisoformat(f"{moment}+00:00") for moment in moments], pa.timestamp("s", "UTC")
    )


def release(**manifest):
    return SimpleNamespace(version="20200302-default-0a1b2c3d", manifest=manifest)


def test_days_are_counted_between_utc_days_and_ages_before_birth_are_unknown():
    from pipelines.filter_context import build_user_context

    features = pa.table(
        {
            "age_at_request": pa.array([39.5, None, -11.25], pa.float32()),  # the last user is born after the request
            "last_purchase_at": at("2020-03-01T23:59:59", "2020-02-28T00:00:00", None),
        }
    )
    histories = Histories.from_lists(
        pa.array([["b", "a"], ["a"], None]), pa.array([[1, 2], [1], None]), pa.array([[0, 3], [0], None]),
        pa.array([[0, 9], [0], None]),         TextCodes.from_texts(pa.array(["a", "b"])),
    )  # fmt: skip

    users = build_user_context(features, histories, MOMENT)

    np.testing.assert_array_equal(users.days_since_last_purchase, np.array([1, 3, np.nan], np.float32))
    np.testing.assert_array_equal(users.ages, np.array([39.5, np.nan, np.nan], np.float32))
    assert users.days_since_purchase.tolist() == [1, 4, 3]


def test_null_features_do_not_restrict_an_item_and_garment_groups_stand_in_for_departments():
    from pipelines.filter_context import build_item_context

    features = pa.table(
        {
            "department_name": pa.array(["Sport", None, None, "Sport"]),
            "garment_group_name": pa.array(["Shoes", None, "Hats", "Hats"]),
            "last_sold_at": at("2020-02-01T10:00:00", None, "2020-03-01T10:00:00", None),
            "for_sale": pa.array([1.0, None, 0.0, None], pa.float32()),
            "channels": pa.array([["web"], None, [], None], pa.list_(pa.string())),
            "minimum_age": pa.array([None, 21.0, None, 0.0], pa.float32()),
        }
    )

    item_context = build_item_context(features, TextCodes.from_texts(pa.array(["1", "2", "3", "4"])), MOMENT)

    assert item_context.categories.tolist() == ["Shoes", "", "Hats", "Hats"]
    assert item_context.departments.tolist() == [0, -1, 1, 0]
    assert item_context.for_sale.tolist() == [True, True, False, True]
    assert item_context.channels.eligible("web").tolist() == [True, True, True, True]
    assert item_context.channels.eligible("shop").tolist() == [False, True, True, True]
    assert item_context.minimum_ages.tolist() == [0, 21, 0, 0]
    assert item_context.days_since_last_sale.tolist() == [30, np.inf, 1, np.inf]

    listed = np.array([True, False, True, True])
    item_codes = TextCodes.from_texts(pa.array(["1", "2", "3", "4"]))
    fewer = build_item_context(features, item_codes, MOMENT, listed=listed)
    assert fewer.for_sale.tolist() == [True, False, False, True]


def test_the_settings_of_the_release_are_in_force_by_default():
    from pipelines.filter_context import resolve_filters

    settings = resolve_filters(release(filters={"unsold_days": 28, "for_sale": False}), None, None)

    assert (settings.unsold_days, settings.for_sale, settings.already_bought) == (28, False, "keep")


def test_given_settings_replace_the_releases_and_already_bought_overrides_both():
    from candidates.filters.settings import FilterSettings
    from pipelines.filter_context import resolve_filters

    given = FilterSettings(channel="2", already_bought="keep")

    settings = resolve_filters(release(filters={"unsold_days": 28}), given, "drop")

    assert (settings.unsold_days, settings.channel, settings.already_bought) == (None, "2", "drop")


def test_a_manifest_without_filter_settings_is_refused_by_name():
    from pipelines.filter_context import resolve_filters

    with pytest.raises(InputError, match=r"manifest of 20200302-default-0a1b2c3d has no filter settings"):
        resolve_filters(release(), None, None)


def test_a_manifest_with_an_unknown_filter_is_refused_by_name():
    from pipelines.filter_context import resolve_filters

    with pytest.raises(InputError, match=r"manifest of 20200302-default-0a1b2c3d.*for_sail"):
        resolve_filters(release(filters={"for_sail": True}), None, None)

from datetime import UTC, datetime, timedelta, timezone

import pytest

from features.time_split import TimeSplit


def test_the_last_seven_days_are_for_validation_and_all_days_before_for_training():
    split = TimeSplit.for_release(datetime(2020, 9, 23, tzinfo=UTC))

    assert split == TimeSplit(
        start=None, cut=datetime(2020, 9, 16, tzinfo=UTC), as_of=datetime(2020, 9, 23, tzinfo=UTC)
    )


def test_training_days_end_at_the_cut():
    split = TimeSplit.for_release(datetime(2020, 9, 23, tzinfo=UTC), validation_days=3, training_days=10)

    assert (split.start, split.cut) == (datetime(2020, 9, 10, tzinfo=UTC), datetime(2020, 9, 20, tzinfo=UTC))


def test_the_cut_is_at_midnight_in_utc_for_any_time_and_zone_of_the_release():
    evening_in_new_york = datetime(2020, 9, 22, 21, 30, tzinfo=timezone(timedelta(hours=-4)))

    split = TimeSplit.for_release(evening_in_new_york)

    assert split.cut == datetime(2020, 9, 16, tzinfo=UTC)
    assert split.cut.utcoffset() == timedelta(0)
    assert split.as_of == datetime(2020, 9, 23, 1, 30, tzinfo=UTC)


def test_a_moment_without_a_time_zone_is_refused():
    with pytest.raises(ValueError, match="time zone"):
        TimeSplit.for_release(datetime(2020, 9, 23))  # noqa: DTZ001 - the fault under test

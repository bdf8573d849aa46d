from datetime import UTC, datetime, timedelta, timezone

import pytest

from features.errors import InputError
from features.time_split import TimeSplit, parse_moment


def test_the_last_seven_days_validate_and_everything_before_them_trains():
    split = TimeSplit.ending(datetime(2020, 9, 23, tzinfo=UTC))

    assert split == TimeSplit(
        start=None, cut=datetime(2020, 9, 16, tzinfo=UTC), as_of=datetime(2020, 9, 23, tzinfo=UTC)
    )


def test_training_days_reach_back_from_the_cut():
    split = TimeSplit.ending(datetime(2020, 9, 23, tzinfo=UTC), validation_days=3, training_days=10)

    assert (split.start, split.cut) == (datetime(2020, 9, 10, tzinfo=UTC), datetime(2020, 9, 20, tzinfo=UTC))


def test_the_cut_is_a_midnight_in_utc_whatever_the_time_and_zone_of_the_release():
    evening_in_new_york = datetime(2020, 9, 22, 21, 30, tzinfo=timezone(timedelta(hours=-4)))

    split = TimeSplit.ending(evening_in_new_york)

    assert split.cut == datetime(2020, 9, 16, tzinfo=UTC)
    assert split.cut.utcoffset() == timedelta(0)
    assert split.as_of == datetime(2020, 9, 23, 1, 30, tzinfo=UTC)


def test_a_moment_without_a_time_zone_is_refused():
    with pytest.raises(ValueError, match="time zone"):
        TimeSplit.ending(datetime(2020, 9, 23))  # noqa: DTZ001 - the fault under test


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2020-09-22", datetime(2020, 9, 22, tzinfo=UTC)),
        ("2020-09-22 13:30", datetime(2020, 9, 22, 13, 30, tzinfo=UTC)),
        ("2020-09-22T13:30:00+02:00", datetime(2020, 9, 22, 11, 30, tzinfo=UTC)),
        ("2020-09-22T13:30:00Z", datetime(2020, 9, 22, 13, 30, tzinfo=UTC)),
    ],
)
def test_a_moment_without_an_offset_is_utc(text, moment):
    assert parse_moment(text) == moment
    assert parse_moment(text).utcoffset() == timedelta(0)


@pytest.mark.parametrize("text", ["", "yesterday", "22.09.2020", "2020-13-01"])
def test_what_is_no_moment_is_refused_with_an_example(text):
    with pytest.raises(InputError, match=f"'{text}' is not a moment: use 2020-09-22 or"):
        parse_moment(text)

from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest

from features.errors import InputError
from features.moments import datetime64, parse_moment


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
def test_text_that_is_no_moment_is_refused_with_an_example(text):
    with pytest.raises(InputError, match=f"'{text}' is not a date or timestamp: use 2020-09-22 or"):
        parse_moment(text)


def test_a_moment_outside_the_years_of_datetime_is_refused():
    with pytest.raises(InputError, match="9999-12-31T23:59:59-14:00"):
        parse_moment("9999-12-31T23:59:59-14:00")


def test_a_moment_becomes_numpys_in_utc():
    evening_in_new_york = datetime(2020, 9, 22, 21, 30, 5, 7, tzinfo=timezone(timedelta(hours=-4)))

    assert datetime64(evening_in_new_york) == np.datetime64("2020-09-23T01:30:05.000007", "us")
    assert datetime64(evening_in_new_york).dtype == "datetime64[us]"
    assert datetime64(evening_in_new_york, "D") == np.datetime64("2020-09-23", "D")


def test_a_moment_without_a_time_zone_is_not_converted():
    with pytest.raises(ValueError, match="time zone"):
        datetime64(datetime(2020, 9, 22))  # noqa: DTZ001 - the fault under test

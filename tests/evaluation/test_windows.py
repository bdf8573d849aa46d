from datetime import UTC, datetime

import pytest

from evaluation.windows import PURPOSES, WEEKS, weekly_cuts
from features.errors import InputError

DEMO_END = datetime(2018, 1, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("purpose", "cuts"),
    [
        ("final", ["12-19", "12-26"]),
        ("reporting", ["12-05", "12-12"]),
        ("choosing", ["11-07", "11-14", "11-21", "11-28"]),
        ("release", ["12-05", "12-12", "12-19", "12-26"]),
    ],
)
def test_the_cuts_of_each_purpose_on_the_demo_data(purpose, cuts):
    assert [f"{cut:%m-%d}" for cut in weekly_cuts(DEMO_END, purpose)] == cuts


def test_the_latest_windows_of_a_purpose_are_taken():
    assert [f"{cut:%m-%d}" for cut in weekly_cuts(DEMO_END, "choosing", 2)] == ["11-21", "11-28"]


def test_cuts_are_midnights():
    assert weekly_cuts(datetime(2020, 9, 23, 13, tzinfo=UTC), "final", 1) == [datetime(2020, 9, 16, tzinfo=UTC)]


def test_no_week_is_used_for_choosing_and_for_reporting_and_the_two_latest_are_used_for_neither():
    weeks = {purpose: set(range(first, last + 1)) for purpose, (first, last) in WEEKS.items()}

    assert weeks["choosing"] & weeks["reporting"] == set()
    assert {1, 2} & (weeks["choosing"] | weeks["reporting"]) == set()
    assert weeks["release"] == weeks["reporting"] | weeks["final"]
    assert set(weeks) == set(PURPOSES)


@pytest.mark.parametrize(("purpose", "count"), [("reporting", 3), ("choosing", 5), ("final", 0)])
def test_more_windows_than_a_purpose_has_are_refused(purpose, count):
    with pytest.raises(InputError, match=f"{purpose}.*not {count}"):
        weekly_cuts(DEMO_END, purpose, count)

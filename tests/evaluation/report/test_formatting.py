import pytest

from evaluation.report.formatting import (
    counted,
    day,
    decimals,
    metric_name,
    percent,
    plain,
    points,
    ratio,
    shortened,
    signed,
    significance,
    tick,
    with_interval,
)


def test_a_name_becomes_one_line_of_visible_characters():
    assert plain("  two\n\ttowers \x00\x1b[31m") == "two towers [31m"
    assert plain("\u202eevil\u2066 \ud800name") == "evil name"
    assert plain("Käse, 日本 & <b>") == "Käse, 日本 & <b>"


def test_a_long_name_ends_in_an_ellipsis():
    assert shortened("bestsellers", 11) == "bestsellers"
    assert shortened("best sellers", 6) == "best…"


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (percent(0.3312), "33.1\xa0%"),
        (percent(None), "-"),
        (tick(0.2), "20\xa0%"),
        (tick(0.025), "2.5\xa0%"),
        (tick(0.07), "7\xa0%"),
        (points(0.0123), "+1.23"),
        (points(-0.0123), "-1.23"),
        (ratio(1.0849), "1.08"),
        (ratio(None), "-"),
        (decimals(8.0), "8.0000"),
        (signed(0.002), "+0.0020"),
        (with_interval([1.08, 1.02, 1.14], ratio), "1.08 (1.02 to 1.14)"),
        (with_interval(None, ratio), "-"),
        (metric_name("map@12"), "MAP@12"),
        (metric_name("hit_rate@50"), "hit rate@50"),
        (day("2017-12-05"), "5 Dec"),
        (counted(1, "week"), "1 week"),
        (counted(1_200, "week"), "1,200 weeks"),
        (counted(0, "week"), "0 weeks"),
    ],
)
def test_numbers_are_formatted(written, expected):
    assert written == expected


HIGHER, LOWER, UNCERTAIN = [0.02, 0.01, 0.03], [-0.02, -0.03, -0.01], [0.0, -0.01, 0.01]


@pytest.mark.parametrize(
    ("estimates", "expected"),
    [
        ([HIGHER] * 4, "significantly higher in 4 of 4 weeks"),
        ([LOWER], "significantly lower in 1 of 1 week"),
        (
            [UNCERTAIN, HIGHER, LOWER],
            "significantly higher in 1 of 3 weeks, significantly lower in 1, not significantly different in 1",
        ),
        ([], ""),
    ],
)
def test_significant_weeks_are_counted(estimates, expected):
    assert significance(estimates) == expected

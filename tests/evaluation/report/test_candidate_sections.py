import re

import pytest

from evaluation.report.candidate_sections import candidate_sources, catalogue_coverage, filter_costs


def comparison(change, half=0.001):
    difference = [change, change - half, change + half]
    return {"difference": difference, "ratio": [1 + 4 * value for value in difference]}


def cost(name, setting, dropped, change, new_change, *, active=True, short=0.0):
    return {
        "name": name, "setting": setting, "active": active, "dropped": dropped, "affected_users": 0.5,
        "short_lists": short, "all": comparison(change), "new": None if new_change is None else comparison(new_change),
    }  # fmt: skip


@pytest.fixture
def with_costs(make_results):
    """Results of three weeks with these costs in each."""

    def with_costs(*weeks):
        results = make_results(weeks=3)
        for window, costs in zip(results["windows"], weeks, strict=True):
            window["filter_costs"] = list(costs)
        return results

    return with_costs


@pytest.fixture
def results(with_costs):
    return with_costs(
        [cost("channel", "2", 0.3, -0.03, 0.0, active=False), cost("all active filters", "", 0.02, -0.004, 0.01)],
        [cost("channel", "2", 0.1, -0.01, None, active=False), cost("all active filters", "", 0.05, -0.009, None)],
        [cost("channel", "2", 0.2, -0.05, 0.0, active=False), cost("all active filters", "", 0.04, -0.002, 0.03)],
    )


def texts(svg):
    return re.findall(r">([^<>]+)</text>", svg)


def rows_of(table):
    return {row[0]: row[1:] for row in table.rows}


def test_coverage_is_the_median_over_windows(make_results):
    results = make_results(weeks=3)
    for window, coverage in zip(results["windows"], (0.7, 0.1, 0.4), strict=True):
        window["models"]["two towers"]["catalogue_coverage"]["coverage"] = coverage

    rows = rows_of(catalogue_coverage(results).tables[0])

    assert rows["two towers"][:3] == ("65,320", "40.0\xa0%", "79.0\xa0%")


def test_the_caption_summarizes_all_active_filters(results):
    caption = filter_costs(results).caption

    assert caption.startswith(
        "All active filters together drop 4.0\xa0% of the candidates and change recall@100 by -0.40 points on all "
        "purchases and by +2.00 points on new items. "
    )
    assert "fewer than" not in caption


def test_users_with_short_lists_are_reported(with_costs):
    weeks = [[cost("all active filters", "", 0.5, -0.1, None, short=short)] for short in (0.02, 0.08, 0.01)]

    assert "2.0\xa0% of the users have fewer than 100 candidates" in filter_costs(with_costs(*weeks)).caption


def test_without_a_measurement_of_all_filters_the_caption_has_no_summary(with_costs):
    week = [cost("channel", "2", 0.3, -0.03, 0.0, active=False)]

    section = filter_costs(with_costs(week, week, week))

    assert section.caption.startswith("Filters are applied")
    assert [key.label for key in section.keys] == [
        "not active, for comparison", "interval contains zero: not significant"
    ]  # fmt: skip


def test_active_filters_are_first_and_every_row_has_its_median(results):
    dropped, change, new_change = (panel.svg for panel in filter_costs(results).panels)

    for svg, medians in ((dropped, ["4.0\xa0%", "20.0\xa0%"]), (change, ["-0.40", "-3.00"]),
                         (new_change, ["+2.00", "+0.00"])):  # fmt: skip
        rows = ["Active", "all active filters", medians[0], "Not active", "channel, 2", medians[1]]
        assert [text for text in texts(svg) if text in rows] == rows


def test_the_table_has_a_row_for_each_filter_and_week(results):
    (table,) = filter_costs(results).tables

    assert len(table.rows) == 6
    assert table.rows[0] == (
        "all active filters", "-", "yes", "2017-11-14", "2.0\xa0%", "50.0\xa0%", "0.0\xa0%", "-0.40 (-0.50 to -0.30)",
        "0.98 (0.98 to 0.99)", "+1.00 (+0.90 to +1.10)", "1.04 (1.04 to 1.04)",
    )  # fmt: skip
    assert table.rows[4][:4] == ("channel", "2", "no", "2017-11-21")
    assert table.rows[4][-2:] == ("-", "-")


def test_changes_that_are_not_significant_are_hollow(with_costs):
    def marks(change):
        week = [cost("for_sale", "", 0.1, change, None)]
        svg = filter_costs(with_costs(week, week, week)).panels[1].svg
        return re.findall(r"<use [^>]*style=\"fill: var\(--(\w+)\)", svg)

    assert marks(-0.05) == ["blue"] * 3
    assert marks(-0.0005) == ["card"] * 3


def test_without_purchases_of_new_items_there_is_no_panel_for_them(with_costs):
    week = [cost("for_sale", "", 0.1, -0.01, None)]

    assert [panel.title for panel in filter_costs(with_costs(week, week, week)).panels] == [
        "Share of the first 100 candidates dropped", "All purchases: change of recall@100"
    ]  # fmt: skip


def test_filters_without_effect_are_at_zero(with_costs):
    week = [cost("for_sale", "", 0.0, 0.0, 0.0)]

    _, change, _ = filter_costs(with_costs(week, week, week)).panels

    assert {"0", "+0.00"} <= set(texts(change.svg))


def test_a_filter_may_be_measured_in_some_weeks_only(with_costs):
    one, other = cost("for_sale", "", 0.1, -0.01, None), cost("age_limit", "", 0.2, -0.02, None)

    section = filter_costs(with_costs([one], [one, other], []))

    assert [row[0:4:3] for row in section.tables[0].rows] == [
        ("for sale", "2017-11-14"), ("for sale", "2017-11-21"), ("age limit", "2017-11-21")
    ]  # fmt: skip


def test_without_filter_costs_there_is_no_section(make_results):
    results = make_results(weeks=2)
    del results["windows"][0]["filter_costs"]
    results["windows"][1]["filter_costs"] = []

    assert filter_costs(results) is None


def test_sources_have_their_shares_and_recalls(make_results):
    section = candidate_sources(make_results(weeks=1))

    assert [key.label for key in section.keys] == [
        "own purchases", "two towers", "bought together", "last week's bestsellers"
    ]  # fmt: skip
    recalls, shares = (rows_of(table) for table in section.tables)
    assert recalls["own purchases"] == (
        "22.9\xa0%", "30.1\xa0%", "42.7\xa0%", "7.1\xa0%", "9.4\xa0%", "13.3\xa0%"
    )  # fmt: skip
    assert recalls["union of all"][1] == "43.1\xa0%"
    assert recalls["blended"][1] == "33.8\xa0%"
    assert shares["own purchases"][1] == "46.0\xa0%"
    assert "30.1\xa0%, unique 9.4\xa0%" in texts(section.panels[1].svg)


def test_without_source_results_there_is_no_section(make_results):
    results = make_results(weeks=1)
    results["windows"][0]["sources"] = None

    assert candidate_sources(results) is None

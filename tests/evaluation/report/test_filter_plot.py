"""What the price tags of filters say; how they look is for eyes."""

import re

import pytest

from evaluation.report.filter_plot import filter_costs


def comparison(change, half=0.001):
    difference = [change, change - half, change + half]
    return {"difference": difference, "ratio": [1 + 4 * value for value in difference]}


def price(name, setting, dropped, every, new, *, in_force=True, short=0.0):
    return {
        "name": name, "setting": setting, "active": in_force, "dropped": dropped, "affected_users": 0.5,
        "short_lists": short,
        "all": comparison(every), "new": None if new is None else comparison(new),
    }  # fmt: skip


@pytest.fixture
def priced(make_results):
    """Results of three weeks with these prices in each."""

    def priced(*weeks):
        results = make_results(cuts=3)
        for cut, prices in zip(results["windows"], weeks, strict=True):
            cut["filter_costs"] = list(prices)
        return results

    return priced


@pytest.fixture
def results(priced):
    return priced(
        [price("channel", "2", 0.3, -0.03, 0.0, in_force=False), price("all active filters", "", 0.02, -0.004, 0.01)],
        [price("channel", "2", 0.1, -0.01, None, in_force=False), price("all active filters", "", 0.05, -0.009, None)],
        [price("channel", "2", 0.2, -0.05, 0.0, in_force=False), price("all active filters", "", 0.04, -0.002, 0.03)],
    )


def test_one_sentence_says_what_the_filters_in_force_take_out_and_cost_in_the_median(results):
    assert filter_costs(results).reading.startswith(
        "All filters in force together take out 4.0\xa0% of the candidates and change recall@100 by -0.40 points on "
        "all purchases and by +2.00 points on items new to the user. A filter takes "
    )


def test_users_who_are_left_with_too_few_candidates_are_told(priced):
    weeks = [[price("all active filters", "", 0.5, -0.1, None, short=short)] for short in (0.02, 0.08, 0.01)]

    reading = filter_costs(priced(*weeks)).reading

    assert "by -10.00 points on all purchases. They leave 2.0\xa0% of the users with fewer than 100" in reading


def test_where_the_set_was_not_priced_nothing_is_said_of_it(priced):
    week = [price("channel", "2", 0.3, -0.03, 0.0, in_force=False)]

    exhibit = filter_costs(priced(week, week, week))

    assert exhibit.reading.startswith("A filter takes candidates out before the list is cut")
    assert [key.label for key in exhibit.keys] == [
        "not in force: what it would cost", "interval reaches zero: too close to call"
    ]  # fmt: skip


def test_each_row_has_its_medians_and_what_is_in_force_stands_first(results):
    svg = filter_costs(results).panels[0].svg

    texts = re.findall(r">([^<>]+)</text>", svg)
    assert [text for text in texts if text in {"In force", "all active filters", "Not in force", "channel, 2"}] == [
        "In force", "all active filters", "Not in force", "channel, 2"
    ]  # fmt: skip
    medians = ["4.0\xa0%", "20.0\xa0%", "-0.40", "-3.00", "+2.00", "+0.00"]
    assert [text for text in texts if text in medians] == medians


def test_those_who_cannot_see_it_are_told_the_medians(results):
    assert filter_costs(results).panels[0].label == (
        "Bars and forest plot, shares and percentage points, medians over weeks: all active filters drops 4.0\xa0%, "
        "changes "
        "recall by -0.40 on all purchases, +2.00 on items new to the user; channel, 2 (not in force) drops 20.0\xa0%, "
        "changes recall by -3.00 on all purchases, +0.00 on items new to the user."
    )


def test_the_table_has_a_row_for_each_filter_and_week(results):
    (table,) = filter_costs(results).tables

    assert len(table.rows) == 6
    assert table.rows[0] == (
        "all active filters", "-", "yes", "2017-11-14", "2.0\xa0%", "50.0\xa0%", "0.0\xa0%", "-0.40 (-0.50 to -0.30)",
        "0.98 (0.98 to 0.99)", "+1.00 (+0.90 to +1.10)", "1.04 (1.04 to 1.04)",
    )  # fmt: skip
    assert table.rows[4][:4] == ("channel", "2", "no", "2017-11-21")
    assert table.rows[4][-2:] == ("-", "-")


def test_an_interval_that_reaches_zero_is_hollow(priced):
    def marks(change):
        week = [price("for_sale", "", 0.1, change, None)]
        return re.findall(
            r"<use [^>]*style=\"fill: var\(--(\w+)\)", filter_costs(priced(week, week, week)).panels[0].svg
        )

    assert marks(-0.05) == ["blue"] * 3
    assert marks(-0.0005) == ["card"] * 3


def test_without_purchases_of_new_items_there_is_no_column_for_them(priced):
    week = [price("for_sale", "", 0.1, -0.01, None)]

    svg = filter_costs(priced(week, week, week)).panels[0].svg

    assert "All purchases, recall@100" in svg
    assert "Items new to the user" not in svg


def test_filters_that_change_nothing_are_drawn_at_zero(priced):
    nothing = price("for_sale", "", 0.0, 0.0, 0.0)
    nothing["all"] = nothing["new"] = {"difference": [0.0, 0.0, 0.0], "ratio": [1.0, 1.0, 1.0]}

    texts = re.findall(r">([^<>]+)</text>", filter_costs(priced([nothing], [nothing], [nothing])).panels[0].svg)

    assert "0" in texts
    assert texts.count("+0.00") == 2


def test_a_filter_that_some_weeks_did_not_price_keeps_its_places(priced):
    one, other = price("for_sale", "", 0.1, -0.01, None), price("age_limit", "", 0.2, -0.02, None)

    exhibit = filter_costs(priced([one], [one, other], []))

    assert [row[0:4:3] for row in exhibit.tables[0].rows] == [
        ("for sale", "2017-11-14"), ("for sale", "2017-11-21"), ("age limit", "2017-11-21")
    ]  # fmt: skip


def test_without_prices_there_is_no_section(make_results):
    results = make_results(cuts=2)
    del results["windows"][0]["filter_costs"]
    results["windows"][1]["filter_costs"] = []

    assert filter_costs(results) is None

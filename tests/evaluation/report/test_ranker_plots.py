"""What the page says of the ranker; how it looks is for eyes."""

import re

import pytest

from evaluation.report.ranker_plots import ranker


@pytest.fixture
def results(make_results):
    """Two weeks; in the second two features and two groups of candidates."""
    results = make_results(cuts=2)
    results["windows"][1]["rankings"]["all"].update(
        ranked=True,
        importances=[{"feature": "blender_score", "ndcg_drop": 0.03125}, {"feature": "log_sales_1d",
        "ndcg_drop": -0.00001}],
        reliability=[
            {"predicted": 0.00123, "observed": 0.002, "count": 1_100}, {"predicted": 0.25, "observed": 0.2,
            "count": 1_099}
        ],
    )  # fmt: skip
    return results


def texts(svg):
    return re.findall(r">([^<>]+)</text>", svg)


def test_the_last_ranker_that_was_learned_is_drawn(results):
    exhibit = ranker(results)

    assert exhibit.reading.startswith(
        "All purchases: learned for the week of 2017-11-21. Asked are those who bought in the week before it, which "
    )
    assert [panel.title for panel in exhibit.panels] == [
        "All purchases: what it goes by", "All purchases: predicted and bought"
    ]  # fmt: skip


def test_a_ranker_that_was_not_worth_its_place_is_told_as_such(results):
    results["windows"][1]["rankings"]["all"]["ranked"] = False

    assert "learned for the week of 2017-11-21, but not used. " in ranker(results).reading


def test_a_week_without_a_ranker_of_its_own_leaves_the_one_before(results):
    results["windows"][1]["rankings"]["all"].update(importances=[], reliability=[])

    assert "the week of 2017-11-14. " in ranker(results).reading


def test_features_stand_in_their_order_with_what_they_are_worth(results):
    svg, table = ranker(results).panels[0].svg, ranker(results).tables[0]

    told = [text for text in texts(svg) if text in {"blender score", "log sales 1d", "0.0312", "0.0000"}]
    assert told == ["blender score", "log sales 1d", "0.0312", "0.0000"]
    assert table.rows == (("blender score", "+0.03125"), ("log sales 1d", "-0.00001"))


def test_shares_bought_stand_beside_those_predicted(results):
    exhibit = ranker(results)

    assert exhibit.tables[1].header == ("All purchases: group", "predicted", "bought", "candidates")
    assert exhibit.tables[1].rows == (("1", "0.123\xa0%", "0.2\xa0%", "1,100"), ("2", "25\xa0%", "20\xa0%", "1,099"))
    assert exhibit.panels[1].label == (
        "Line chart on logarithmic axes, share bought of share predicted, the least likely first: 0.2\xa0% of "
        "0.123\xa0%, 20\xa0% of 25\xa0%."
    )
    assert {"0.1\xa0%", "1\xa0%", "10\xa0%"} <= set(texts(exhibit.panels[1].svg))


def test_over_many_powers_of_ten_only_these_are_ticks(results):
    results["windows"][1]["rankings"]["all"]["reliability"][0]["predicted"] = 0.00002

    assert [text for text in texts(ranker(results).panels[1].svg) if "%" in text] == [
        "0.01\xa0%", "0.1\xa0%", "1\xa0%", "10\xa0%"
    ] * 2  # fmt: skip


def test_a_group_of_which_nothing_was_bought_is_hollow_at_the_edge(results):
    def marks():
        return re.findall(r"<use [^>]*style=\"fill: var\(--(\w+)\)", ranker(results).panels[1].svg)

    assert marks() == ["blue"] * 2
    assert ranker(results).keys == ()

    results["windows"][1]["rankings"]["all"]["reliability"][0]["observed"] = 0.0
    assert marks() == ["blue", "card"]
    assert [key.label for key in ranker(results).keys] == ["none of these was bought"]


def test_where_nothing_was_learned_there_is_no_section(results):
    for cut in results["windows"]:
        cut["rankings"]["all"]["reliability"] = []
    assert ranker(results) is None

    for cut in results["windows"]:
        del cut["rankings"]
    assert ranker(results) is None


def test_a_ranker_of_each_protocol_has_its_panels(results):
    rankings = results["windows"][1]["rankings"]
    rankings["new"] = rankings["all"]

    exhibit = ranker(results)

    assert [panel.title.partition(":")[0] for panel in exhibit.panels] == ["All purchases"] * 2 + [
        "Items new to the user"
    ] * 2

"""What the page says of the candidates' order; how it looks is for eyes."""

import re

import pytest

from evaluation.report.ranking_plot import candidate_order


def comparison(change, half=0.001):
    return {"difference": [change, change - half, change + half], "ratio": [1.1, 1.0, 1.2]}


@pytest.fixture
def ordered(make_results):
    """Results of weeks with these changes of MAP@12 after the cut; None where retrieval's order was kept."""

    def ordered(*changes):
        results = make_results(cuts=len(changes))
        for cut, change in zip(results["windows"], changes, strict=True):
            every = cut["rankings"]["all"]
            every.update(ranked=change is not None, test={"map@12": comparison(change or 0.0, 0.001)})
        return results

    return ordered


def texts(svg):
    return re.findall(r">([^<>]+)</text>", svg)


def test_both_orders_stand_above_the_three_best_simple_lists_of_the_protocol(ordered):
    every, new = candidate_order(ordered(0.002, 0.002)).panels

    assert [text for text in texts(every.svg) if re.search("[a-z]{4}", text)] == [
        "mean average precision", "ranked candidates", "blended candidates", "own purchases by frequency",
        "bought together (item to item)", "bestsellers of the department",
    ]  # fmt: skip
    assert [text for text in texts(new.svg) if re.search("[a-z]{4}", text)][3:] == [
        "bought together (item to item)", "bestsellers of the department", "own purchases by frequency"
    ]  # fmt: skip


def test_the_reading_says_what_came_of_the_order_in_the_weeks_that_had_one(ordered):
    assert candidate_order(ordered(0.004, None, -0.002, 0.0005)).reading.startswith(
        "All purchases: the ranker orders the candidates in 3 of 4 weeks and changes MAP@12 by +0.0005 in the median: "
        "clearly for the better in 1, clearly for the worse in 1, too close to call in 1. Items new to the user: "
        "retrieval's order was kept in 4 weeks. Retrieval orders what is new to the user. Further right, "
    )


def test_a_week_in_which_retrievals_order_was_kept_is_hollow(ordered):
    def marks(*changes):
        return re.findall(r"<use [^>]*style=\"fill: var\(--(\w+)\)", candidate_order(ordered(*changes)).panels[0].svg)

    assert marks(0.002, None)[:4] == ["vermillion", "card", "blue", "blue"]
    assert marks(0.002, 0.002)[:4] == ["vermillion", "vermillion", "blue", "blue"]


def test_the_key_tells_hollow_marks_where_there_are_any(ordered):
    results = ordered(0.002)
    (key,) = candidate_order(results).keys
    assert (key.label, key.hollow) == ("retrieval's order was kept in that week", True)

    del results["windows"][0]["rankings"]["new"]
    assert candidate_order(results).keys == ()


def test_those_who_cannot_see_it_are_told_the_medians(ordered):
    results = ordered(0.002)
    for name, precision in (("ranked candidates", 0.2), ("blended candidates", 0.15)):
        results["windows"][0]["models"][name]["all"]["map@12"] = [precision, 0.1, 0.3]

    assert (
        candidate_order(results)
        .panels[0]
        .label.startswith(
            "Plot of MAP@12 with intervals, week by week; medians: ranked candidates 0.2000, "
            "blended candidates 0.1500, "
        )
    )


def test_the_tables_have_every_measure_of_every_week_and_what_was_decided(ordered):
    results = ordered(0.002, None)
    results["windows"][1]["models"]["ranked candidates"]["all"].update(
        {"map@12": [0.2, 0.1, 0.3], "ndcg@12": [0.4, 0.3, 0.5], "recall@12": [0.6, 0.5, 0.7]}
    )

    orders, decisions, _, new = candidate_order(results).tables

    assert orders.header == ("All purchases: order", "week", "MAP@12", "NDCG@12", "recall@12")
    assert len(orders.rows) == 5 * 2
    assert orders.rows[1] == (
        "ranked candidates", "2017-11-21", "0.2000 (0.1000 to 0.3000)", "0.4000 (0.3000 to 0.5000)",
        "0.6000 (0.5000 to 0.7000)",
    )  # fmt: skip
    assert decisions.rows[0] == (
        "2017-11-14", "the ranker", "1,214", "0.3120 (0.3010 to 0.3230)", "0.3310 (0.3200 to 0.3420)",
        "+0.0190 (+0.0040 to +0.0340)", "+0.0020 (+0.0010 to +0.0030)", "1.10 (1.00 to 1.20)",
    )  # fmt: skip
    assert decisions.rows[1][1] == "retrieval"
    assert new.rows[0][1:6] == ("retrieval", "0", "-", "-", "-")


def test_a_week_without_purchases_of_new_items_has_no_mark_and_a_dash(ordered):
    results = ordered(0.002, 0.002)
    results["windows"][0]["rankings"]["new"]["test"] = {}
    for model in results["windows"][0]["models"].values():
        model["new"] = {}

    exhibit = candidate_order(results)

    assert len(re.findall("<use ", exhibit.panels[1].svg)) == 5
    assert exhibit.tables[3].rows[0][-2:] == ("-", "-")


def test_a_ranker_after_whose_cuts_nobody_bought_is_told_without_a_change(ordered):
    results = ordered(0.002)
    results["windows"][0]["rankings"]["all"]["test"] = {}

    assert candidate_order(results).reading.startswith(
        "All purchases: the ranker orders the candidates in 1 of 1 week. Items"
    )


def test_evaluations_without_rankers_have_no_section(ordered):
    results = ordered(0.002)
    del results["windows"][0]["rankings"]

    assert candidate_order(results) is None

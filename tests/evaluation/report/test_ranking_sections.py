import re

import pytest

from evaluation.report.ranking_sections import ranker_details, ranking_order


def comparison(change, half=0.001):
    return {"difference": [change, change - half, change + half], "ratio": [1.1, 1.0, 1.2]}


@pytest.fixture
def with_changes(make_results):
    """Results of weeks with these changes of MAP@12 after the cut; None in weeks with retrieval order."""

    def with_changes(*changes):
        results = make_results(weeks=len(changes))
        for window, change in zip(results["windows"], changes, strict=True):
            ranking = window["rankings"]["all"]
            ranking.update(ranked=change is not None, test={"map@12": comparison(change or 0.0)})
        return results

    return with_changes


@pytest.fixture
def with_ranker(make_results):
    """Results of two weeks; the ranker of the second has two features and two bins."""
    results = make_results(weeks=2)
    results["windows"][1]["rankings"]["all"].update(
        ranked=True,
        importances=[
            {"feature": "blender_score", "ndcg_drop": 0.03125}, {"feature": "log_sales_1d", "ndcg_drop": -0.00001}
        ],
        reliability=[
            {"predicted": 0.00123, "observed": 0.002, "count": 1_100},
            {"predicted": 0.25, "observed": 0.2, "count": 1_099},
        ],
    )  # fmt: skip
    return results


def texts(svg):
    return re.findall(r">([^<>]+)</text>", svg)


def marks(svg):
    return re.findall(r"<use [^>]*style=\"fill: var\(--(\w+)\)", svg)


def test_both_orders_are_above_the_three_best_baselines_of_the_protocol(with_changes):
    panels = ranking_order(with_changes(0.002, 0.002)).panels

    names = [[text for text in texts(panel.svg) if re.search("[a-z]{3}", text)] for panel in panels]
    assert names == [
        ["ranked candidates", "blended candidates", "own purchases by frequency", "item-kNN", "decayed popularity"],
        ["ranked candidates", "blended candidates", "item-kNN", "decayed popularity", "own purchases by frequency"],
    ]


def test_the_caption_reports_the_change_in_weeks_with_the_ranker(with_changes):
    caption = ranking_order(with_changes(0.004, None, -0.002, 0.0005)).caption

    assert caption.startswith(
        "All purchases: ranker used in 3 of 4 weeks, change of MAP@12 +0.0005 (median), significantly higher in 1 of 3 "
        "weeks, significantly lower in 1, not significantly different in 1. Items new to the user: ranker used in 0 of "
        "4 weeks. Ranker not used: too few users. "
    )


def test_weeks_with_retrieval_order_are_hollow(with_changes):
    mixed, ranked = (ranking_order(with_changes(*changes)) for changes in ((0.002, None), (0.002, 0.002)))

    assert marks(mixed.panels[0].svg)[:4] == ["vermillion", "card", "blue", "blue"]
    assert marks(ranked.panels[0].svg)[:4] == ["vermillion", "vermillion", "blue", "blue"]


def test_the_key_explains_hollow_marks_if_there_are_any(with_changes):
    results = with_changes(0.002)
    (key,) = ranking_order(results).keys
    assert key.hollow

    del results["windows"][0]["rankings"]["new"]
    assert ranking_order(results).keys == ()


def test_rows_have_their_median_over_weeks(with_changes):
    results = with_changes(0.002, 0.002)
    for window, precision in zip(results["windows"], (0.2, 0.3), strict=True):
        window["models"]["ranked candidates"]["all"]["map@12"] = [precision, 0.1, 0.4]

    assert "0.2500" in texts(ranking_order(results).panels[0].svg)


def test_the_tables_have_the_metrics_and_the_decision_of_every_week(with_changes):
    results = with_changes(0.002, None)
    results["windows"][1]["models"]["ranked candidates"]["all"].update(
        {"map@12": [0.2, 0.1, 0.3], "ndcg@12": [0.4, 0.3, 0.5], "recall@12": [0.6, 0.5, 0.7]}
    )

    metrics, decisions, _, new_decisions = ranking_order(results).tables

    assert metrics.header == ("All purchases: model", "week", "MAP@12", "NDCG@12", "recall@12")
    assert len(metrics.rows) == 5 * 2
    assert metrics.rows[1] == (
        "ranked candidates", "2017-11-21", "0.2000 (0.1000 to 0.3000)", "0.4000 (0.3000 to 0.5000)",
        "0.6000 (0.5000 to 0.7000)",
    )  # fmt: skip
    assert decisions.rows[0] == (
        "2017-11-14", "ranker", "1,214", "0.3120 (0.3010 to 0.3230)", "0.3310 (0.3200 to 0.3420)",
        "+0.0190 (+0.0040 to +0.0340)", "+0.0020 (+0.0010 to +0.0030)", "1.10 (1.00 to 1.20)",
    )  # fmt: skip
    assert decisions.rows[1][1] == "retrieval"
    assert new_decisions.rows[0][1:6] == ("retrieval", "0", "-", "-", "-")


def test_weeks_without_purchases_of_new_items_have_no_mark_and_a_dash(with_changes):
    results = with_changes(0.002, 0.002)
    results["windows"][0]["rankings"]["new"]["test"] = {}
    for model in results["windows"][0]["models"].values():
        model["new"] = {}

    section = ranking_order(results)

    assert len(marks(section.panels[1].svg)) == 5
    assert section.tables[3].rows[0][-2:] == ("-", "-")


def test_without_purchases_after_the_cut_the_caption_has_no_change(with_changes):
    results = with_changes(0.002)
    results["windows"][0]["rankings"]["all"]["test"] = {}

    assert ranking_order(results).caption.startswith("All purchases: ranker used in 1 of 1 week. Items")


def test_without_rankings_there_is_no_section(with_changes):
    results = with_changes(0.002)
    del results["windows"][0]["rankings"]

    assert ranking_order(results) is None
    assert ranker_details(results) is None


def test_the_last_ranker_is_shown(with_ranker):
    section = ranker_details(with_ranker)

    assert section.caption.startswith("All purchases: ranker for the cut 2017-11-21. ")
    assert [panel.title for panel in section.panels] == [
        "All purchases: permutation importance", "All purchases: reliability diagram"
    ]  # fmt: skip


def test_a_ranker_that_is_not_used_is_marked(with_ranker):
    with_ranker["windows"][1]["rankings"]["all"]["ranked"] = False

    assert "ranker for the cut 2017-11-21, not used." in ranker_details(with_ranker).caption


def test_without_a_ranker_in_the_last_week_the_one_before_is_shown(with_ranker):
    with_ranker["windows"][1]["rankings"]["all"].update(importances=[], reliability=[])

    assert "2017-11-14" in ranker_details(with_ranker).caption


def test_features_have_their_importance_in_the_given_order(with_ranker):
    section = ranker_details(with_ranker)

    shown = [text for text in texts(section.panels[0].svg) if text in {"blender score", "log sales 1d", "0.0312"}]
    assert shown == ["blender score", "0.0312", "log sales 1d"]
    assert section.tables[0].rows == (("blender score", "+0.03125"), ("log sales 1d", "-0.00001"))


def test_bins_have_their_predicted_and_observed_shares(with_ranker):
    section = ranker_details(with_ranker)

    assert section.tables[1].header == ("All purchases: bin", "predicted", "observed", "candidates")
    assert section.tables[1].rows == (("1", "0.123\xa0%", "0.2\xa0%", "1,100"), ("2", "25\xa0%", "20\xa0%", "1,099"))
    assert {"0.1\xa0%", "1\xa0%", "10\xa0%"} <= set(texts(section.panels[1].svg))


def test_wide_logarithmic_axes_have_ticks_at_powers_of_ten_only(with_ranker):
    with_ranker["windows"][1]["rankings"]["all"]["reliability"][0]["predicted"] = 0.00002

    assert [text for text in texts(ranker_details(with_ranker).panels[1].svg) if "%" in text] == [
        "0.01\xa0%", "0.1\xa0%", "1\xa0%", "10\xa0%"
    ] * 2  # fmt: skip


def test_a_bin_without_purchases_is_hollow_at_the_edge(with_ranker):
    assert marks(ranker_details(with_ranker).panels[1].svg) == ["blue"] * 2
    assert ranker_details(with_ranker).keys == ()

    with_ranker["windows"][1]["rankings"]["all"]["reliability"][0]["observed"] = 0.0

    assert marks(ranker_details(with_ranker).panels[1].svg) == ["blue", "card"]
    assert len(ranker_details(with_ranker).keys) == 1


def test_without_reliability_there_is_no_section_of_details(with_ranker):
    for window in with_ranker["windows"]:
        window["rankings"]["all"]["reliability"] = []

    assert ranker_details(with_ranker) is None


def test_the_ranker_of_each_protocol_has_its_panels(with_ranker):
    rankings = with_ranker["windows"][1]["rankings"]
    rankings["new"] = rankings["all"]

    titles = [panel.title.partition(":")[0] for panel in ranker_details(with_ranker).panels]

    assert titles == ["All purchases"] * 2 + ["Items new to the user"] * 2

"""What the sections of the page show; how they look is for eyes."""

import re
from itertools import pairwise

import pytest

from evaluation.report.coverage_table import catalogue_coverage
from evaluation.report.difference_plot import paired_differences
from evaluation.report.recall_plots import recall_by_candidates, recall_by_cut
from evaluation.report.sections import exhibits_of
from evaluation.report.slice_plots import recall_by_activity, recall_by_decile, recall_of_cold_items
from evaluation.report.source_plots import candidate_sources
from evaluation.report.training_plot import training_curve


@pytest.fixture(scope="module")
def results(make_results):
    return make_results(cuts=2)


def rows_of(table):
    return {row[0]: row[1:] for row in table.rows}


def test_every_section_has_panels_with_words_for_those_who_cannot_see_them(results):
    exhibits = exhibits_of(results)

    assert len(exhibits) == 12
    for exhibit in exhibits:
        assert exhibit.tables
        for panel in exhibit.panels:
            assert panel.svg.startswith("<svg")
            assert len(panel.label) > 40
        for table in exhibit.tables:
            assert {len(row) for row in table.rows} == {len(table.header)}


def test_every_model_is_named_at_the_end_of_its_line(results):
    svg = recall_by_candidates(results).panels[0].svg

    assert len(re.findall(r">\d+\.\d\u00a0% [^<]+</text>", svg)) == 13


def test_names_beside_lines_do_not_overlap(results):
    svg = recall_by_candidates(results).panels[0].svg

    heights = sorted(float(y) for y in re.findall(r'y="([\d.]+)"[^>]*>\d+\.\d\u00a0% [^<]+</text>', svg))
    assert min(after - before for before, after in pairwise(heights)) > 14


def test_recall_by_cut_needs_more_than_one_cut(make_results, results):
    assert recall_by_cut(make_results(cuts=1)) is None
    assert recall_by_cut(results).tables[0].header == ("All purchases", "2017-11-14", "2017-11-21")


def test_differences_are_shown_for_every_model_baseline_and_cut(results):
    exhibit = paired_differences(results)

    assert len(exhibit.tables[0].rows) == 4 * 5 * 2
    assert "blended candidates against last week's bestsellers: ahead in 2, behind in 0 of 2" in exhibit.panels[0].label


def test_without_comparisons_there_are_no_differences(make_results):
    results = make_results(cuts=1)
    results["windows"][0]["comparisons"] = {}

    assert paired_differences(results) is None


def test_deciles_are_added_up_over_cuts(results):
    for cut, relevant, recall in zip(results["windows"], (30, 10), (0.5, 0.1), strict=True):
        rows = cut["models"]["two towers"]["slices"]["deciles"]
        rows[0] = {"decile": 1, "relevant": relevant, "recall": recall}
        rows[1] = {"decile": 2, "relevant": 0, "recall": None}

    rows = rows_of(recall_by_decile(results).tables[0])

    assert rows["two towers"][:2] == ("40.0\xa0%", "-")  # 15 and 1 of 40


def test_activity_is_that_of_the_last_cut(results):
    table = recall_by_activity(results).tables[0]

    assert table.header[1] == "cold users (448 users)"
    assert len(table.header) == 6


def test_users_who_had_never_bought_are_told_beside_the_others(make_results):
    results = make_results(cuts=2)
    assert "never bought before:" not in recall_by_activity(results).reading
    for cut, users, recall in zip(results["windows"], (1, 3), (0.05, 0.25), strict=True):
        cut["cold_users"] = {"users": users, "recall": [recall, 0.0, 1.0]}

    assert recall_by_activity(results).reading.endswith(
        " Beside these, over all weeks, 4 users had never bought before: they are shown last week's bestsellers, and "
        "20.0\xa0% of what they bought stood there."
    )


def test_users_that_were_not_grouped_have_no_section(make_results):
    results = make_results(cuts=1)
    for model in results["windows"][0]["models"].values():
        model["slices"]["activity"] = []

    assert recall_by_activity(results) is None


def test_cold_items_say_how_many_purchases_they_are(results):
    assert [key.label for key in recall_of_cold_items(results).keys] == [
        "never sold before (1,624 purchases)", "sold before (82,754 purchases)"
    ]  # fmt: skip


def test_breadth_is_the_median_over_cuts(results):
    assert rows_of(catalogue_coverage(results).tables[0])["two towers"][:3] == ("65,320", "71.0\xa0%", "79.0\xa0%")


def test_sources_show_shares_and_worth(results):
    exhibit = candidate_sources(results)

    assert [key.label for key in exhibit.keys] == [
        "own purchases", "two towers", "bought together", "last week's bestsellers"
    ]  # fmt: skip
    assert rows_of(exhibit.tables[0])["own purchases"] == (
        "22.9\xa0%", "30.1\xa0%", "42.7\xa0%", "7.1\xa0%", "9.4\xa0%", "13.3\xa0%"
    )  # fmt: skip
    assert "union 43.1\xa0%, fused 33.8\xa0%" in exhibit.panels[1].label


def test_the_loss_axis_does_not_begin_at_zero_and_is_not_in_percent(results):
    loss = training_curve(results).panels[0].svg

    ticks = re.findall(r">([\d.]+)</text>", loss)
    assert "8" in ticks
    assert "0" not in ticks


def test_without_recall_the_training_curve_is_the_loss_alone(make_results):
    results = make_results(cuts=1)
    for epoch in results["windows"][0]["training_history"]:
        epoch["recall"] = epoch["new_item_recall"] = None

    assert [panel.title for panel in training_curve(results).panels] == ["Loss"]


def test_what_was_not_made_is_not_shown(make_results):
    results = make_results(cuts=1)
    results["windows"][0].update(sources=None, training_history=[])

    assert candidate_sources(results) is None
    assert training_curve(results) is None

import pytest

from evaluation.report.recall_sections import paired_differences, recall_by_candidates, recall_by_week, training_curve


@pytest.fixture
def results(make_results):
    return make_results(weeks=2)


def rows_of(table):
    return {row[0]: row[1:] for row in table.rows}


def test_recall_by_candidates_has_the_medians_of_every_model_and_cutoff(results):
    for window, estimate in zip(results["windows"], ([0.3, 0.2, 0.4], [0.5, 0.3, 0.7]), strict=True):
        window["models"]["item-kNN"]["all"]["recall@50"] = estimate

    section = recall_by_candidates(results)

    assert [panel.title for panel in section.panels] == ["All purchases", "Items new to the user"]
    assert section.tables[0].header == ("All purchases", "recall@12", "recall@50", "recall@100", "recall@300")
    assert len(section.tables[0].rows) == 13
    assert rows_of(section.tables[0])["item-kNN"][1] == "40.0\xa0% (25.0\xa0% to 55.0\xa0%)"


def test_recall_by_week_needs_more_than_one_week(make_results, results):
    assert recall_by_week(make_results(weeks=1)) is None
    assert recall_by_week(results).tables[0].header == ("All purchases", "2017-11-14", "2017-11-21")


def test_weeks_without_purchases_of_new_items_are_dashes(results):
    results["windows"][0]["models"]["item-kNN"]["new"] = {}

    assert rows_of(recall_by_week(results).tables[1])["item-kNN"][0] == "-"


def test_differences_are_shown_for_every_model_baseline_and_week(results):
    compared = {"difference": [0.02, 0.01, 0.03], "ratio": [1.1, 1.0, 1.2]}
    results["windows"][0]["comparisons"]["two towers"]["item-kNN"]["all"]["recall@100"] = compared

    table = paired_differences(results).tables[0]

    assert len(table.rows) == 4 * 5 * 2
    (row,) = [row for row in table.rows if row[:3] == ("two towers", "item-kNN", "2017-11-14")]
    assert row[3:] == ("+2.00 (+1.00 to +3.00)", "1.10 (1.00 to 1.20)")


def test_without_comparisons_there_is_no_section_of_differences(make_results):
    results = make_results(weeks=1)
    results["windows"][0]["comparisons"] = {}

    assert paired_differences(results) is None


def test_the_training_curve_is_that_of_the_last_window_with_one(results):
    results["windows"][1]["training_history"] = []

    section = training_curve(results)

    assert "2017-11-14" in section.caption
    assert [panel.title for panel in section.panels] == ["Training loss", "Recall on the validation week"]
    assert section.tables[0].rows[0] == ("1", "8.7200", "20.0\xa0%", "6.5\xa0%")


def test_without_recall_the_training_curve_is_the_loss_only(make_results):
    results = make_results(weeks=1)
    for epoch in results["windows"][0]["training_history"]:
        epoch["recall"] = epoch["new_item_recall"] = None

    assert [panel.title for panel in training_curve(results).panels] == ["Training loss"]


def test_without_training_histories_there_is_no_section(make_results):
    results = make_results(weeks=1)
    results["windows"][0]["training_history"] = []

    assert training_curve(results) is None

import pytest

from evaluation.report.slice_sections import recall_by_activity, recall_by_popularity, recall_of_cold_items


@pytest.fixture
def results(make_results):
    return make_results(weeks=2)


def rows_of(table):
    return {row[0]: row[1:] for row in table.rows}


def test_deciles_are_pooled_over_windows(results):
    for window, relevant, recall in zip(results["windows"], (30, 10), (0.5, 0.1), strict=True):
        rows = window["models"]["two towers"]["slices"]["deciles"]
        rows[0] = {"decile": 1, "relevant": relevant, "recall": recall}
        rows[1] = {"decile": 2, "relevant": 0, "recall": None}

    rows = rows_of(recall_by_popularity(results).tables[0])

    assert rows["two towers"][:2] == ("40.0\xa0%", "-")  # 15 and 1 of 40


def test_activity_is_that_of_the_last_window(results):
    section = recall_by_activity(results)

    assert "2017-11-21" in section.caption
    assert section.tables[0].header[1] == "cold users (448 users)"
    assert len(section.tables[0].header) == 6


def test_cold_users_are_reported_in_the_caption(results):
    assert "cold user" not in recall_by_activity(results).caption
    for window, users, recall in zip(results["windows"], (1, 3), (0.05, 0.25), strict=True):
        window["cold_users"] = {"users": users, "recall": [recall, 0.0, 1.0]}

    caption = recall_by_activity(results).caption

    assert "4 cold users" in caption
    assert "20.0\xa0%" in caption


def test_without_activity_groups_there_is_no_section(make_results):
    results = make_results(weeks=1)
    for model in results["windows"][0]["models"].values():
        model["slices"]["activity"] = []

    assert recall_by_activity(results) is None


def test_cold_items_are_pooled_over_windows_with_their_number_of_purchases(results):
    for window, relevant, recall in zip(results["windows"], (30, 10), (0.5, 0.1), strict=True):
        rows = window["models"]["two towers"]["slices"]["items"]
        rows[0] = {"name": "never sold before", "relevant": relevant, "recall": recall}

    section = recall_of_cold_items(results)

    assert [(key.label, key.hollow) for key in section.keys] == [
        ("never sold before (1,624 purchases)", True), ("sold before (82,754 purchases)", False)
    ]  # fmt: skip
    assert rows_of(section.tables[0])["two towers"][0] == "40.0\xa0%"


def test_a_kind_of_item_without_purchases_has_a_dash(results):
    for window in results["windows"]:
        for model in window["models"].values():
            model["slices"]["items"][0] = {"name": "never sold before", "relevant": 0, "recall": None}

    assert {row[1] for row in recall_of_cold_items(results).tables[0].rows} == {"-"}

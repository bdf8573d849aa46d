"""An evaluation of the toy data: every model and baseline at two cuts, written as a report and as numbers.

In the last week of the toy data, from 2020-02-23, everybody buys only items that are new to them; in the week before
only items that they had bought.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from evaluation.implicit_als import available
from evaluation.results import read_results

pytestmark = pytest.mark.whole_path

MODELS = ["blended candidates", "ranked candidates", "two towers"]
BASELINES = [
    "all-time bestsellers",
    "last week's bestsellers",
    "decayed popularity",
    "own purchases by frequency",
    "own purchases by recency",
    "item-kNN",
    "item-kNN, sales-weighted",
    "user-kNN",
    "TIFU-kNN",
    "UP-CF",
    *(["iALS"] if available() else []),
]
METRICS = ["recall@12", "hit_rate@12", "map@12", "ndcg@12"]  # 12 is all that is at most half of 60 items


@dataclass
class Evaluation:
    """The report, the numbers beside it, and what was printed."""

    report: Path
    results: dict
    output: str
    warnings: str

    @property
    def windows(self):
        return self.results["windows"]


@pytest.fixture(scope="module")
def evaluation(call, toy, tmp_path_factory):
    from pipelines import backtest

    report = tmp_path_factory.mktemp("evaluation") / "toy.html"
    filters = tmp_path_factory.mktemp("filters") / "unused.toml"
    filters.write_text("cool_down_days = 9\n", encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(backtest, "DEFAULT", replace(backtest.DEFAULT, epochs=1))
        done = call(
            "evaluate", "--repo", toy.repo, "--weeks", "final", "--without-seed", "--output", report,
            "--filters", filters,
        )  # fmt: skip
    assert done.exit_code == 0, done.stderr
    return Evaluation(report, read_results(report.with_suffix(".json")), done.stdout, done.stderr)


def test_a_report_and_a_file_of_numbers_are_written_and_nothing_else(evaluation):
    assert sorted(path.name for path in evaluation.report.parent.iterdir()) == ["toy.html", "toy.json"]
    report = evaluation.report.read_text(encoding="utf-8")
    assert report.startswith("<!doctype html>")
    assert all(name in report for name in MODELS)
    assert f"{evaluation.report}" in evaluation.output.splitlines()[-1]


def test_settings_without_effect_are_warned_of(evaluation):
    [warning] = [line for line in evaluation.warnings.splitlines() if line.startswith("warning: ")]

    assert "cool_down_days" in warning


def test_the_results_record_data_seed_and_filters(evaluation):
    run = evaluation.results["run"]

    assert run["filters"]["age_limit"] is True
    assert {name: run[name] for name in ("seed", "users", "items", "purchases")} == {
        "seed": 1,
        "users": 200,
        "items": 60,
        "purchases": 4_975,
    }
    assert evaluation.results["cutoffs"] == [12]


def test_the_weeks_are_evaluated_in_order_of_time(evaluation):
    assert [(window["cut_date"], window["users"], window["users_new"]) for window in evaluation.windows] == [
        ("2020-02-16", 199, 0),  # the 200th user buys nothing
        ("2020-02-23", 199, 199),
    ]


def test_every_model_and_baseline_is_evaluated_at_every_cut(evaluation):
    for window in evaluation.windows:
        assert list(window["models"]) == MODELS + BASELINES
    assert list(evaluation.results["medians"]) == MODELS + BASELINES
    for name in MODELS + BASELINES:
        assert f"\n{name} " in evaluation.output


def test_all_purchases_and_new_items_have_every_metric_with_its_interval(evaluation):
    first, last = evaluation.windows

    for result in last["models"].values():
        for protocol in ("all", "new"):
            assert list(result[protocol]) == METRICS
            for mean, low, high in result[protocol].values():
                assert 0 <= low <= mean <= high <= 1
    assert all(list(result["all"]) == METRICS and result["new"] == {} for result in first["models"].values())


def test_own_purchases_are_the_answer_in_one_week_and_not_in_the_other(evaluation):
    known, unknown = (window["models"]["own purchases by frequency"] for window in evaluation.windows)

    # A user had bought at most 10 items, all of them listed; in the last week only 2 or 3 bestsellers can be hits.
    assert known["all"]["recall@12"][0] == 1
    assert unknown["all"]["recall@12"][0] < 0.1


def test_every_model_is_compared_with_every_baseline(evaluation):
    first, last = evaluation.windows

    compared = {model: list(baselines) for model, baselines in last["comparisons"].items()}
    assert compared == dict.fromkeys(MODELS, BASELINES)
    for model in MODELS:
        for name in BASELINES:
            comparison = last["comparisons"][model][name]["new"]["recall@12"]
            recall, other = (last["models"][each]["new"]["recall@12"][0] for each in (model, name))
            difference, low, high = comparison["difference"]
            assert difference == pytest.approx(recall - other)
            assert low <= difference <= high
            assert list(last["comparisons"][model][name]["new"]) == ["recall@12", "map@12", "ndcg@12"]
            assert first["comparisons"][model][name]["new"] == {}
    assert list(evaluation.results["ratios"]) == MODELS


def test_every_model_is_compared_with_the_best_baseline_of_each_week(evaluation):
    ratios = evaluation.results["ratios_to_best"]

    def precision(window, name):
        return window["models"][name]["all"]["map@12"][0]

    assert list(ratios) == MODELS
    for model in MODELS:
        expected = [
            precision(window, model) / max(precision(window, name) for name in BASELINES)
            for window in evaluation.windows
        ]
        ratio = ratios[model]["all"]["map@12"]
        assert (ratio["min"], ratio["max"]) == pytest.approx((min(expected), max(expected)))
        assert ratio["median"] == pytest.approx(sum(expected) / 2)


def test_the_choice_of_the_ranker_is_recorded_at_every_cut(evaluation):
    for window in evaluation.windows:
        every, new = window["rankings"]["all"], window["rankings"]["new"]
        assert "NDCG@12" in every["reason"]
        assert list(every["validation"]) == ["ndcg@12", "map@12"]
        for estimates in every["validation"].values():
            assert list(estimates) == ["retrieval", "ranker", "difference"]
        assert (len(every["importances"]), len(every["reliability"])) == (20, 10)
        ranked, blended = (
            window["models"][every[name]]["all"]["map@12"][0] for name in ("ranked_model", "retrieved_model")
        )
        assert every["test"]["map@12"]["difference"][0] == pytest.approx(ranked - blended)

        assert not new["ranked"]
        assert [new[name] for name in ("validation", "importances", "reliability")] == [{}, [], []]
    assert [list(window["rankings"]["new"]["test"]) for window in evaluation.windows] == [
        [],
        ["recall@12", "map@12", "ndcg@12"],
    ]


def test_the_contribution_of_each_source_is_recorded_at_every_cut(evaluation):
    from candidates.sources.source_set import SOURCES

    for window in evaluation.windows:
        sources = window["sources"]
        assert [row["source"] for row in sources["rows"]] == list(SOURCES)
        for budget in ("50", "100", "300"):
            assert sum(sources["shares"][budget].values()) == pytest.approx(1)
        assert sources["union"]["300"] == 1  # all 60 items are on some list


def test_the_cost_of_active_and_other_filters_is_measured_at_every_cut(evaluation):
    for window in evaluation.windows:
        costs = {cost["name"]: cost for cost in window["filter_costs"]}
        assert {name: (cost["active"], cost["setting"]) for name, cost in costs.items()} == {
            "all active filters": (True, ""),
            "for_sale": (True, ""),
            "age_limit": (True, ""),
            "cool_down": (False, "7 days"),
            "already_bought": (False, ""),
            "unsold": (False, "28 days"),
            "department_cap": (False, "at most 20"),
        }
        # The toy data declare no availability, and a department has 15 items.
        for name in ("all active filters", "for_sale", "age_limit", "department_cap"):
            assert (costs[name]["dropped"], costs[name]["all"]["difference"]) == (0, [0, 0, 0])
        # The last item never sells: it is on some lists, and is no hit.
        assert costs["unsold"]["dropped"] < 1 / 12
        assert costs["unsold"]["all"]["difference"] == [0, 0, 0]
        assert costs["already_bought"]["dropped"] > 0.1
    # In one week only own items are bought, in the other only new ones.
    old, new = ({cost["name"]: cost for cost in window["filter_costs"]} for window in evaluation.windows)
    assert old["already_bought"]["all"]["ratio"][0] == 0
    assert new["already_bought"]["all"]["difference"][0] > 0
    assert new["already_bought"]["new"]["difference"] == [0, 0, 0]


def test_slices_training_history_and_coverage_are_recorded(evaluation):
    for window in evaluation.windows:
        assert [epoch["epoch"] for epoch in window["training_history"]] == [1]
        for result in window["models"].values():
            assert sum(group["users"] for group in result["slices"]["activity"]) == 199
            assert [row["name"] for row in result["slices"]["items"]] == ["never sold before", "sold before"]
            assert 0 < result["catalogue_coverage"]["coverage"] <= 1
    popular = evaluation.windows[-1]["models"]["last week's bestsellers"]["catalogue_coverage"]
    assert popular["distinct_items"] == 12


def test_no_user_of_the_last_weeks_is_cold(evaluation):
    assert [window["cold_users"] for window in evaluation.windows] == [{"users": 0, "recall": None}] * 2


@pytest.fixture
def refused(call, toy):
    def refused(*arguments):
        done = call("evaluate", "--repo", toy.repo, *arguments)
        assert done.exit_code == 1
        [last] = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
        return last.removeprefix("error: ")

    return refused


def test_an_output_that_is_not_html_is_refused_before_anything_is_done(refused, tmp_path):
    message = refused("--output", tmp_path / "numbers.json")

    assert f"{tmp_path}/numbers.json" in message
    assert ".html" in message
    assert list(tmp_path.iterdir()) == []


def test_an_evaluation_that_fails_leaves_the_earlier_report(refused, tmp_path):
    report = tmp_path / "report.html"
    report.write_text("of yesterday", encoding="utf-8")

    # Eight weeks before the end, less a week of validation, there were no purchases yet.
    assert "2019-12-29" in refused("--weeks", "choosing", "--cuts", 4, "--output", report)
    assert [(path.name, path.read_text(encoding="utf-8")) for path in tmp_path.iterdir()] == [
        ("report.html", "of yesterday")
    ]


def test_results_of_earlier_cuts_stay_if_a_later_cut_fails(call, toy, evaluation, tmp_path, monkeypatch):
    from features.errors import InputError
    from pipelines import backtest

    evaluated = iter(evaluation.windows[:1])

    def fail_at_the_second(*_, **__):
        for window in evaluated:
            return window
        raise InputError("The second cut cannot be evaluated.")

    monkeypatch.setattr(backtest, "evaluate_cut", fail_at_the_second)

    done = call("evaluate", "--repo", toy.repo, "--weeks", "final", "--output", tmp_path / "report.html")

    assert done.exit_code == 1
    assert done.stderr.splitlines()[-1] == "error: The second cut cannot be evaluated."
    assert read_results(tmp_path / "report.json")["windows"] == evaluation.windows[:1]
    assert "2020-02-16" in (tmp_path / "report.html").read_text(encoding="utf-8")

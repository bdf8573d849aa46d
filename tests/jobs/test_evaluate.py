"""An evaluation of the toy world: every model and list at two cuts, written as a page and as numbers.

In its last week, from 2020-02-23, everybody buys only what he had never bought before; in the week before only what he
had.
"""

import json
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from evaluation.implicit_als import available
from evaluation.results import read_results

pytestmark = pytest.mark.whole_path

OURS = ["blended candidates", "ranked candidates", "two towers"]
LISTS = [
    "all-time bestsellers",
    "last week's bestsellers",
    "decayed popularity",
    "own purchases by frequency",
    "own purchases by recency",
    "item-kNN",
    "item-kNN, sales-weighted",
    *(["iALS"] if available() else []),
]
MEASURES = ["recall@12", "hit_rate@12", "map@12", "ndcg@12"]  # 12 is all that is at most half of 60 items


@dataclass
class Evaluation:
    """The page, the numbers beside it, and what was printed."""

    page: Path
    results: dict
    said: str
    warned: str

    @property
    def cuts(self):
        return self.results["windows"]


@pytest.fixture(scope="module")
def small():
    """Towers that are trained quickly."""
    import pipelines.backtest as judged

    with pytest.MonkeyPatch.context() as patch:
        for name in ("DEFAULT", "SEED"):
            patch.setattr(judged, name, replace(getattr(judged, name), epochs=1))
        yield


@pytest.fixture(scope="module")
def evaluation(call, toy, small, tmp_path_factory):
    page = tmp_path_factory.mktemp("evaluation") / "toy.html"
    filters = tmp_path_factory.mktemp("filters") / "idle.toml"
    filters.write_text("cool_down_days = 9\n", encoding="utf-8")
    done = call(
        "evaluate", "--repo", toy.repo, "--weeks", "final", "--without-seed", "--output", page, "--filters", filters
    )  # fmt: skip
    assert done.exit_code == 0, done.stderr
    return Evaluation(page, read_results(page.with_suffix(".json")), done.stdout, done.stderr)


def test_a_page_and_a_file_of_numbers_are_written_and_nothing_else(evaluation):
    assert sorted(path.name for path in evaluation.page.parent.iterdir()) == ["toy.html", "toy.json"]
    page = evaluation.page.read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")
    assert all(name in page for name in OURS)
    assert evaluation.said.splitlines()[-1].startswith(f"{evaluation.page} and {evaluation.page.with_suffix('.json')} ")


def test_settings_that_do_nothing_are_spoken_of_before_anything_is_trained(evaluation):
    assert "warning: Unused cool_down_days: already_bought is not 'cool-down'.\n" in evaluation.warned


def test_the_numbers_say_where_they_come_from(evaluation):
    made = evaluation.results["run"]
    assert made["filters"]["age_limit"] is True

    assert {name: made[name] for name in ("seed", "users", "items", "purchases")} == {
        "seed": 1,
        "users": 200,
        "items": 60,
        "purchases": 4_975,
    }
    assert evaluation.results["cutoffs"] == [12]


def test_the_last_weeks_report_in_the_order_of_time(evaluation):
    assert [(cut["cut_date"], cut["users"], cut["users_new"]) for cut in evaluation.cuts] == [
        ("2020-02-16", 199, 0),  # the 200th user buys nothing
        ("2020-02-23", 199, 199),
    ]


def test_every_model_and_every_simple_list_is_judged_at_every_cut(evaluation):
    for cut in evaluation.cuts:
        assert list(cut["models"]) == OURS + LISTS
    assert list(evaluation.results["medians"]) == OURS + LISTS
    for name in OURS + LISTS:
        assert f"\n{name} " in evaluation.said


def test_both_protocols_have_every_measure_with_its_interval(evaluation):
    first, last = evaluation.cuts

    for result in last["models"].values():
        for protocol in ("all", "new"):
            assert list(result[protocol]) == MEASURES
            for mean, low, high in result[protocol].values():
                assert 0 <= low <= mean <= high <= 1
    assert all(list(result["all"]) == MEASURES and result["new"] == {} for result in first["models"].values())


def test_what_was_bought_before_is_the_answer_in_one_week_and_none_in_the_other(evaluation):
    known, unknown = (cut["models"]["own purchases by frequency"] for cut in evaluation.cuts)

    # A user knows 10 items at most, all of them on his list; in the last week only 2 or 3 bestsellers are left to hit.
    assert known["all"]["recall@12"][0] == 1
    assert unknown["all"]["recall@12"][0] < 0.1


def test_both_models_are_compared_with_every_list_and_the_difference_has_an_interval(evaluation):
    first, last = evaluation.cuts

    assert {model: list(compared) for model, compared in last["comparisons"].items()} == dict.fromkeys(OURS, LISTS)
    for model in OURS:
        for name in LISTS:
            compared = last["comparisons"][model][name]["new"]["recall@12"]
            mine, theirs = (last["models"][each]["new"]["recall@12"][0] for each in (model, name))
            difference, low, high = compared["difference"]
            assert difference == pytest.approx(mine - theirs)
            assert low <= difference <= high
            assert list(last["comparisons"][model][name]["new"]) == ["recall@12", "map@12", "ndcg@12"]
            assert first["comparisons"][model][name]["new"] == {}
    assert list(evaluation.results["ratios"]) == OURS


def test_each_model_is_told_beside_the_best_simple_list_of_each_week(evaluation):
    ratios = evaluation.results["ratios_to_best"]

    assert list(ratios) == OURS
    for model in OURS:
        found = [
            cut["models"][model]["all"]["map@12"][0] / max(cut["models"][name]["all"]["map@12"][0] for name in LISTS)
            for cut in evaluation.cuts
        ]
        told = ratios[model]["all"]["map@12"]
        assert (told["min"], told["max"]) == pytest.approx((min(found), max(found)))
        assert told["median"] == pytest.approx(sum(found) / 2)


def test_whether_a_ranker_orders_the_candidates_is_told_at_every_cut(evaluation):
    for cut in evaluation.cuts:
        every, new = cut["rankings"]["all"], cut["rankings"]["new"]
        used = "Ranker used: NDCG@12 of "
        assert every["reason"].startswith(used if every["ranked"] else "Ranker not used: NDCG@12 of ")
        assert list(every["validation"]) == ["ndcg@12", "map@12"]
        for estimates in every["validation"].values():
            assert list(estimates) == ["retrieval", "ranker", "difference"]
        assert (len(every["importances"]), len(every["reliability"])) == (20, 10)
        ranked, blended = (
            cut["models"][every[name]]["all"]["map@12"][0] for name in ("ranked_model", "retrieved_model")
        )
        assert every["test"]["map@12"]["difference"][0] == pytest.approx(ranked - blended)

        assert not new["ranked"]
        assert [new[name] for name in ("validation", "importances", "reliability")] == [{}, [], []]
    assert [list(cut["rankings"]["new"]["test"]) for cut in evaluation.cuts] == [
        [],
        ["recall@12", "map@12", "ndcg@12"],
    ]


def test_the_sources_of_the_candidates_are_told_at_every_cut(evaluation):
    from candidates.sources.source_set import SOURCES

    for cut in evaluation.cuts:
        sources = cut["sources"]
        assert [row["source"] for row in sources["rows"]] == list(SOURCES)
        for budget in ("50", "100", "300"):
            assert sum(sources["shares"][budget].values()) == pytest.approx(1)
        assert sources["union"]["300"] == 1  # all 60 items are on some list


def test_filters_in_force_and_others_are_priced_at_every_cut(evaluation):
    for cut in evaluation.cuts:
        prices = {price["name"]: price for price in cut["filter_costs"]}
        assert {name: (price["active"], price["setting"]) for name, price in prices.items()} == {
            "all active filters": (True, ""),
            "for_sale": (True, ""),
            "age_limit": (True, ""),
            "cool_down": (False, "7 days"),
            "already_bought": (False, ""),
            "unsold": (False, "28 days"),
            "department_cap": (False, "at most 20"),
        }
        # Nothing is said of the toy world's goods, and a group has 15 of them.
        for name in ("all active filters", "for_sale", "age_limit", "department_cap"):
            assert (prices[name]["dropped"], prices[name]["all"]["difference"]) == (0, [0, 0, 0])
        # The last item never sells: it is on some lists, and nobody misses it.
        assert prices["unsold"]["dropped"] < 1 / 12
        assert prices["unsold"]["all"]["difference"] == [0, 0, 0]
        # In one week only what was bought before is bought again, in the other only what was not.
        assert prices["already_bought"]["dropped"] > 0.1
    old, new = ({price["name"]: price for price in cut["filter_costs"]} for cut in evaluation.cuts)
    assert old["already_bought"]["all"]["ratio"][0] == 0
    assert new["already_bought"]["all"]["difference"][0] > 0
    assert new["already_bought"]["new"]["difference"] == [0, 0, 0]


def test_slices_curve_and_breadth_are_there(evaluation):
    for cut in evaluation.cuts:
        assert [epoch["epoch"] for epoch in cut["training_history"]] == [1]
        for result in cut["models"].values():
            assert sum(group["users"] for group in result["slices"]["activity"]) == 199
            assert [row["name"] for row in result["slices"]["items"]] == ["never sold before", "sold before"]
            assert 0 < result["catalogue_coverage"]["coverage"] <= 1
    popular = evaluation.cuts[-1]["models"]["last week's bestsellers"]["catalogue_coverage"]
    assert popular["distinct_items"] == 12


def test_nobody_in_the_last_weeks_buys_for_the_first_time(evaluation):
    assert [cut["cold_users"] for cut in evaluation.cuts] == [{"users": 0, "recall": None}] * 2


def test_the_preset_seed_is_judged_beside_them(call, toy, small, tmp_path):
    done = call(
        "evaluate", "--repo", toy.repo, "--cuts", 1, "--weeks", "choosing", "--output", tmp_path / "choosing.html"
    )

    assert done.exit_code == 0, done.stderr
    (cut,) = json.loads((tmp_path / "choosing.json").read_text(encoding="utf-8"))["windows"]
    assert cut["cut_date"] == "2020-01-26"
    assert list(cut["models"]) == [*OURS, *LISTS, "two towers, preset seed"]
    assert list(cut["comparisons"]["two towers"]) == [*LISTS, "two towers, preset seed"]


@pytest.fixture
def refused(call, toy):
    def refused(*words):
        done = call("evaluate", "--repo", toy.repo, *words)
        assert done.exit_code == 1
        (last,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
        return last.removeprefix("error: ")

    return refused


def test_an_output_that_is_no_page_is_refused_before_anything_is_done(refused, tmp_path):
    message = refused("--output", tmp_path / "numbers.json")

    assert f"{tmp_path}/numbers.json" in message
    assert ".html" in message
    assert list(tmp_path.iterdir()) == []


def test_an_evaluation_that_fails_writes_nothing_and_leaves_the_one_before_as_it_was(refused, tmp_path):
    page = tmp_path / "page.html"
    page.write_text("of yesterday", encoding="utf-8")

    # Eight weeks before the end, and a week of validation before that, there were no purchases yet.
    said = refused("--weeks", "choosing", "--cuts", 4, "--output", page)

    assert said.startswith("No purchase is left for training: the cut is 2019-12-29")
    assert [(path.name, path.read_text(encoding="utf-8")) for path in tmp_path.iterdir()] == [
        ("page.html", "of yesterday")
    ]


def test_what_is_judged_stays_where_a_later_cut_fails(call, toy, evaluation, tmp_path, monkeypatch):
    from features.errors import InputError
    from pipelines import backtest

    judged = iter(evaluation.cuts[:1])

    def fails_at_the_second(*_, **__):
        for cut in judged:
            return cut
        raise InputError("The second cut cannot be judged.")

    monkeypatch.setattr(backtest, "evaluate_cut", fails_at_the_second)

    done = call("evaluate", "--repo", toy.repo, "--weeks", "final", "--output", tmp_path / "page.html")

    assert done.exit_code == 1
    assert done.stderr.splitlines()[-1] == "error: The second cut cannot be judged."
    assert read_results(tmp_path / "page.json")["windows"] == evaluation.cuts[:1]
    assert "2020-02-16" in (tmp_path / "page.html").read_text(encoding="utf-8")

import json

import pytest

from evaluation.results import read_results, write_results
from evaluation.summaries import cold_users_of, combine_windows, median_ratio, ratios_to_best


def test_results_come_back_from_their_file(make_results, tmp_path):
    results = make_results()

    write_results(results, tmp_path / "results.json")

    assert read_results(tmp_path / "results.json") == results
    assert sorted(path.name for path in tmp_path.iterdir()) == ["results.json"]


def test_models_keep_their_order(make_results, tmp_path):
    write_results(make_results(), tmp_path / "results.json")

    read = read_results(tmp_path / "results.json")

    assert list(read["medians"])[:2] == ["blended candidates", "ranked candidates"]
    assert list(read["ratios"]) == [
        "blended candidates", "ranked candidates", "two towers", "two towers, without recency"
    ]  # fmt: skip


def test_a_number_that_is_not_finite_is_refused_both_ways(make_results, tmp_path):
    results = make_results(cuts=1)
    results["run"]["seconds"] = float("nan")
    path = tmp_path / "results.json"

    with pytest.raises(ValueError, match="not JSON compliant"):
        write_results(results, path)
    assert not path.exists()

    path.write_text(json.dumps(results), encoding="utf-8")
    with pytest.raises(ValueError, match="found NaN"):
        read_results(path)


@pytest.mark.parametrize("text", ["[]", "{}", '{"format": "evaluation 0"}'])
def test_another_format_is_refused_by_name(text, tmp_path):
    path = tmp_path / "old.json"
    path.write_text(text, encoding="utf-8")

    with pytest.raises(ValueError, match="expected 'evaluation 2'"):
        read_results(path)


def test_a_file_that_lacks_a_part_is_refused(make_results, tmp_path):
    results = make_results(cuts=1)
    del results["ratios"], results["run"]
    path = tmp_path / "results.json"
    path.write_text(json.dumps(results), encoding="utf-8")

    with pytest.raises(ValueError, match="lacks ratios, run"):
        read_results(path)


def _cut(cut, model, baseline):
    def result(recall):
        return {"all": {"recall@100": [recall, 0.0, 1.0]}, "new": {}}

    compared = {"all": {"recall@100": {"difference": [0.0, 0.0, 0.0], "ratio": None}}, "new": {}}
    return {
        "cut_date": cut,
        "models": {"model": result(model), "baseline": result(baseline)},
        "comparisons": {"model": {"baseline": compared}},
    }


def test_medians_and_ratios_are_over_cuts():
    cuts = [_cut("2017-11-21", 0.2, 0.1), _cut("2017-11-28", 0.6, 0.5), _cut("2017-12-05", 0.3, 0.4)]

    results = combine_windows({}, [100], cuts)

    assert results["medians"] == {"model": {"all": {"recall@100": 0.3}, "new": {}},
                                  "baseline": {"all": {"recall@100": 0.4}, "new": {}}}  # fmt: skip
    # 2, 1.2 and 0.75: the median of ratios, not the ratio of medians, 0.75.
    assert results["ratios"] == {"model": {"baseline": {"all": pytest.approx(1.2), "new": None}}}


def test_a_ratio_to_nothing_has_no_value():
    cuts = [_cut("2017-11-28", 0.2, 0.1), _cut("2017-12-05", 0.2, 0.0)]

    assert median_ratio(cuts, "model", "baseline", "all", "recall@100") is None


def _weeks(*recalls):
    """Cuts at which the model, the second model and the lists "a" and "b" have these recalls, each on all purchases."""
    names, compared = ("model", "second", "a", "b"), {"recall@12": {"difference": [0.0, 0.0, 0.0], "ratio": None}}
    return [
        {
            "cut_date": f"2017-12-{day:02}",
            "models": {name: {"all": {"recall@12": [recall, 0.0, 1.0]}, "new": {}} for name, recall in zip(
                names, week, strict=True)},
            "comparisons": {model: {name: {"all": compared, "new": {}} for name in "ab"} for model in names[:2]},
        }
        for day, week in enumerate(recalls, 1)
    ]  # fmt: skip


def test_the_best_simple_list_is_that_of_each_week_and_never_another_model():
    cuts = _weeks((0.3, 0.9, 0.1, 0.2), (0.3, 0.9, 0.4, 0.1), (0.2, 0.9, 0.1, 0.1))

    assert ratios_to_best(cuts, "model", "all", "recall@12") == pytest.approx([1.5, 0.75, 2.0])
    assert combine_windows({}, [12], cuts)["ratios_to_best"]["model"] == {
        "all": {"recall@12": {"median": pytest.approx(1.5), "min": pytest.approx(0.75), "max": 2.0}},
        "new": {},  # nobody bought anything new
    }


def test_a_week_in_which_no_simple_list_found_anything_leaves_no_ratio_to_the_best():
    cuts = _weeks((0.3, 0.9, 0.1, 0.2), (0.3, 0.9, 0.0, 0.0))

    assert ratios_to_best(cuts, "model", "all", "recall@12") == []
    assert combine_windows({}, [12], cuts)["ratios_to_best"]["model"] == {"all": {}, "new": {}}


def test_without_simple_lists_there_is_no_ratio_to_the_best():
    (cut,) = _weeks((0.3, 0.9, 0.1, 0.2))
    cut["comparisons"] = {}

    assert ratios_to_best([cut], "model", "all", "recall@12") == []
    assert combine_windows({}, [12], [cut])["ratios_to_best"] == {}


def test_cuts_about_different_models_are_refused():
    other = _cut("2017-12-05", 0.2, 0.1)
    other["models"]["third"] = other["models"]["model"]

    with pytest.raises(ValueError, match="2017-12-05 has model, baseline, third"):
        combine_windows({}, [100], [_cut("2017-11-28", 0.2, 0.1), other])
    with pytest.raises(ValueError, match="at least one cut"):
        combine_windows({}, [100], [])


def test_cold_users_of_all_cuts_are_averaged_over_users():
    few, many = ({"users": users, "recall": [recall, 0.0, 1.0]} for users, recall in ((1, 1.0), (3, 0.2)))

    # 1 of 1 and three times 0.2; cuts of older files do not count them.
    assert cold_users_of([{"cold_users": few}, {"cold_users": many}, {}]) == (4, pytest.approx(0.4))
    assert cold_users_of([{"cold_users": {"users": 0, "recall": None}}]) is None
    assert cold_users_of([{}]) is None

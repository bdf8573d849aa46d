import json

import pytest

from evaluation.results import read_results, write_results


@pytest.fixture
def results():
    """The smallest results with all keys; models are in the order of the report, not of the alphabet."""
    return {
        "format": "evaluation 2",
        "run": {"created": "2024-05-01T12:00:00+00:00", "commit": "0123abc", "seed": 7, "seconds": 812.4},
        "cutoffs": [12],
        "windows": [],
        "medians": {"two towers": {"all": {"recall@12": 0.25}, "new": {}}, "iALS": {"all": {}, "new": {}}},
        "ratios": {},
    }


def test_results_are_read_as_they_were_written(results, tmp_path):
    write_results(results, tmp_path / "results.json")

    read = read_results(tmp_path / "results.json")

    assert read == results
    assert list(read["medians"]) == ["two towers", "iALS"]
    assert [path.name for path in tmp_path.iterdir()] == ["results.json"]


def test_numbers_that_are_not_finite_are_not_written(results, tmp_path):
    results["run"]["seconds"] = float("nan")

    with pytest.raises(ValueError, match="not JSON compliant"):
        write_results(results, tmp_path / "results.json")
    assert list(tmp_path.iterdir()) == []


def test_numbers_that_are_not_finite_are_not_read(results, tmp_path):
    results["run"]["seconds"] = float("nan")
    path = tmp_path / "results.json"
    path.write_text(json.dumps(results), encoding="utf-8")

    with pytest.raises(ValueError, match="NaN"):
        read_results(path)


@pytest.mark.parametrize("text", ["[]", "{}", '{"format": "evaluation 1"}'])
def test_another_format_is_refused_by_name(text, tmp_path):
    path = tmp_path / "old.json"
    path.write_text(text, encoding="utf-8")

    with pytest.raises(ValueError, match=r"old\.json .*'evaluation 2'"):
        read_results(path)


def test_missing_keys_are_named(results, tmp_path):
    del results["ratios"], results["run"]
    path = tmp_path / "results.json"
    path.write_text(json.dumps(results), encoding="utf-8")

    with pytest.raises(ValueError, match="ratios, run"):
        read_results(path)

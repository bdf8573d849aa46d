import numpy as np
import pytest

from evaluation.bootstrap import Bootstrap, paired_interval
from evaluation.comparisons import compare_models, compare_on_metric


def test_a_model_always_twice_as_good_has_a_ratio_without_doubt():
    baseline = np.array([0.1, 0.2, 0.4, 0.1])
    measured = {"model": 2 * baseline, "baseline": baseline}

    compared = compare_on_metric(measured, Bootstrap.of(4, seed=0), ["model"], ["baseline"])["model"]["baseline"]

    assert compared["ratio"] == pytest.approx([2.0, 2.0, 2.0])
    assert compared["difference"][0] == pytest.approx(0.2)


def test_the_difference_has_the_interval_of_pairs():
    chance = np.random.default_rng(0)
    values, baseline = chance.random(60), chance.random(60)

    compared = compare_on_metric({"a": values, "b": baseline}, Bootstrap.of(60, seed=8), ["a"], ["b"])["a"]["b"]

    mean, *interval = compared["difference"]
    assert mean == pytest.approx((values - baseline).mean())
    assert interval == pytest.approx(paired_interval(values, baseline, seed=8), abs=1e-12)


def test_the_interval_of_the_ratio_is_that_of_ratios_of_resampled_means():
    measured = {"a": np.array([1.0, 0.0]), "b": np.array([0.5, 1.0])}
    # Four resamples: users 0 0, 0 1, 1 1, 0 1. Means of a 1, 1/2, 0, 1/2; of b 1/2, 3/4, 1, 3/4: ratios 2, 2/3, 0, 2/3.
    resamples = Bootstrap(np.array([[2, 0], [1, 1], [0, 2], [1, 1]], np.uint16))

    ratio = compare_on_metric(measured, resamples, ["a"], ["b"])["a"]["b"]["ratio"]

    # Of 0, 2/3, 2/3, 2 the quantile 0.025 lies 0.075 of the way from 0 to 2/3, and 0.975 lies 0.925 of it to 2.
    assert ratio == pytest.approx([2 / 3, 0.05, 2 / 3 + 0.925 * 4 / 3])


def test_a_baseline_that_may_find_nothing_has_no_ratio():
    measured = {"model": np.array([1.0, 1.0]), "never": np.zeros(2), "once": np.array([1.0, 0.0])}

    compared = compare_on_metric(measured, Bootstrap.of(2, seed=0), ["model"], ["never", "once"])["model"]

    assert compared["never"] == {"difference": [1.0, 1.0, 1.0], "ratio": None}
    assert compared["once"]["ratio"] is None


def test_a_model_is_not_compared_with_itself():
    measured = {"a": np.ones(2), "b": np.ones(2)}

    compared = compare_on_metric(measured, Bootstrap.of(2, seed=0), ["a", "b"], ["b"])

    assert {model: list(baselines) for model, baselines in compared.items()} == {"a": ["b"], "b": []}


def test_differences_are_by_model_baseline_protocol_and_measure():
    measured = {
        "model": {"all": {"recall@1": np.array([0.5, 0.5]), "map@1": np.array([0.5, 0.5])}, "new": {}},
        "baseline": {"all": {"recall@1": np.array([0.25, 0.25]), "map@1": np.array([0.0, 0.0])}, "new": {}},
    }

    differences = compare_models(measured, {"all": Bootstrap.of(2, 0)}, ["model"], ["baseline"], ["recall@1", "map@1"])

    assert differences == {
        "model": {
            "baseline": {
                "all": {
                    "recall@1": {"difference": [0.25, 0.25, 0.25], "ratio": [2.0, 2.0, 2.0]},
                    "map@1": {"difference": [0.5, 0.5, 0.5], "ratio": None},
                },
                "new": {},  # nobody bought anything new
            }
        }
    }

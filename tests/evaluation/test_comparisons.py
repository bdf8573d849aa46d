import numpy as np
import pytest

from evaluation.bootstrap import Bootstrap
from evaluation.comparisons import compare_models, compare_on_metric


def test_a_model_that_is_always_twice_as_good_has_the_ratio_2_without_uncertainty():
    baseline = np.array([0.1, 0.2, 0.4, 0.1])
    values = {"model": 2 * baseline, "baseline": baseline}

    compared = compare_on_metric(values, Bootstrap.of(4, seed=0), ["model"], ["baseline"])["model"]["baseline"]

    assert compared["ratio"] == pytest.approx([2.0, 2.0, 2.0])
    assert compared["difference"][0] == pytest.approx(0.2)


# Four resamples of two users: 0 0, 0 1, 1 1, 0 1. Means of a: 1, 1/2, 0, 1/2; of b: 1/2, 3/4, 1, 3/4.
VALUES = {"a": np.array([1.0, 0.0]), "b": np.array([0.5, 1.0])}
RESAMPLES = Bootstrap(np.array([[2, 0], [1, 1], [0, 2], [1, 1]], np.uint16))


def test_the_interval_of_the_difference_is_that_of_differences_of_resampled_means():
    difference = compare_on_metric(VALUES, RESAMPLES, ["a"], ["b"])["a"]["b"]["difference"]

    # Of -1, -1/4, -1/4, 1/2 the quantile 0.025 is 0.075 of the way from -1 to -1/4, 0.975 is 0.925 of it to 1/2.
    assert difference == pytest.approx([-0.25, -0.94375, 0.44375])


def test_the_interval_of_the_ratio_is_that_of_ratios_of_resampled_means():
    ratio = compare_on_metric(VALUES, RESAMPLES, ["a"], ["b"])["a"]["b"]["ratio"]

    # Ratios 2, 2/3, 0, 2/3: the quantile 0.025 is 0.075 of the way from 0 to 2/3, 0.975 is 0.925 of it from 2/3 to 2.
    assert ratio == pytest.approx([0.6666667, 0.05, 1.9])


def test_the_ratio_is_undefined_if_the_baseline_may_be_zero():
    values = {"model": np.array([1.0, 1.0]), "never": np.zeros(2), "once": np.array([1.0, 0.0])}

    compared = compare_on_metric(values, Bootstrap.of(2, seed=0), ["model"], ["never", "once"])["model"]

    assert compared["never"] == {"difference": [1.0, 1.0, 1.0], "ratio": None}
    assert compared["once"]["ratio"] is None


def test_a_model_is_not_compared_with_itself():
    values = {"a": np.ones(2), "b": np.ones(2)}

    compared = compare_on_metric(values, Bootstrap.of(2, seed=0), ["a", "b"], ["b"])

    assert {model: list(baselines) for model, baselines in compared.items()} == {"a": ["b"], "b": []}


def test_comparisons_are_by_model_baseline_protocol_and_metric():
    user_metrics = {
        "model": {"all": {"recall@1": np.array([0.5, 0.5]), "map@1": np.array([0.5, 0.5])}, "new": {}},
        "baseline": {"all": {"recall@1": np.array([0.25, 0.25]), "map@1": np.array([0.0, 0.0])}, "new": {}},
    }
    resamples = {"all": Bootstrap.of(2, 0)}  # no user bought new items

    comparisons = compare_models(user_metrics, resamples, ["model"], ["baseline"], ["recall@1", "map@1"])

    assert comparisons == {
        "model": {
            "baseline": {
                "all": {
                    "recall@1": {"difference": [0.25, 0.25, 0.25], "ratio": [2.0, 2.0, 2.0]},
                    "map@1": {"difference": [0.5, 0.5, 0.5], "ratio": None},
                },
                "new": {},
            }
        }
    }

import pytest

from evaluation.summaries import cold_user_recall, combine_windows, median_ratio, ratios_to_best

COMPARED = {"difference": [0.0, 0.0, 0.0], "ratio": None}


def window(cut_date, model, baseline):
    def result(recall):
        return {"all": {"recall@100": [recall, 0.0, 1.0]}, "new": {}}

    return {
        "cut_date": cut_date,
        "models": {"model": result(model), "baseline": result(baseline)},
        "comparisons": {"model": {"baseline": {"all": {"recall@100": COMPARED}, "new": {}}}},
    }


def test_medians_and_ratios_are_over_windows():
    windows = [window("2017-11-21", 0.2, 0.1), window("2017-11-28", 0.6, 0.5), window("2017-12-05", 0.3, 0.4)]

    results = combine_windows({}, [100], windows)

    assert results["medians"] == {
        "model": {"all": {"recall@100": 0.3}, "new": {}},
        "baseline": {"all": {"recall@100": 0.4}, "new": {}},
    }
    # 2, 1.2 and 0.75: the median of ratios, not the ratio of medians, 0.75.
    assert results["ratios"] == {"model": {"baseline": {"all": pytest.approx(1.2), "new": None}}}


def test_the_ratio_to_a_baseline_of_zero_is_undefined():
    windows = [window("2017-11-28", 0.2, 0.1), window("2017-12-05", 0.2, 0.0)]

    assert median_ratio(windows, "model", "baseline", "all", "recall@100") is None


def windows_of(*recalls):
    """Windows with these recalls of two models and of the baselines "a" and "b", on all purchases."""
    names = ("model", "second", "a", "b")
    return [
        {
            "cut_date": f"2017-12-{day:02}",
            "models": {
                name: {"all": {"recall@12": [recall, 0.0, 1.0]}, "new": {}}
                for name, recall in zip(names, values, strict=True)
            },
            "comparisons": {
                model: {name: {"all": {"recall@12": COMPARED}, "new": {}} for name in "ab"} for model in names[:2]
            },
        }
        for day, values in enumerate(recalls, 1)
    ]


def test_the_best_baseline_is_that_of_each_window_and_never_another_model():
    windows = windows_of((0.3, 0.9, 0.1, 0.2), (0.3, 0.9, 0.4, 0.1), (0.2, 0.9, 0.1, 0.1))

    assert ratios_to_best(windows, "model", "all", "recall@12") == pytest.approx([1.5, 0.75, 2.0])
    assert combine_windows({}, [12], windows)["ratios_to_best"]["model"] == {
        "all": {"recall@12": {"median": pytest.approx(1.5), "min": pytest.approx(0.75), "max": 2.0}},
        "new": {},
    }


def test_a_window_in_which_all_baselines_are_zero_leaves_no_ratio_to_the_best():
    windows = windows_of((0.3, 0.9, 0.1, 0.2), (0.3, 0.9, 0.0, 0.0))

    assert ratios_to_best(windows, "model", "all", "recall@12") == []
    assert combine_windows({}, [12], windows)["ratios_to_best"]["model"] == {"all": {}, "new": {}}


def test_without_baselines_there_is_no_ratio_to_the_best():
    (single,) = windows_of((0.3, 0.9, 0.1, 0.2))
    single["comparisons"] = {}

    assert ratios_to_best([single], "model", "all", "recall@12") == []
    assert combine_windows({}, [12], [single])["ratios_to_best"] == {}


def test_windows_with_different_models_are_refused():
    other = window("2017-12-05", 0.2, 0.1)
    other["models"]["third"] = other["models"]["model"]

    with pytest.raises(ValueError, match="2017-12-05 has model, baseline, third"):
        combine_windows({}, [100], [window("2017-11-28", 0.2, 0.1), other])


def test_results_need_a_window():
    with pytest.raises(ValueError, match="at least one window"):
        combine_windows({}, [100], [])


def test_recall_of_cold_users_is_averaged_over_the_users_of_all_windows():
    few, many = ({"users": users, "recall": [recall, 0.0, 1.0]} for users, recall in ((1, 1.0), (3, 0.2)))

    # The mean of 1 (one user) and 0.2 (three users).
    assert cold_user_recall([{"cold_users": few}, {"cold_users": many}, {}]) == (4, pytest.approx(0.4))


def test_without_cold_users_they_have_no_recall():
    assert cold_user_recall([{"cold_users": {"users": 0, "recall": None}}]) is None
    assert cold_user_recall([{}]) is None

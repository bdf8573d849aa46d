import pytest

from evaluation.report.summary import MainResult, key_figures, main_result, protocol_text, run_text, summary_sentence

HIGHER, LOWER, UNCERTAIN = [0.02, 0.01, 0.03], [-0.02, -0.03, -0.01], [0.0, -0.01, 0.01]


def test_the_summary_compares_the_model_with_the_best_baseline():
    result = MainResult("towers", 100, 0.33, "bestsellers", 0.3, 1.1, (HIGHER, HIGHER, UNCERTAIN, HIGHER))

    assert summary_sentence(result, "all") == (
        "“towers” has a recall@100 of 33.0\xa0% on all purchases: 1.10 times the best baseline, “bestsellers” "
        "(30.0\xa0%). Significantly higher in 3 of 4 weeks, not significantly different in 1."
    )


def test_the_summary_reports_a_model_that_is_worse():
    result = MainResult("towers", 100, 0.27, "bestsellers", 0.3, 0.9, (LOWER, LOWER))

    sentence = summary_sentence(result, "new")

    assert "27.0\xa0% on items new to the user: 0.90 times the best baseline" in sentence
    assert sentence.endswith("Significantly lower in 2 of 2 weeks.")


def test_without_a_ratio_or_a_baseline_the_summary_is_shorter():
    alone, undefined = MainResult("towers", 12, 0.1), MainResult("towers", 12, 0.1, "never", 0.0, None, (UNCERTAIN,))

    assert summary_sentence(alone, "all") == "“towers” has a recall@12 of 10.0\xa0% on all purchases."
    assert "compared with the best baseline, “never” (0.0\xa0%). Not significantly" in summary_sentence(
        undefined, "all"
    )


@pytest.mark.parametrize(("factor", "higher", "lower"), [(1.0, 4, 0), (0.5, 0, 4)])
def test_the_main_result_is_that_of_the_first_compared_model(make_results, factor, higher, lower):
    results = make_results(factor)

    result = main_result(results, "all")

    assert (result.model, result.baseline) == ("blended candidates", "own purchases by frequency")
    assert sum(low > 0 for _, low, _ in result.differences) == higher
    assert sum(high < 0 for *_, high in result.differences) == lower
    assert result.ratio == results["ratios"]["blended candidates"]["own purchases by frequency"]["all"]
    assert (result.ratio > 1) == (factor == 1)


def test_each_protocol_has_its_own_best_baseline(make_results):
    assert main_result(make_results(), "new").baseline == "item-kNN"


def test_without_comparisons_the_main_result_is_that_of_the_best_model(make_results):
    results = make_results(0.5)
    for window in results["windows"]:
        window["comparisons"] = {}

    result = main_result(results, "all")

    assert (result.model, result.baseline) == ("own purchases by frequency", None)


def test_a_protocol_without_users_has_no_main_result(make_results):
    results = make_results()
    for medians in results["medians"].values():
        medians["new"] = {}

    assert main_result(results, "new") is None
    assert [figure.caption for figure in key_figures(results)] == [
        "recall@100, all purchases", "recall of the best baseline, all purchases", "catalogue coverage"
    ]  # fmt: skip


def test_the_key_figures_are_medians_of_the_main_model(make_results):
    assert [figure.number for figure in key_figures(make_results())] == [
        "35.0\xa0%", "1.08 \xd7", "12.2\xa0%", "1.42 \xd7", "61.0\xa0%"
    ]  # fmt: skip


def test_the_protocol_names_cut_dates_users_items_and_metric(make_results):
    text = protocol_text(make_results())

    for part in ("4 cut dates, 2017-11-14 to 2017-12-05", "2,210 to 2,303 users", "92,331 items", "Recall@100"):
        assert part in text
    assert "the cut date 2017-11-14" in protocol_text(make_results(weeks=1))


def test_the_run_is_described_by_data_time_commit_and_seed(make_results):
    text = run_text(make_results())

    for part in ("1,469,307 purchases", "2024-05-01T12:00:00+00:00", "0123abc", "seed 7", "812 seconds"):
        assert part in text

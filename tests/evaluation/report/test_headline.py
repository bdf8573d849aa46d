import pytest

from evaluation.report.headline import Verdict, headline, verdict_of

BOUGHT = "what people bought"


def test_the_headline_says_how_much_was_found_and_how_it_compares():
    verdict = Verdict("towers", 100, 0.33, "bestsellers", 0.3, 1.1, ahead=3, behind=0, close=1)

    assert headline(verdict, BOUGHT) == (
        "“towers” found 33.0\xa0% of what people bought among 100 candidates: 1.10 times as much as the best simple "
        "list, “bestsellers” (30.0\xa0%). It was clearly ahead in 3 of 4 weeks, too close to call in 1."
    )


def test_the_headline_is_as_true_of_a_model_that_loses():
    verdict = Verdict("towers", 100, 0.27, "bestsellers", 0.3, 0.9, ahead=0, behind=2, close=0)

    assert headline(verdict, BOUGHT) == (
        "“towers” found 27.0\xa0% of what people bought among 100 candidates: 0.90 times as much as the best simple "
        "list, “bestsellers” (30.0\xa0%). It was clearly behind in 2 of 2 weeks."
    )


def test_without_a_ratio_or_a_baseline_the_headline_says_less():
    alone, beside_nothing = Verdict("towers", 12, 0.1), Verdict("towers", 12, 0.1, "never", 0.0, None, close=1)

    assert headline(alone, BOUGHT) == "“towers” found 10.0\xa0% of what people bought among 12 candidates."
    assert headline(beside_nothing, BOUGHT).endswith(
        "among 12 candidates, beside the best simple list, “never” (0.0\xa0%). It was too close to call in 1 of 1 week."
    )


@pytest.mark.parametrize(("factor", "ahead", "behind"), [(1.0, 4, 0), (0.5, 0, 4)])
def test_the_verdict_is_about_the_first_compared_model_whether_it_wins_or_loses(make_results, factor, ahead, behind):
    results = make_results(factor)

    verdict = verdict_of(results, "all")

    assert (verdict.model, verdict.baseline) == ("blended candidates", "own purchases by frequency")
    assert (verdict.ahead, verdict.behind, verdict.close) == (ahead, behind, 0)
    assert verdict.ratio == results["ratios"]["blended candidates"]["own purchases by frequency"]["all"]
    assert (verdict.ratio > 1) == (factor == 1)


def test_each_protocol_has_its_own_best_simple_list(make_results):
    assert verdict_of(make_results(), "new").baseline == "bought together (item to item)"


def test_where_nothing_is_compared_the_verdict_is_about_the_best_model(make_results):
    results = make_results(0.5)
    for cut in results["windows"]:
        cut["comparisons"] = {}

    assert verdict_of(results, "all").model == "own purchases by frequency"
    assert verdict_of(results, "all").baseline is None


def test_a_protocol_without_users_has_no_verdict(make_results):
    results = make_results()
    for medians in results["medians"].values():
        medians["new"] = {}

    assert verdict_of(results, "new") is None

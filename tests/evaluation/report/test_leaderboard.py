from evaluation.report.leaderboard import Cell, leaderboard, main_metrics
from evaluation.report.styles import best_baseline, model_styles


def test_models_are_grouped_by_role(make_results):
    roles = [(style.role, style.name) for style in model_styles(make_results())]

    assert roles[0] == ("model", "blended candidates")
    assert roles[4] == ("baseline", "own purchases by frequency")
    assert roles[9] == ("other", "source: own purchases")
    assert [role for role, _ in roles] == ["model"] * 4 + ["baseline"] * 5 + ["other"] * 4


def test_models_have_colours_and_all_others_are_grey(make_results):
    colours = [style.colour.name for style in model_styles(make_results())]

    assert colours[:5] == ["blue", "vermillion", "green", "purple", "baseline"]
    assert set(colours[4:]) == {"baseline", "other"}


def test_a_model_that_others_are_compared_with_is_a_model(make_results):
    results = make_results(weeks=1)
    comparisons = results["windows"][0]["comparisons"]
    comparisons["blended candidates"]["two towers"] = comparisons["blended candidates"]["last week's bestsellers"]

    roles = {style.name: style.role for style in model_styles(results)}

    assert roles["two towers"] == "model"
    assert best_baseline(results, "all") == "own purchases by frequency"


def test_the_leaderboard_has_both_protocols_and_marks_the_best_of_each_column(make_results):
    results = make_results(0.5)

    board = leaderboard(results, main_metrics(results))

    assert board.protocols == ("all", "new")
    assert board.columns == (
        "recall @12", "recall @50", "recall @100", "recall @300", "MAP @12", "NDCG @12", "ratio"
    )  # fmt: skip
    assert {len(row.cells) for row in board.rows} == {14}
    best = [[row.style.name for row in board.rows if row.cells[column].best] for column in range(14)]
    assert best[:7] == [["own purchases by frequency"]] * 7
    assert best[7:] == [["two towers"]] * 7


def test_the_best_baseline_has_the_ratio_one(make_results):
    board = leaderboard(make_results(), ("ratio",))

    ratios = {row.style.name: row.cells for row in board.rows}

    assert ratios["own purchases by frequency"][0] == Cell("1.00")
    assert ratios["item-kNN"][1] == Cell("1.00")


def test_the_first_row_of_each_role_has_a_heading(make_results):
    board = leaderboard(make_results(), ("recall@100",))

    assert {number: row.heading for number, row in enumerate(board.rows) if row.heading} == {
        0: "Two towers, blended, ranked", 4: "Baselines", 9: "Others"
    }  # fmt: skip

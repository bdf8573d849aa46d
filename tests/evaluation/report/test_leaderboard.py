from evaluation.report.leaderboard import Cell, leaderboard, main_measures
from evaluation.report.model_styles import best_baseline, contenders_of


def test_models_stand_in_three_kinds_ours_first(make_results):
    roles = [(contender.role, contender.name) for contender in contenders_of(make_results())]

    assert roles[0] == ("ours", "blended candidates")
    assert roles[4] == ("baseline", "own purchases by frequency")
    assert roles[9] == ("other", "source: own purchases")
    assert [role for role, _ in roles] == ["ours"] * 4 + ["baseline"] * 5 + ["other"] * 4


def test_ours_have_colours_of_their_own_and_the_others_are_grey(make_results):
    colours = [contender.colour.name for contender in contenders_of(make_results())]

    assert colours[:5] == ["blue", "vermillion", "green", "purple", "baseline"]
    assert set(colours[4:]) == {"baseline", "other"}


def test_a_model_that_is_compared_and_compared_with_is_ours(make_results):
    results = make_results(cuts=1)
    differences = results["windows"][0]["comparisons"]
    differences["blended candidates"]["two towers"] = differences["blended candidates"]["last week's bestsellers"]

    roles = {contender.name: contender.role for contender in contenders_of(results)}

    assert roles["two towers"] == "ours"
    assert best_baseline(results, "all") == "own purchases by frequency"


def test_the_board_shows_both_protocols_and_marks_the_best_of_each_column(make_results):
    results = make_results(0.5)

    board = leaderboard(results, main_measures(results))

    assert board.protocols == ("all", "new")
    assert board.columns == (
        "recall @12", "recall @50", "recall @100", "recall @300", "MAP @12", "NDCG @12", "ratio"
    )  # fmt: skip
    assert {len(row.cells) for row in board.rows} == {14}
    best = [[row.contender.name for row in board.rows if row.cells[place].best] for place in range(14)]
    assert best[:7] == [["own purchases by frequency"]] * 7
    assert best[7:] == [["two towers"]] * 7


def test_the_best_simple_list_has_the_ratio_one(make_results):
    results = make_results()
    board = leaderboard(results, ("ratio",))

    ratios = {row.contender.name: row.cells for row in board.rows}

    assert ratios["own purchases by frequency"][0] == Cell("1.00")
    assert ratios["bought together (item to item)"][1] == Cell("1.00")


def test_a_heading_stands_where_a_new_kind_begins(make_results):
    board = leaderboard(make_results(), ("recall@100",))

    assert [row.heading for row in board.rows if row.heading] == [
        "Models", "Simple lists", "Single sources and others"
    ]  # fmt: skip

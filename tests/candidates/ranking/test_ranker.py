import json
from dataclasses import replace

import numpy as np
import pytest

from candidates.item_lists import ItemLists
from candidates.ranking.ranker import Boosting, Ranker
from features.errors import InputError

PRICE = "distance of log price to the user's"


@pytest.fixture(scope="module")
def ranker(by_price, quick):
    return Ranker.fitted(by_price, 1, quick)


def changed(examples, **columns):
    matrix = examples.pairs.matrix.copy()
    for name, values in columns.items():
        matrix[:, examples.pairs.names.index(name)] = values
    return replace(examples, pairs=replace(examples.pairs, matrix=matrix))


def test_it_learns_that_people_buy_what_costs_about_what_they_pay(ranker, by_price):
    scores = ranker.score(by_price.pairs)

    distance = by_price.pairs.matrix[:, by_price.pairs.names.index(PRICE)]
    assert scores[distance < 0.3].mean() > scores[distance > 3].mean() + 1.5
    assert scores.dtype == np.float32


def test_scores_are_log_odds_of_being_bought(ranker, by_price):
    likely = 1 / (1 + np.exp(-ranker.score(by_price.pairs)))

    assert likely.mean() == pytest.approx(by_price.bought.mean(), rel=0.02)


def test_the_same_seed_learns_the_same_and_another_another(ranker, by_price, quick):
    same, other = Ranker.fitted(by_price, 1, quick), Ranker.fitted(by_price, 2, quick)

    assert np.array_equal(same.score(by_price.pairs), ranker.score(by_price.pairs))
    assert not np.array_equal(other.score(by_price.pairs), ranker.score(by_price.pairs))


@pytest.mark.parametrize("values", [np.nan, 3.0, "known of one"], ids=str)
def test_a_feature_that_says_nothing_breaks_nothing(by_price, quick, values):
    column = np.full(len(by_price.bought), np.nan if values == "known of one" else values)
    column[:1] = 3.0 if values == "known of one" else column[:1]
    examples = changed(by_price, **{"log sales_1d": column})

    ranker = Ranker.fitted(examples, 1, quick)

    assert by_price.pairs.names.index("log sales_1d") not in ranker.trees.tested
    assert np.isfinite(ranker.score(examples.pairs)).all()


def test_of_very_many_pairs_whole_lists_are_drawn(by_price, quick, monkeypatch):
    monkeypatch.setattr("candidates.ranking.ranker.MOST_PAIRS", len(by_price.bought) // 2)

    half = Ranker.fitted(by_price, 1, quick)

    drawn = Ranker.fitted(by_price.drawn(250, 1), 1, quick)
    assert np.array_equal(half.score(by_price.pairs), drawn.score(by_price.pairs))


def test_where_nothing_or_everything_was_bought_there_is_nothing_to_learn(by_price, quick):
    nothing = replace(by_price, relevant=ItemLists.from_lists([np.zeros(0, np.int64)] * 500))

    with pytest.raises(ValueError, match="0 of 20,000 candidates that teach were bought"):
        Ranker.fitted(nothing, 1, quick)
    with pytest.raises(ValueError, match="0 of 0 candidates that teach were bought"):
        Ranker.fitted(by_price.take(np.zeros(0, np.int64)), 1, quick)


def test_candidates_of_other_sources_are_refused(ranker, by_price):
    with pytest.raises(ValueError, match=r"knows candidates of \('two_tower', 'popularity'\), not of"):
        ranker.score(replace(by_price.pairs, sources=("popularity", "two_tower")))


def test_what_is_written_is_read_again_and_says_the_same(ranker, by_price, tmp_path):
    ranker.write(tmp_path / "ranker")

    again = Ranker.read(tmp_path / "ranker")

    assert sorted(path.name for path in (tmp_path / "ranker").iterdir()) == ["ranker.json", "trees.npz"]
    assert (again.sources, again.boosting, again.names) == (ranker.sources, ranker.boosting, by_price.pairs.names)
    assert np.array_equal(again.score(by_price.pairs), ranker.score(by_price.pairs))


def test_the_description_can_be_read_by_people(ranker, tmp_path):
    ranker.write(tmp_path / "ranker")

    about = json.loads((tmp_path / "ranker" / "ranker.json").read_text(encoding="utf-8"))

    assert about["format"] == 1
    assert about["sources"] == ["two_tower", "popularity"]
    assert about["boosting"]["trees"] == 60
    assert about["features"][:3] == ["fused score", "fused rank", "rank by two_tower"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda about: about["features"].remove("log price"), "differ in: log price. Train again"),
        (lambda about: about["features"].append("postal code"), "differ in: postal code. Train again"),
        (lambda about: about["features"].reverse(), "differ in: their order. Train again"),
        (
            lambda about: about.update(format=2),
            "of format 2 with 33 features, not of format 1 with the 33 of this program. Train again",
        ),
        (lambda about: about.pop("sources"), "does not describe a ranker"),
        (lambda about: about["boosting"].update(depth=3), "does not describe a ranker"),
        (lambda about: about.update(sources=None), "does not describe a ranker"),
    ],
)
def test_a_ranker_of_another_program_is_refused(ranker, tmp_path, change, told):
    ranker.write(tmp_path / "ranker")
    path = tmp_path / "ranker" / "ranker.json"
    about = json.loads(path.read_text(encoding="utf-8"))
    change(about)
    path.write_text(json.dumps(about), encoding="utf-8")

    with pytest.raises(InputError, match=told):
        Ranker.read(tmp_path / "ranker")


@pytest.mark.parametrize("content", ["", "[1]"])
def test_a_folder_without_a_ranker_is_refused(tmp_path, content):
    with pytest.raises(InputError, match=r"ranker\.json cannot be read"):
        Ranker.read(tmp_path)
    (tmp_path / "ranker.json").write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=r"ranker\.json (cannot be read|does not describe a ranker)"):
        Ranker.read(tmp_path)


def test_more_leaves_than_trees_can_hold_are_refused(by_price):
    with pytest.raises(ValueError, match="leaves"):
        Ranker.fitted(by_price, 1, Boosting(trees=2, leaves=31, pairs_per_leaf=20))

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from candidates.item_lists import ItemLists
from candidates.ranking.ranker import InsufficientDataError, Ranker
from features.errors import InputError

PRICE = "abs_log_price_difference"


@pytest.fixture(scope="module")
def ranker(by_price, quick):
    return Ranker.fit(by_price, 1, quick)


def replace_columns(examples, **columns):
    matrix = examples.pairs.matrix.copy()
    for name, values in columns.items():
        matrix[:, examples.pairs.feature_names.index(name)] = values
    return replace(examples, pairs=replace(examples.pairs, matrix=matrix))


def test_a_ranker_learns_that_users_buy_at_their_usual_price(ranker, by_price):
    scores = ranker.score(by_price.pairs)

    distance = by_price.pairs.matrix[:, by_price.pairs.feature_names.index(PRICE)]
    assert scores[distance < 0.3].mean() > scores[distance > 3].mean() + 1.5
    assert scores.dtype == np.float32


def test_scores_are_log_odds_of_a_purchase(ranker, by_price):
    probabilities = 1 / (1 + np.exp(-ranker.score(by_price.pairs)))

    assert probabilities.mean() == pytest.approx(by_price.bought.mean(), rel=0.02)


def test_the_seed_determines_the_ranker(ranker, by_price, quick):
    same, other = Ranker.fit(by_price, 1, quick), Ranker.fit(by_price, 2, quick)

    assert np.array_equal(same.score(by_price.pairs), ranker.score(by_price.pairs))
    assert not np.array_equal(other.score(by_price.pairs), ranker.score(by_price.pairs))


@pytest.mark.parametrize("values", [np.nan, 3.0, "one value"], ids=str)
def test_an_uninformative_feature_is_not_used(by_price, quick, values):
    column = np.full(len(by_price.bought), np.nan if values == "one value" else values)
    column[:1] = 3.0 if values == "one value" else column[:1]
    examples = replace_columns(by_price, log_sales_1d=column)

    ranker = Ranker.fit(examples, 1, quick)

    assert by_price.pairs.feature_names.index("log_sales_1d") not in ranker.used_columns
    assert np.isfinite(ranker.score(examples.pairs)).all()


def test_of_too_many_pairs_a_sample_of_whole_lists_is_used(by_price, quick, monkeypatch):
    monkeypatch.setattr("candidates.ranking.ranker.MAX_PAIRS", len(by_price.bought) // 2)

    half = Ranker.fit(by_price, 1, quick)

    sample = Ranker.fit(by_price.sample(250, 1), 1, quick)
    assert np.array_equal(half.score(by_price.pairs), sample.score(by_price.pairs))


def test_without_purchases_no_ranker_is_fitted(by_price, quick):
    unbought = replace(by_price, relevant=ItemLists.from_lists([np.zeros(0, np.int64)] * 500))

    with pytest.raises(InsufficientDataError, match=r"^0 of 20,000 "):
        Ranker.fit(unbought, 1, quick)
    with pytest.raises(InsufficientDataError, match=r"^0 of 0 "):
        Ranker.fit(by_price.take(np.zeros(0, np.int64)), 1, quick)


def test_candidates_of_other_sources_are_rejected(ranker, by_price):
    with pytest.raises(ValueError, match=r"\('two_tower', 'popularity'\), not of \('popularity'"):
        ranker.score(replace(by_price.pairs, sources=("popularity", "two_tower")))


def test_a_ranker_is_read_as_it_was_written(ranker, by_price, tmp_path):
    ranker.write(tmp_path / "ranker")

    again = Ranker.read(tmp_path / "ranker")

    assert sorted(path.name for path in (tmp_path / "ranker").iterdir()) == ["ranker.json", "trees.txt"]
    assert (again.sources, again.boosting, again.feature_names) == (
        ranker.sources,
        ranker.boosting,
        by_price.pairs.feature_names,
    )
    assert np.array_equal(again.score(by_price.pairs), ranker.score(by_price.pairs))


def test_the_description_lists_sources_settings_and_features(ranker, tmp_path):
    ranker.write(tmp_path / "ranker")

    description = json.loads((tmp_path / "ranker" / "ranker.json").read_text(encoding="utf-8"))

    assert description["format"] == 3
    assert description["sources"] == ["two_tower", "popularity"]
    assert description["boosting"]["trees"] == 60
    assert description["features"][:3] == ["blender_score", "blender_rank", "two_tower_rank"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda content: content["features"].remove("log_price"), "differ in: log_price. Train again"),
        (lambda content: content["features"].append("postal code"), "differ in: postal code. Train again"),
        (lambda content: content["features"].reverse(), "differ in: their order. Train again"),
        (
            lambda content: content.update(format=2),
            "of format 2 with 38 features, but this program needs format 3 with 38 features. Train again",
        ),
        (lambda content: content.pop("sources"), "does not describe a ranker"),
        (lambda content: content["boosting"].update(depth=3), "does not describe a ranker"),
        (lambda content: content.update(sources=None), "does not describe a ranker"),
    ],
)
def test_a_ranker_of_another_program_is_rejected(ranker, tmp_path, change, message):
    ranker.write(tmp_path / "ranker")
    path = tmp_path / "ranker" / "ranker.json"
    description = json.loads(path.read_text(encoding="utf-8"))
    change(description)
    path.write_text(json.dumps(description), encoding="utf-8")

    with pytest.raises(InputError, match=message):
        Ranker.read(tmp_path / "ranker")


@pytest.mark.parametrize("content", ["", "[1]"])
def test_a_folder_without_a_ranker_is_rejected(tmp_path, content):
    with pytest.raises(InputError, match=r"ranker\.json cannot be read"):
        Ranker.read(tmp_path)
    (tmp_path / "ranker.json").write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=r"ranker\.json (cannot be read|does not describe a ranker)"):
        Ranker.read(tmp_path)


@pytest.mark.parametrize("change", [lambda _: "", lambda text: text[: len(text) // 2], lambda text: text + " "])
def test_trees_that_were_changed_are_rejected(ranker, tmp_path, change):
    ranker.write(tmp_path / "ranker")
    path = tmp_path / "ranker" / "trees.txt"
    path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")

    with pytest.raises(InputError, match=r"trees\.txt was changed"):
        Ranker.read(tmp_path / "ranker")


def test_a_ranker_without_trees_is_rejected(ranker, tmp_path):
    ranker.write(tmp_path / "ranker")
    (tmp_path / "ranker" / "trees.txt").unlink()

    with pytest.raises(InputError, match=r"trees\.txt does not contain the trees of a ranker"):
        Ranker.read(tmp_path / "ranker")


def test_trees_of_another_form_are_rejected(ranker):
    with pytest.raises(ValueError, match="not trees in LightGBM's text format"):
        replace(ranker, trees="no trees")
    with pytest.raises(ValueError, match="trees of 38 features, not of 36"):
        replace(ranker, sources=("popularity",))


def test_values_are_those_of_all_leaves(ranker):
    leaves = sum(int(line.partition("=")[2]) for line in ranker.trees.splitlines() if line.startswith("num_leaves="))
    assert len(ranker.values) == leaves > ranker.boosting.trees
    assert np.isfinite(ranker.values).all()


@given(start=st.integers(0, 400), count=st.integers(0, 100))
def test_a_score_does_not_depend_on_the_other_candidates(ranker, by_price, start, count):
    lists = np.arange(start, start + count)

    part = ranker.score(by_price.pairs.take(lists))

    within = np.isin(by_price.pairs.rows, lists)
    assert np.array_equal(part, ranker.score(by_price.pairs)[within])


def test_infinite_features_are_rejected(ranker, by_price):
    with pytest.raises(ValueError, match="infinite"):
        ranker.score(replace_columns(by_price, log_price=np.inf).pairs)

"""Vocabularies and scales as answers, and those of a release beside those fitted anew."""

import json
import shutil
from dataclasses import replace

import pytest

from models.encoding import Scale
from models.vocabulary import Vocabulary
from pipelines.leakage.differences import DifferentRow, compare
from pipelines.leakage.encoding_answers import encoding_answers, released_answers


@pytest.fixture(scope="module")
def released(tiny, tmp_path_factory):
    """A release and the encodings with which it was written."""
    releases = tmp_path_factory.mktemp("releases")
    return releases / tiny.write_release(releases, tiny.towers()), tiny.encodings()


@pytest.fixture
def release(released, tmp_path):
    """A copy of the release, to be changed."""
    return shutil.copytree(released[0], tmp_path / "release")


def rewritten(path, change):
    content = json.loads(path.read_text(encoding="utf-8"))
    change(content)
    path.write_text(json.dumps(content), encoding="utf-8")


def told(expected, found):
    comparisons = [compare(one, other) for one, other in zip(expected, found, strict=True)]
    return [
        (one.question, one.view, one.column, one.rows) for comparison in comparisons for one in comparison.differences
    ]


def test_every_word_and_every_number_is_in_the_answers(tiny):
    query_words, item_words, query_scales, item_scales = encoding_answers(tiny.encodings())

    assert query_words.rows.to_pylist() == [
        {
            "service": "query_tower_v9",
            "user_id": ["u1", "u2", "u3"],
            "status": ["ACTIVE", "LEFT"],
            "recent_items": ["a", "b", "c"],
            "colours": ["blue", "red"],
        }
    ]
    assert item_words.rows["colour"].to_pylist() == [["blue", "red"]]
    assert query_scales.rows.select(["statistic", "age"]).to_pylist() == [
        {"statistic": "mean", "age": 40.0},
        {"statistic": "deviation", "age": 20.0},
    ]
    assert item_scales.rows.column_names == ["statistic", "sales"]
    assert item_words.views["item_id"] == "item_tower_v9"  # an id comes from no view


def test_a_word_more_and_the_last_bit_of_a_mean_are_named(tiny):
    clean = tiny.encodings()
    words = {**clean.item.vocabularies, "colour": Vocabulary(("blue", "green", "red"))}
    scales = {**clean.query.scales, "age": Scale(40.00000000000001, 20.0)}
    leaking = replace(clean, query=replace(clean.query, scales=scales), item=replace(clean.item, vocabularies=words))

    # The tiny columns come from no view either.
    assert told(encoding_answers(clean), encoding_answers(leaking)) == [
        (
            "vocabularies (item_tower_v9)", "item_tower_v9", "colour",
            (DifferentRow(("item_tower_v9",), ["red"], ["green", "red"]),),
        ),
        (
            "scales (query_tower_v9)", "query_tower_v9", "age",
            (DifferentRow(("mean",), 40.0, 40.00000000000001),),
        ),
    ]  # fmt: skip


def test_a_release_has_the_words_and_scales_of_its_training_rows(released):
    folder, encodings = released

    expected, found = released_answers(encodings, folder)

    assert [answer.question.split()[0] for answer in found] == ["vocabularies"] * 2 + ["scales"] * 2
    assert told(expected, found) == []


def test_a_release_with_a_word_or_a_scale_of_another_origin_is_named(released, release):
    rewritten(release / "vocabularies.json", lambda words: words["query_tower_v9"]["status"].append("WAITING"))
    rewritten(release / "scales.json", lambda scales: scales["item_tower_v9"]["sales"].update(mean=0.25))

    found = told(*released_answers(released[1], release))

    assert [(question, column, rows[0].found) for question, _, column, rows in found] == [
        ("vocabularies (query_tower_v9)", "status", ["WAITING"]),
        ("scales (item_tower_v9)", "sales", 0.25),
    ]


def test_numbers_of_a_release_may_differ_in_the_tenth_digit(released, release):
    rewritten(release / "scales.json", lambda scales: scales["query_tower_v9"]["age"].update(mean=40.0000000001))

    assert told(*released_answers(released[1], release)) == []

"""Vocabularies and scales as snapshots, and those of a release compared with fitted ones."""

import json
import shutil
from dataclasses import replace

import pytest

from models.encoding import Scale
from models.vocabulary import Vocabulary
from pipelines.leakage.comparison import DifferentRow, compare
from pipelines.leakage.encoding_snapshots import encoding_snapshots, released_encoding_snapshots


@pytest.fixture(scope="module")
def released(tiny, tmp_path_factory):
    """The checkpoint of a release as validated, and the encodings with which it was written."""
    releases = tmp_path_factory.mktemp("releases")
    return releases / tiny.write_release(releases, tiny.towers()) / "validated", tiny.encodings()


@pytest.fixture
def release(released, tmp_path):
    """A copy of the checkpoint that a test may change."""
    return shutil.copytree(released[0], tmp_path / "release")


def rewrite(path, change):
    content = json.loads(path.read_text(encoding="utf-8"))
    change(content)
    path.write_text(json.dumps(content), encoding="utf-8")


def differences(expected, found):
    comparisons = [compare(one, other) for one, other in zip(expected, found, strict=True)]
    return [
        (one.snapshot, one.view, one.column, one.rows) for comparison in comparisons for one in comparison.differences
    ]


def test_snapshots_hold_all_fitted_vocabularies_and_scales(tiny):
    query_vocabularies, item_vocabularies, query_scales, item_scales = encoding_snapshots(tiny.encodings())

    assert query_vocabularies.rows.to_pylist() == [
        {
            "service": "query_tower_v9",
            "user_id": ["u1", "u2", "u3"],
            "status": ["ACTIVE", "LEFT"],
            "recent_items": ["a", "b", "c"],
            "colours": ["blue", "red"],
        }
    ]
    assert item_vocabularies.rows["colour"].to_pylist() == [["blue", "red"]]
    assert query_scales.rows.select(["statistic", "age"]).to_pylist() == [
        {"statistic": "mean", "age": 40.0},
        {"statistic": "deviation", "age": 20.0},
    ]
    assert item_scales.rows.column_names == ["statistic", "sales"]
    assert item_vocabularies.views["item_id"] == "item_tower_v9"  # no view has the id


def test_an_additional_token_and_the_last_bit_of_a_mean_are_reported(tiny):
    clean = tiny.encodings()
    vocabularies = {**clean.item.vocabularies, "colour": Vocabulary(("blue", "green", "red"))}
    scales = {**clean.query.scales, "age": Scale(40.00000000000001, 20.0)}
    leaking = replace(
        clean, query=replace(clean.query, scales=scales), item=replace(clean.item, vocabularies=vocabularies)
    )

    # The columns of the tiny schema have no views.
    assert differences(encoding_snapshots(clean), encoding_snapshots(leaking)) == [
        (
            "vocabularies (item_tower_v9)", "item_tower_v9", "colour",
            (DifferentRow(("item_tower_v9",), ["red"], ["green", "red"]),),
        ),
        (
            "scales (query_tower_v9)", "query_tower_v9", "age",
            (DifferentRow(("mean",), 40.0, 40.00000000000001),),
        ),
    ]  # fmt: skip


def test_the_encodings_of_a_release_equal_those_fitted_on_its_training_rows(released):
    folder, encodings = released

    expected, found = released_encoding_snapshots(encodings, folder)

    assert [snapshot.name.split()[0] for snapshot in found] == ["vocabularies"] * 2 + ["scales"] * 2
    assert differences(expected, found) == []


def test_a_changed_vocabulary_or_scale_of_a_release_is_reported(released, release):
    rewrite(
        release / "vocabularies.json", lambda vocabularies: vocabularies["query_tower_v9"]["status"].append("WAITING")
    )
    rewrite(release / "scales.json", lambda scales: scales["item_tower_v9"]["sales"].update(mean=0.25))

    found = differences(*released_encoding_snapshots(released[1], release))

    assert [(snapshot, column, rows[0].found) for snapshot, _, column, rows in found] == [
        ("vocabularies (query_tower_v9)", "status", ["WAITING"]),
        ("scales (item_tower_v9)", "sales", 0.25),
    ]


def test_scales_of_a_release_may_differ_in_the_tenth_digit(released, release):
    rewrite(release / "scales.json", lambda scales: scales["query_tower_v9"]["age"].update(mean=40.0000000001))

    assert differences(*released_encoding_snapshots(released[1], release)) == []

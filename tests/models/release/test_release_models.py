"""Blender and rankers of a release: read as they were written, and refused if they do not fit together."""

import json

import pytest
from fixtures.serving import new_items_first

from features.errors import InputError
from models.release.release_models import read_release_models, write_release_models

VERSION = "20200923-seed-0123abcd"
SOURCES = ("two_tower", "popularity")
BLENDER = {"keep": {"sources": [*SOURCES], "intercept": -1.5}, "drop": {"sources": ["two_tower"], "intercept": 0.0}}


@pytest.fixture
def folder(tmp_path):
    write_release_models(tmp_path, BLENDER, {"keep": new_items_first(SOURCES)})
    return tmp_path


def error_of(folder):
    with pytest.raises(InputError) as caught:
        read_release_models(folder, VERSION)
    return str(caught.value)


def test_blender_and_rankers_survive_a_round_trip(folder):
    blender, rankers = read_release_models(folder, VERSION)

    assert blender == BLENDER
    assert {policy: ranker.sources for policy, ranker in rankers.items()} == {"keep": SOURCES}
    assert sorted(path.name for path in folder.iterdir()) == ["blender.json", "ranker_keep"]


def test_a_release_may_have_no_rankers(tmp_path):
    write_release_models(tmp_path, BLENDER, {})

    assert read_release_models(tmp_path, VERSION) == (BLENDER, {})


def test_a_ranker_with_other_sources_than_the_blender_is_refused(folder):
    (folder / "blender.json").write_text(json.dumps(BLENDER | {"keep": BLENDER["drop"]}), encoding="utf-8")

    message = error_of(folder)
    assert all(part in message for part in (VERSION, "'keep'", "two_tower, popularity,", "from two_tower."))


def test_a_ranker_with_the_sources_in_another_order_is_refused(folder):
    reordered = {"sources": ["popularity", "two_tower"]}
    (folder / "blender.json").write_text(json.dumps(BLENDER | {"keep": reordered}), encoding="utf-8")

    message = error_of(folder)
    assert all(part in message for part in (VERSION, "'keep'", "two_tower, popularity,", "from popularity, two_tower."))


def test_a_ranker_for_an_unknown_policy_is_refused(folder):
    (folder / "ranker_keep").rename(folder / "ranker_new")

    message = error_of(folder)
    assert all(part in message for part in (VERSION, "'new'", "keep or drop"))


@pytest.mark.parametrize(
    "content", [[], {}, {"keep": BLENDER["keep"]}, BLENDER | {"new": BLENDER["keep"]}, {"keep": 1, "drop": 2}], ids=str
)
def test_blender_weights_must_cover_exactly_the_known_policies(folder, content):
    (folder / "blender.json").write_text(json.dumps(content), encoding="utf-8")

    message = error_of(folder)
    assert all(part in message for part in (VERSION, "blender.json", "keep and drop"))


def test_invalid_and_missing_blender_weights_are_refused(folder):
    (folder / "blender.json").write_text("{", encoding="utf-8")
    assert f"blender.json of release {VERSION} cannot be read" in error_of(folder)

    (folder / "blender.json").unlink()
    assert f"blender.json of release {VERSION} cannot be read" in error_of(folder)


@pytest.mark.parametrize("name", ["ranker.json", "trees.txt"])
def test_a_ranker_that_lacks_a_file_is_refused(folder, name):
    (folder / "ranker_keep" / name).unlink()

    assert f"ranker_keep/{name} " in error_of(folder)


def test_models_that_do_not_fit_together_are_not_written(tmp_path):
    with pytest.raises(ValueError, match=r"'drop'.*two_tower, popularity,.*from two_tower\."):
        write_release_models(tmp_path, BLENDER, {"drop": new_items_first(SOURCES)})
    with pytest.raises(ValueError, match="'new'"):
        write_release_models(tmp_path, BLENDER, {"new": new_items_first(SOURCES)})
    assert [*tmp_path.iterdir()] == []

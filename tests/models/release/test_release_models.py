"""What orders a release's candidates is read back as it was written, and refused if its parts do not fit together."""

import json

import numpy as np
import pytest

from candidates.ranking.ranker import BoostingConfig, Ranker
from candidates.ranking.ranker_features import feature_names
from candidates.ranking.trees import MAX_LEAVES, Trees
from features.errors import InputError
from models.release.release_models import read_release_models, write_release_models

VERSION = "20200923-seed-0123abcd"
SOURCES = ("two_tower", "popularity")
BLENDER = {"keep": {"sources": [*SOURCES], "intercept": -1.5}, "drop": {"sources": ["two_tower"], "intercept": 0.0}}
UNFIT = f"Release {VERSION} cannot order candidates: "


def ranker_of(*sources):
    """A ranker of one tree without tests, which scores everything 0.5."""
    values = np.zeros((1, MAX_LEAVES))
    values[0, 0] = 0.5
    trees = Trees(
        columns=len(feature_names(sources)),
        features=np.zeros((1, 0), np.int32),
        thresholds=np.zeros((1, 0), np.float32),
        kept=np.zeros((1, 0), np.uint16),
        values=values,
        start=0.0,
    )
    return Ranker(sources, BoostingConfig(), trees)


@pytest.fixture
def folder(tmp_path):
    write_release_models(tmp_path, BLENDER, {"keep": ranker_of(*SOURCES)})
    return tmp_path


def error_of(folder):
    with pytest.raises(InputError) as caught:
        read_release_models(folder, VERSION)
    return str(caught.value)


def test_what_is_written_is_read_again(folder):
    blender, rankers = read_release_models(folder, VERSION)

    assert blender == BLENDER
    assert {policy: ranker.sources for policy, ranker in rankers.items()} == {"keep": SOURCES}
    assert sorted(path.name for path in folder.iterdir()) == ["blender.json", "ranker_keep"]


def test_without_rankers_the_weights_order_alone(tmp_path):
    write_release_models(tmp_path, BLENDER, {})

    assert read_release_models(tmp_path, VERSION) == (BLENDER, {})


def test_a_ranker_of_other_sources_than_its_candidates_have_is_refused(folder):
    (folder / "blender.json").write_text(json.dumps(BLENDER | {"keep": BLENDER["drop"]}), encoding="utf-8")

    assert error_of(folder) == (
        f"{UNFIT}The ranker for 'keep' knows the sources two_tower, popularity, and its candidates are of two_tower. "
        "Train again."
    )


def test_a_ranker_of_sources_in_another_order_is_refused(folder):
    turned = {"sources": ["popularity", "two_tower"]}
    (folder / "blender.json").write_text(json.dumps(BLENDER | {"keep": turned}), encoding="utf-8")

    assert error_of(folder).startswith(f"{UNFIT}The ranker for 'keep' knows the sources two_tower, popularity, and ")


def test_a_ranker_for_a_policy_that_nobody_asks_for_is_refused(folder):
    (folder / "ranker_keep").rename(folder / "ranker_new")

    assert error_of(folder) == f"{UNFIT}There is a ranker for 'new', which is none of keep, drop. Train again."


@pytest.mark.parametrize(
    "content", [[], {}, {"keep": BLENDER["keep"]}, BLENDER | {"new": BLENDER["keep"]}, {"keep": 1, "drop": 2}], ids=str
)
def test_weights_that_leave_a_policy_out_are_refused(folder, content):
    (folder / "blender.json").write_text(json.dumps(content), encoding="utf-8")

    assert error_of(folder) == f"{UNFIT}blender.json must name the sources of keep and drop. Train again."


def test_weights_that_are_no_json_or_not_there_are_refused(folder):
    (folder / "blender.json").write_text("{", encoding="utf-8")
    assert error_of(folder).startswith(f"The blender.json of release {VERSION} cannot be read (")

    (folder / "blender.json").unlink()
    assert error_of(folder).startswith(f"The blender.json of release {VERSION} cannot be read (")


@pytest.mark.parametrize("name", ["ranker.json", "trees.npz"])
def test_a_ranker_without_one_of_its_files_is_refused(folder, name):
    (folder / "ranker_keep" / name).unlink()

    assert f"ranker_keep/{name} " in error_of(folder)


def test_what_could_not_be_read_again_is_not_written(tmp_path):
    with pytest.raises(ValueError, match=r"^The ranker for 'drop' knows the sources two_tower, popularity, and "):
        write_release_models(tmp_path, BLENDER, {"drop": ranker_of(*SOURCES)})
    with pytest.raises(ValueError, match=r"^There is a ranker for 'new'"):
        write_release_models(tmp_path, BLENDER, {"new": ranker_of(*SOURCES)})
    assert [*tmp_path.iterdir()] == []

"""Once nothing is left to be judged, the towers learn from the days that judged them."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from features.errors import InputError

AS_OF, CUT, REFIT_DAYS = "2020-02-25", "2020-02-18", 20  # the toy world begins on 2020-01-01 and ends on 2020-02-29


@pytest.fixture(scope="module")
def words(toy, tmp_path_factory):
    return ("--repo", toy.repo, "--releases", tmp_path_factory.mktemp("artifacts"), "--epochs", 1, "--label-weeks", 1)


@pytest.fixture(scope="module")
def story(call, words):
    """What a training of the toy world said, what its refit was given, and its release, with a refit of 20 days."""
    from models import config
    from pipelines import refit

    given = []

    def spy(rows, *others, **settings):
        given.append(rows.items.table())
        return real(rows, *others, **settings)

    real = refit.refit
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(refit, "refit", spy)
        patch.setitem(config.PRESETS, "default", replace(config.DEFAULT, refit_days=REFIT_DAYS))
        done = call("train", *words, "--as-of", AS_OF)
    assert done.exit_code == 0, done.stderr
    releases = words[3]
    version = (releases / "LATEST").read_text(encoding="utf-8").strip()
    manifest = json.loads((releases / version / "manifest.json").read_text(encoding="utf-8"))
    (rows,) = given
    return releases, version, manifest, rows, done.stdout


def test_it_learns_once_more_from_the_last_days_and_from_nothing_later(story, toy_purchases):
    _, _, manifest, rows, said = story

    days = sorted({f"{moment:%Y-%m-%d}" for moment in rows["event_timestamp"].to_pylist()})
    bought = [day for _, _, day, _ in toy_purchases if "2020-02-05" <= day < AS_OF]
    assert (days[0], days[-1], len(days)) == ("2020-02-05", "2020-02-24", REFIT_DAYS)
    assert any(day >= CUT for day in days)  # the days that judged
    assert rows.num_rows == manifest["rows"]["purchases_refitted"] == len(bought)
    assert manifest["refit_start"] == "2020-02-05T00:00:00+00:00"
    assert manifest["seconds"]["refit"] > 0
    assert f"refit on {len(bought):,} purchases since 2020-02-05\n  query vectors: mean cosine " in said


def test_the_figures_of_a_collapse_are_kept_of_what_is_released_too(story):
    releases, version, *_ = story

    metrics = json.loads((releases / version / "metrics.json").read_text(encoding="utf-8"))

    released, judged = metrics["released"]["diversities"], metrics["epochs"][0]["window_metrics"]["diversities"]
    assert set(released) == set(judged) == {"query vectors", "new-item query vectors"}
    assert released["query vectors"]["mean_cosine"] != judged["query vectors"]["mean_cosine"]


def test_what_is_released_has_gone_on_from_what_was_judged(story, toy_store):
    from features.store.catalogue import catalogue_ids
    from features.store.reader import FeatureReader
    from models.release.earlier_release import EarlierRelease

    releases, version, *_ = story
    current = EarlierRelease.read(releases, version)
    release = current.release
    item_ids = catalogue_ids(toy_store, release.as_of)
    features = FeatureReader(toy_store, "offline").read(release.schemas.item.service, item_ids, release.as_of)

    judged = current.towers().item_vectors(features)

    def cosines(one, other):
        return (one * other).sum(axis=1) / np.linalg.norm(one, axis=1) / np.linalg.norm(other, axis=1)

    assert item_ids.to_pylist() == release.item_ids.tolist()
    near = cosines(judged, release.item_vectors)
    strange = cosines(judged, np.roll(release.item_vectors, 1, axis=0))
    assert near.min() < 0.9999  # it has learned
    assert np.median(near) > np.median(strange) + 0.2  # and not begun anew


def test_towers_at_fault_afterwards_are_no_release(call, toy, tmp_path, monkeypatch):
    from pipelines import refit

    def broken(*arguments, earlier, **settings):
        towers = real(*arguments, earlier=earlier, **settings)
        for variable in towers.model.trainable_variables:
            variable.assign(variable * np.nan)
        return towers

    real = refit.refit
    monkeypatch.setattr(refit, "refit", broken)

    words = ("--repo", toy.repo, "--releases", tmp_path, "--epochs", 1, "--label-weeks", 1)
    done = call("train", *words, "--training-days", 10)

    assert done.exit_code == 1
    # Ten days before the cut on 2020-02-23: what is not to be learned from is not refitted on either.
    assert done.stderr.splitlines()[-1].startswith(
        "error: No release was written: after one more pass over the days since 2020-02-13 the towers "
        "failed sanity checks: "
    )
    assert "gate " in done.stdout  # what was judged is told before
    assert not tmp_path.exists() or list(tmp_path.iterdir()) == []


@pytest.fixture
def no_further(monkeypatch):
    """Stop a training once its gate has spoken."""
    from pipelines import ranker_weeks

    def stop(*_, **__):
        raise InputError("no further")

    monkeypatch.setattr(ranker_weeks, "label_weeks", stop)


@pytest.mark.parametrize(
    ("days", "cut", "told"),
    [
        (3, "2020-02-27", "beside release {} as it is served"),
        (7, "2020-02-23", "beside release {} as it was judged"),
        (
            20,
            "2020-02-10",
            "the current release cannot be asked: {} has learned from days after 2020-02-10, which are to judge.",
        ),
    ],
    ids=["it has seen none of the days that judge", "it was released in them", "it was judged in them"],
)
def test_the_gate_asks_the_current_release_as_it_was_before_the_days_that_judge(
    call, toy, story, tmp_path, no_further, days, cut, told
):
    """It is of 2020-02-25, and was judged from 2020-02-18 on."""
    releases, version, *_ = story
    mine = shutil.copytree(releases, tmp_path / "artifacts")

    done = call(
        "train",
        "--repo",
        toy.repo,
        "--releases",
        mine,
        "--epochs",
        1,
        "--label-weeks",
        1,
        "--as-of",
        "2020-03-01",
        "--validation-days",
        days,
    )

    assert done.stderr.splitlines()[-1] == "error: no further"
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("gate ")]
    assert line.endswith(told.format(version)), cut


def test_a_second_training_with_one_seed_is_no_different_to_anybody(call, story, words, tmp_path, no_further):
    releases, version, *_ = story
    mine = shutil.copytree(releases, tmp_path / "artifacts")

    done = call("train", *words[:2], "--releases", mine, *words[4:], "--as-of", AS_OF)

    (line,) = [line for line in done.stdout.splitlines() if line.startswith("gate ")]
    assert line.endswith(f"; +0.0000 (+0.0000 to +0.0000) beside release {version} as it was judged")

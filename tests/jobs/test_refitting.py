"""Once nothing is left to be judged, the towers learn from the days that judged them."""

import json
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

AS_OF = datetime(2020, 3, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def story(call, toy, tmp_path_factory):
    """The folder of a release of the toy world, after one epoch."""
    releases = tmp_path_factory.mktemp("artifacts")
    done = call("train", "--repo", toy.repo, "--releases", releases, "--epochs", 1)
    assert done.exit_code == 0, done.stderr
    return releases, (releases / "LATEST").read_text(encoding="utf-8").strip(), done.stdout


def test_it_learns_once_more_from_the_last_days_and_from_nothing_later(story, toy_purchases):
    from models.config import DEFAULT

    releases, version, said = story
    manifest = json.loads((releases / version / "manifest.json").read_text(encoding="utf-8"))

    first = f"{AS_OF - timedelta(days=DEFAULT.refit_days):%Y-%m-%d}"
    last_days = sum(first <= moment < "2020-03-01" for _, _, moment, _ in toy_purchases)
    assert manifest["rows"]["purchases_refitted"] == last_days
    assert manifest["rows"]["purchases_validated"] < last_days
    assert manifest["seconds"]["refit"] > 0
    assert " s refitting" in said.splitlines()[-1]


def test_what_is_released_has_gone_on_from_what_was_judged(story, toy_store):
    from features.catalogue import catalogue_at
    from models.earlier_release import EarlierRelease

    releases, version, _ = story
    current = EarlierRelease.read(releases, version)
    release = current.release
    catalogue = catalogue_at(toy_store, release.schemas.item, release.as_of)

    judged = current.towers().item_vectors(catalogue.features)

    def cosines(one, other):
        return (one * other).sum(axis=1) / np.linalg.norm(one, axis=1) / np.linalg.norm(other, axis=1)

    assert catalogue.ids.tolist() == release.item_ids.tolist()
    near = cosines(judged, release.item_vectors)
    strange = cosines(judged, np.roll(release.item_vectors, 1, axis=0))
    assert near.min() < 0.9999  # it has learned
    assert np.median(near) > np.median(strange) + 0.2  # and not begun anew


def test_towers_at_fault_afterwards_are_no_release(call, toy, tmp_path, monkeypatch):
    from jobs import refitting

    def broken(*arguments, earlier, **settings):
        towers = real(*arguments, earlier=earlier, **settings)
        for variable in towers.model.trainable_variables:
            variable.assign(variable * np.nan)
        return towers

    real = refitting.refit
    monkeypatch.setattr(refitting, "refit", broken)

    done = call("train", "--repo", toy.repo, "--releases", tmp_path, "--epochs", 1)

    assert done.exit_code == 1
    assert done.stderr.splitlines()[-1].startswith(
        "error: No release was written: after one pass over the last 126 days the towers are at fault: "
    )
    assert not tmp_path.exists() or list(tmp_path.iterdir()) == []


def test_the_gate_asks_the_current_release_as_it_was_judged(call, toy, story, tmp_path):
    """A second training with the same seed comes to the same towers: there is no difference to the user."""
    releases, version, _ = story

    again = call("train", "--repo", toy.repo, "--releases", releases, "--epochs", 1)

    (told,) = [line for line in again.stdout.splitlines() if line.startswith("gate ")]
    assert told.endswith(f"; +0.0000 (+0.0000 to +0.0000) beside release {version}")
    assert f"release {releases / version} after" in again.stdout


def test_a_current_release_that_has_learned_from_the_days_that_judge_is_not_compared(call, toy, story):
    releases, version, _ = story

    earlier = call("train", "--repo", toy.repo, "--releases", releases, "--epochs", 1, "--as-of", "2020-02-28")

    (told,) = [line for line in earlier.stdout.splitlines() if line.startswith("gate ")]
    assert told.endswith(
        f"; the current release cannot be asked: {version} has learned from days after 2020-02-21, which are to judge."
    )

"""A release passes the gate if it is not clearly worse than the current one, and clearly better than what sells."""

from types import SimpleNamespace

import numpy as np
import pytest

VERSION = "20200223-default-0123abcd"
BESTSELLERS = [0.25, 0.0, 0.25, 0.0]
BETTER = [0.75, 0.5, 0.75, 0.5]  # by a half for every user, so that its interval is a point
AHEAD = "+0.5000 (+0.5000 to +0.5000) beside last week's bestsellers"


def judged(recalls):
    return SimpleNamespace(user_recall=np.array(recalls))


@pytest.fixture
def decided(monkeypatch, tmp_path):
    """The gate's decision on recalls of four users, beside a current release of these recalls, if there is one."""
    from pipelines import gate

    def decided(mine, current=None):
        if current is not None:
            (tmp_path / "LATEST").write_text(f"{VERSION}\n", encoding="utf-8")
            monkeypatch.setattr(gate, "_current", lambda *_: (VERSION, "is served", np.array(current)))
        run = SimpleNamespace(
            training_history=SimpleNamespace(best=SimpleNamespace(window_metrics=judged(mine))),
            baselines={"last week's bestsellers": judged(BESTSELLERS)},
            week=SimpleNamespace(cutoffs=(12, 100)),
        )
        return gate.gate(None, run, tmp_path)

    return decided


def test_a_first_release_is_compared_with_the_bestsellers_alone(decided):
    gate = decided(BETTER)

    assert (gate.passed, gate.sentence) == (True, f"gate passed: recall@100 {AHEAD}")


def test_a_release_that_is_no_better_than_the_bestsellers_does_not_pass(decided):
    gate = decided(BESTSELLERS)

    assert (gate.passed, gate.sentence) == (
        False,
        "gate NOT passed: recall@100 +0.0000 (+0.0000 to +0.0000) beside last week's bestsellers",
    )


def test_better_for_some_and_worse_for_as_many_is_not_clearly_better(decided):
    # One user gains a half, one loses as much: resamples of four users lie on both sides of 0.
    gate = decided([0.75, 0.5, 0.0, 0.0])

    assert not gate.passed
    assert gate.sentence.startswith("gate NOT passed: recall@100 +0.1875 (-0.")


def test_a_release_as_good_as_the_current_one_passes(decided):
    gate = decided(BETTER, current=BETTER)

    assert (gate.passed, gate.sentence) == (
        True,
        f"gate passed: recall@100 {AHEAD}; +0.0000 (+0.0000 to +0.0000) beside release {VERSION} as it is served",
    )


def test_a_release_that_is_clearly_worse_than_the_current_one_does_not_pass(decided):
    gate = decided(BETTER, current=[1.0, 0.75, 1.0, 0.75])

    assert (gate.passed, gate.sentence) == (
        False,
        f"gate NOT passed: recall@100 {AHEAD}; -0.2500 (-0.2500 to -0.2500) beside release {VERSION} as it is served",
    )


def test_a_release_better_than_the_current_one_must_beat_the_bestsellers_as_well(decided):
    assert not decided(BESTSELLERS, current=[0.0, 0.0, 0.0, 0.0]).passed


def test_a_current_release_that_cannot_be_asked_is_not_beaten(decided, tmp_path):
    (tmp_path / "LATEST").write_text(f"{VERSION}\n", encoding="utf-8")

    gate = decided(BETTER)

    assert not gate.passed
    assert gate.sentence == (
        f"gate NOT passed: recall@100 {AHEAD}; the current release cannot be asked: There is no release {VERSION} in "
        f"{tmp_path}: run `python jobs/train.py` first."
    )


def test_what_must_be_better_and_is_not_ends_with_status_1_and_is_not_the_latest(call, toy, tmp_path):
    releases = tmp_path / "releases"
    words = ("--repo", toy.repo, "--releases", releases, "--label-weeks", 1)
    filters = tmp_path / "filters.toml"
    filters.write_text('blocked_categories = ["Hat"]\n', encoding="utf-8")
    first = call("train", *words, "--epochs", 2, "--require-better", "--filters", filters)
    assert first.exit_code == 0, first.stderr
    assert "warning: Blocked categories that no item is of: 'Hat'" in first.stderr
    latest = (releases / "LATEST").read_text(encoding="utf-8").strip()
    (told,) = [line for line in first.stdout.splitlines() if line.startswith("gate ")]
    assert told.startswith("gate passed: recall@12 +")
    assert told.endswith(" beside last week's bestsellers")

    # One epoch of the preset seed has hardly begun to learn.
    second = call("train", *words, "--preset", "seed", "--epochs", 1, "--require-better")

    assert second.exit_code == 1
    (told,) = [line for line in second.stdout.splitlines() if line.startswith("gate ")]
    assert told.startswith("gate NOT passed: recall@12 ")
    assert told.endswith(f" beside release {latest} as it was judged")
    (worse,) = [path for path in releases.iterdir() if path.name not in {latest, "LATEST"}]
    assert second.stderr.splitlines()[-1] == f"error: release {worse} is not better, and LATEST stays as it was."
    assert "next: " not in second.stdout
    assert (releases / "LATEST").read_text(encoding="utf-8").strip() == latest
    assert (worse / "manifest.json").is_file()

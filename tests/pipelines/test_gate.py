"""A release passes the gate if it is clearly better than the bestsellers and not clearly worse than the current one."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from candidates.item_lists import ItemLists

USERS = 60
CUT = datetime(2020, 2, 23, tzinfo=UTC)  # of the shared training
SPREAD = np.arange(USERS) % 2 * 0.25


def metrics(**recalls):
    """Metrics of models with these recalls of each user."""
    from pipelines.served_metrics import ServedMetrics

    users = len(next(iter(recalls.values())))
    lists = ItemLists.from_lists([np.arange(2)] * users)
    values = {name: {"all": {"recall@100": np.array(values)}} for name, values in recalls.items()}
    return ServedMetrics(CUT, CUT, (12, 100), lists, np.arange(0), lists.take(np.arange(0)), values)


def served(blended, bestsellers=SPREAD):
    from evaluation.baselines import LAST_WEEK_BESTSELLERS
    from pipelines.served_metrics import BLENDED

    return metrics(**{BLENDED: blended, LAST_WEEK_BESTSELLERS: bestsellers})


@pytest.fixture
def decide():
    from pipelines.gate import CurrentRecalls, decide

    def decided(blended, current=None):
        if isinstance(current, np.ndarray):
            current = CurrentRecalls("release 20200223-default-0123abcd as served", current)
        return decide(served(blended), current)

    return decided


def test_a_first_release_must_be_clearly_better_than_the_bestsellers(decide):
    gate = decide(SPREAD + 0.5)

    assert gate.passed
    assert "recall@100" in gate.text
    assert "+0.5000 (+0.5000 to +0.5000) vs last week's bestsellers" in gate.text
    assert not decide(SPREAD).passed


def test_better_for_some_users_and_worse_for_as_many_is_not_clearly_better(decide):
    gate = decide(np.where(np.arange(USERS) < 31, SPREAD + 0.25, SPREAD - 0.25))

    assert not gate.passed
    assert "+0.0083 (-0." in gate.text


@pytest.mark.parametrize(("difference", "passed"), [(0.0, True), (0.25, True), (-0.25, False)])
def test_a_release_must_not_be_clearly_worse_than_the_current_one(decide, difference, passed):
    gate = decide(SPREAD + 0.5, current=SPREAD + 0.5 - difference)

    assert gate.passed is passed
    assert f"{difference:+.4f}" in gate.text
    assert "20200223-default-0123abcd" in gate.text


def test_a_release_better_than_the_current_one_must_beat_the_bestsellers_as_well(decide):
    assert not decide(SPREAD, current=SPREAD - SPREAD).passed


def test_a_current_release_that_cannot_be_evaluated_is_not_beaten(decide):
    gate = decide(SPREAD + 0.5, current="file weights.npz was changed")

    assert not gate.passed
    assert "weights.npz" in gate.text


def test_a_window_with_too_few_users_cannot_pass():
    from pipelines.gate import FEWEST_USERS, decide

    few = [np.full(FEWEST_USERS - 1, recall) for recall in (0.75, 0.25)]
    enough = [np.full(FEWEST_USERS, recall) for recall in (0.75, 0.25)]

    gate = decide(served(*few), None)

    assert not gate.passed
    assert "cannot be evaluated" in gate.text
    assert "49 users" in gate.text
    assert "cannot be judged" in gate.text
    assert decide(served(*enough), None).passed


def test_a_window_with_too_few_purchases_cannot_pass():
    from pipelines.gate import FEWEST_PURCHASES, decide

    few = replace(served(SPREAD + 0.5), relevant=ItemLists.from_lists([np.arange(1)] * USERS))

    gate = decide(few, None)

    assert FEWEST_PURCHASES > USERS
    assert not gate.passed
    assert "60 purchases" in gate.text


def test_candidates_that_could_not_be_blended_do_not_pass():
    from evaluation.baselines import LAST_WEEK_BESTSELLERS
    from pipelines.gate import decide

    gate = decide(metrics(**{LAST_WEEK_BESTSELLERS: SPREAD}), None)

    assert not gate.passed
    assert "cannot be evaluated" in gate.text


@pytest.fixture
def gate_with_current(trained, toy_store, validation, tmp_path):
    """The gate of the shared training beside its own release as the current one, as if that had these moments."""
    from models.release.writer import make_latest, write_release
    from pipelines.gate import evaluate_gate

    def gate(**moments):
        contents = trained.result.contents
        contents = replace(contents, split=replace(contents.split, **moments))
        version = write_release(tmp_path, contents, created=CUT)
        make_latest(tmp_path, version)
        return evaluate_gate(toy_store, *validation, trained.result.models.served, tmp_path), version

    return gate


def test_the_gate_of_the_shared_training_is_passed_without_a_current_release(trained):
    gate = trained.result.models.gate

    assert gate.passed
    assert gate.text in trained.reporter.results
    assert "recall@12" in gate.text


def test_a_current_release_of_before_the_window_is_evaluated_as_served(gate_with_current):
    gate, version = gate_with_current(cut=CUT - timedelta(days=7), as_of=CUT)

    assert gate.text.endswith(f"vs release {version} as served")


def test_a_current_release_refitted_on_days_of_the_window_is_evaluated_as_validated(gate_with_current):
    gate, version = gate_with_current()

    # The same towers with weights fitted on the same halves of the users: no user has another list.
    assert gate.passed
    assert gate.text.endswith(f"+0.0000 (+0.0000 to +0.0000) vs release {version} as validated")


def test_a_current_release_trained_on_days_of_the_window_cannot_be_evaluated(gate_with_current):
    gate, version = gate_with_current(cut=CUT + timedelta(days=1))

    assert not gate.passed
    assert f"cannot be evaluated: release {version} was trained on days after 2020-02-23" in gate.text


def test_a_damaged_current_release_cannot_be_evaluated(trained, toy_store, validation, tmp_path):
    from pipelines.gate import evaluate_gate

    (tmp_path / "LATEST").write_text("20200223-default-0123abcd\n", encoding="utf-8")

    gate = evaluate_gate(toy_store, *validation, trained.result.models.served, tmp_path)

    assert not gate.passed
    assert "20200223-default-0123abcd" in gate.text


def test_a_required_gate_that_is_not_passed_ends_the_job_with_status_1(call, toy, trained, tmp_path, monkeypatch):
    from pipelines import gate, train_release

    (tmp_path / "LATEST").write_text(f"{trained.version}\n", encoding="utf-8")
    monkeypatch.setattr(train_release, "train_towers", lambda *_, **__: trained.result.towers)
    monkeypatch.setattr(gate, "FEWEST_USERS", 200)

    done = call("train", "--repo", toy.repo, "--releases", tmp_path, "--require-better")

    assert done.exit_code == 1
    assert "gate NOT passed" in done.stdout
    assert "199 users" in done.stdout
    assert "\nblended candidates " in done.stdout
    assert done.stderr.splitlines()[-1].startswith("error: ")
    assert "199 users" in done.stderr.splitlines()[-1]
    assert "refit" not in done.stdout
    assert "next: " not in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["LATEST"]

"""The fault injection of `benchmarks/kill_test.py`: what it counts as silent, and a small run of it."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def benchmarks(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")


@pytest.fixture
def trial():
    from fault_injection.verdict import Trial

    return Trial("killed", "a job")


@pytest.fixture
def seen():
    from fault_injection.readers import Seen

    return lambda kind, content: {"candidates": Seen(kind, content)}


def test_a_state_that_is_neither_the_old_nor_the_new_one_is_silent(trial, seen):
    trial.compare(seen("read", "half"), [seen("read", "old"), seen("read", "new")], "after the kill")

    assert not trial.survived
    assert trial.silent == ["after the kill, candidates reads neither of the whole states"]


@pytest.mark.parametrize(("kind", "content"), [("read", "old"), ("read", "new"), ("refused", "error: empty")])
def test_a_whole_state_and_a_refusal_are_survived(trial, seen, kind, content):
    trial.compare(seen(kind, content), [seen("read", "old"), seen("read", "new")], "after the kill")

    assert trial.survived


def test_a_reader_without_a_clear_message_is_no_survival(trial, seen):
    trial.compare(seen("crashed", "KeyError: 'x'"), [seen("read", "old")], "after the kill")

    assert not trial.survived
    assert trial.silent == []


def test_a_reader_that_is_refused_after_the_next_run_is_no_survival(trial, seen):
    trial.expect(seen("refused", "error: empty"), seen("read", "new"), "after the next run")

    assert not trial.survived


@pytest.mark.parametrize(
    ("stderr", "is_clean"),
    [
        ("error: the file x is damaged: train again.\n", True),
        ("Traceback (most recent call last):\nKeyError: 'x'\n", False),
        ("error: KeyError in train: 'x' (set FEAST_TWO_TOWER_DEBUG=1 for the traceback).\n", False),
        ("error: one\nerror: two\n", False),
        ("", False),
    ],
)
def test_a_refusal_is_one_sentence(stderr, is_clean):
    from fault_injection.forks import Ended

    assert (Ended(1, "", stderr, 0.1).refusal is not None) == is_clean


@pytest.mark.whole_path
def test_a_small_run_is_survived(run):
    done = run(
        sys.executable, ROOT / "benchmarks" / "kill_test.py", "--quick", "--only", "kills", "--only", "disks",
        "--job", "fetch", "--job", "feast apply", "--job", "generate", PYTHONPATH=str(ROOT),
    )  # fmt: skip

    assert done.returncode == 0, done.stdout + done.stderr
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in done.stdout.splitlines() if "|" in line]
    [(_, tried, survived, silent)] = [row for row in rows if row[0] == "all"]
    assert int(tried) == int(survived) >= 10
    assert silent == "0"

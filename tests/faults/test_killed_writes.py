"""A job that is killed before any of its writes leaves what was there, and the next run completes the work."""

import json
import shutil
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("killed_writes.py")
ROOT = SCRIPT.parents[2]
PATHS = f"{ROOT}:{ROOT / 'benchmarks'}"


@pytest.fixture
def kill_before_each_write(run):
    """Run the script for an action on a project; before every `step`-th of its writes."""

    def kill_before_each_write(action, project, step):
        done = run(sys.executable, SCRIPT, action, project, step, cwd=project, PYTHONPATH=PATHS)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    return kill_before_each_write


def assert_survived(killed, fewest_writes):
    before, after, seen = killed["before"], killed["after"], killed["seen"]
    assert before != after
    assert killed["writes"] >= fewest_writes
    assert all(each["killed"] for each in seen)
    assert [each["state"] for each in seen if each["state"] not in (before, after)] == []
    assert seen[0]["state"] == before
    assert [each["next"] for each in seen if each["next"] != after] == []
    assert [each["left"] for each in seen if each["left"]] == []
    assert [each["state"] for each in killed["full"] if (each["state"] == after) != (each["error"] is None)] == []
    assert {str(each["state"]) for each in killed["full"]} <= {str(before), str(after)}
    assert killed["full"][0]["error"] is not None


@pytest.mark.whole_path
def test_a_materialization_that_is_killed_leaves_the_previous_generation(kill_before_each_write, toy, tmp_path):
    project = toy.copy_to(tmp_path / "project")

    assert_survived(kill_before_each_write("materialize", project.root, step=3), fewest_writes=25)


@pytest.mark.whole_path
def test_a_build_that_is_killed_leaves_the_previous_tables(kill_before_each_write, toy, tmp_path):
    shutil.copytree(toy.raw, tmp_path / "raw")
    shutil.copytree(toy.raw, tmp_path / "fewer")
    purchases = tmp_path / "fewer" / "transactions_train.csv"
    lines = purchases.read_text(encoding="utf-8").splitlines()
    purchases.write_text("\n".join(lines[: len(lines) // 2]) + "\n", encoding="utf-8")
    (tmp_path / "data").mkdir()

    assert_survived(kill_before_each_write("build", tmp_path, step=1), fewest_writes=10)

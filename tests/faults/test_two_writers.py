"""Two jobs at once: one works, the other one is told who does, and a reader sees one of the two states."""

import os
import subprocess
import sys
from datetime import UTC, datetime

import pytest

HOLD = """
import sys
from pathlib import Path
from features.locks import writer_lock
with writer_lock(Path(sys.argv[1]), "It"):
    print("locked", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def hold(root):
    """Let another process hold the lock of a path."""
    processes = []

    def hold(path):
        process = subprocess.Popen(
            [sys.executable, "-c", HOLD, str(path)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=root, env={**os.environ, "PYTHONPATH": str(root)},
        )  # fmt: skip
        processes.append(process)
        assert process.stdout.readline() == b"locked\n"
        return process.pid

    yield hold
    for process in processes:
        process.communicate()


@pytest.fixture
def project(toy, tmp_path):
    return toy.copy_to(tmp_path / "copy")


def test_a_second_build_of_feature_tables_writes_nothing(call, toy, tmp_path, hold):
    output = tmp_path / "features"
    holder = hold(output)

    refused = call("build_features", "--raw-dir", toy.raw, "--output", output)

    assert refused.exit_code == 1
    assert f"{output} is being written by process {holder} (-c) since 20" in refused.stderr
    assert not output.exists()


def test_a_second_materialization_writes_nothing(call, project, hold):
    path = project.root / "data" / "online.db"
    holder = hold(path)

    refused = call("materialize", "--repo", project.repo)

    assert refused.exit_code == 1
    assert f"online.db is being written by process {holder} (-c) since 20" in refused.stderr


def test_a_reader_does_not_wait_for_a_writer(project, hold):
    from features.store.materialization import filled_until, materialize
    from features.store.registry import open_feature_store

    moment, store = datetime(2020, 2, 5, tzinfo=UTC), open_feature_store(project.repo)
    materialize(store, moment, from_scratch=False)
    hold(project.root / "data" / "online.db")

    assert filled_until(store) == moment


def test_a_second_training_into_the_same_folder_of_releases_stops_before_it_begins(call, project, hold):
    project.releases.mkdir()
    holder = hold(project.releases / "LATEST")

    refused = call("train", "--repo", project.repo, "--releases", project.releases)

    assert refused.exit_code == 1
    assert f"{project.releases} is being written by process {holder} (-c) since 20" in refused.stderr
    assert [path.name for path in project.releases.iterdir()] == [".LATEST.lock"]

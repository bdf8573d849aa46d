"""Two jobs at once: one works, the other one names the process that does, and a reader sees one of the two states."""

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
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
    from fixtures.online_store import filled_until

    from features.store.materialization import materialize
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


@pytest.mark.whole_path
def test_two_materializations_at_once_leave_the_store_of_one_of_them(project):
    from features.store.catalogue_snapshot import CatalogueSnapshot
    from features.store.consistency import count_inconsistent
    from features.store.generation import OpenGeneration
    from features.store.registry import open_feature_store

    job = [sys.executable, ROOT / "jobs" / "materialize.py", "--repo", project.repo, "--as-of"]
    days = ("2020-02-05", "2020-02-20")
    jobs = [subprocess.Popen([*job, day], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) for day in days]
    errors = [process.communicate()[1] for process in jobs]

    failed = [error for process, error in zip(jobs, errors, strict=True) if process.returncode]
    assert all("is being written by process" in error or "is filled up to" in error for error in failed)
    assert len(failed) < len(jobs), errors
    store = open_feature_store(project.repo)
    record = OpenGeneration.open(store).record
    assert f"{record.as_of:%Y-%m-%d}" in days
    assert count_inconsistent(store, record.as_of) == {}
    assert CatalogueSnapshot.open(store, record).moment == record.as_of

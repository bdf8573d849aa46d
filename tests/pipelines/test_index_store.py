"""Indexes beside a release: written whole, verified, switched and rolled back."""

import json
import shutil
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from features.errors import InputError

CREATED = datetime(2020, 3, 2, tzinfo=UTC)


@pytest.fixture(scope="module")
def release(served_project):
    from models.release.release import load_release

    return load_release(served_project.releases)


@pytest.fixture(scope="module")
def index(release):
    from candidates.approximate_index import ApproximateIndex
    from candidates.index import ItemIndex

    items = ItemIndex(release.item_ids, release.item_vectors)
    dimensions = items.vectors.shape[1]
    return ApproximateIndex.build(items, [dimensions]).with_effort(dimensions, 150, 0.99)


@pytest.fixture
def write(tmp_path, release, index):
    """Write the index as one that was built in some minute, and return its name."""
    from pipelines.index_store import write_index

    return lambda minute=0: write_index(tmp_path, release, index, CREATED.replace(minute=minute), seed=1)


@pytest.fixture
def folder(tmp_path, release):
    from pipelines.index_store import index_folder

    return index_folder(tmp_path, release.version)


@pytest.fixture
def read(tmp_path, release, index):
    from pipelines.index_store import read_index

    return lambda of=release: read_index(tmp_path, of, index.items)


def indexes_in(folder):
    return {path.name for path in folder.iterdir() if path.is_dir()}


def test_an_index_that_was_written_is_read_with_its_effort_and_recall(write, read, index, folder):
    name = write()

    found = read()

    dimensions = index.items.vectors.shape[1]
    assert found.searchers[dimensions].effort == 150
    assert found.recalls == {dimensions: 0.99}
    queries = index.items.vectors[:5] + np.float32(0.5)
    assert found.search(queries, 4)[0].tolist() == index.search(queries, 4)[0].tolist()
    assert {path.name for path in folder.iterdir()} == {name, "CURRENT.json"}
    description = json.loads((folder / name / "index.json").read_text("utf-8"))
    assert (description["seed"], description["engine"], description["items"]) == (1, "approximate", len(index))


def test_the_previous_index_is_kept_and_older_ones_are_deleted(write, folder):
    first, second, third = (write(minute) for minute in range(3))

    assert len({first, second, third}) == 3
    assert indexes_in(folder) == {second, third}
    assert json.loads((folder / "CURRENT.json").read_text("utf-8")) == {"current": third, "previous": second}


def test_a_rollback_exchanges_the_current_and_the_previous_index(write, folder, tmp_path, release):
    from pipelines.index_store import read_names, roll_back

    first, second = write(0), write(1)

    assert roll_back(tmp_path, release.version) == first
    assert (read_names(folder).current, read_names(folder).previous) == (first, second)
    assert roll_back(tmp_path, release.version) == second


def test_a_rollback_without_a_previous_index_is_refused(write, tmp_path, release):
    from pipelines.index_store import roll_back

    with pytest.raises(InputError, match=release.version):
        roll_back(tmp_path, release.version)
    write()
    with pytest.raises(InputError, match="no previous index"):
        roll_back(tmp_path, release.version)


def test_a_failure_leaves_the_earlier_index(write, folder, read, index, monkeypatch):
    first = write(0)
    monkeypatch.setattr(type(index), "write", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))

    with pytest.raises(InputError, match=str(folder.name)):
        write(1)

    assert {path.name for path in folder.iterdir()} == {first, "CURRENT.json"}
    assert len(read()) == len(index)


@pytest.mark.parametrize("left", ["new", "0123456789abcdef"])
def test_what_a_killed_job_left_is_not_read_and_removed_by_the_next_one(write, folder, read, index, left):
    first = write(0)
    shutil.copytree(folder / first, folder / left)

    assert len(read()) == len(index)
    second = write(1)

    assert indexes_in(folder) == {first, second}


def test_a_release_without_an_index_is_refused_with_the_command(read, release):
    with pytest.raises(InputError, match=rf"{release.version}.*jobs/index_items\.py"):
        read()


def test_an_index_of_another_release_is_refused(write, read, release, tmp_path):
    from pipelines.index_store import index_folder

    write()
    other = replace(release, version="20200401-seed-0a1b2c3d")
    shutil.copytree(index_folder(tmp_path, release.version), index_folder(tmp_path, other.version))
    retrained = replace(release, manifest={**release.manifest, "content_digest": "f" * 64})

    with pytest.raises(InputError, match=rf"{release.version}.*{other.version}"):
        read(other)
    with pytest.raises(InputError, match=r"\(ffffffff\)"):
        read(retrained)


def flip_last_byte(path):
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("state", ["changed", "missing", "added"])
def test_changed_missing_and_added_files_are_refused_by_name(write, read, folder, state):
    path = folder / write()
    (file,) = path.glob("*.faiss")
    if state == "changed":
        flip_last_byte(file)
    elif state == "missing":
        file.unlink()
    else:
        file = path / "vectors_3.faiss"
        file.write_bytes(b"")

    with pytest.raises(InputError, match=f"{file.name} is {state}"):
        read()


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"format": 1}'])
def test_a_damaged_description_is_refused(write, read, folder, content):
    (folder / write() / "index.json").write_text(content, "utf-8")

    with pytest.raises(InputError, match=r"index\.json"):
        read()


def test_a_description_that_was_edited_is_refused(write, read, folder):
    path = folder / write() / "index.json"
    path.write_text(path.read_text("utf-8").replace("0.99", "1.0"), "utf-8")

    with pytest.raises(InputError, match=r"index\.json.*changed"):
        read()


@pytest.mark.parametrize(
    "content", ["", "{}", '{"current": "../..", "previous": null}', '{"current": "ab", "previous": 3}']
)
def test_a_damaged_name_of_the_current_index_is_refused(write, read, folder, content):
    write()
    (folder / "CURRENT.json").write_text(content, "utf-8")

    with pytest.raises(InputError, match=r"CURRENT\.json"):
        read()


def test_two_jobs_do_not_write_indexes_of_one_release_at_once(write, folder):
    from features.locks import writer_lock

    with writer_lock(folder, "its indexes"), pytest.raises(InputError, match="being written"):
        write()


def test_a_release_with_an_index_beside_it_is_read_as_before(served_project, write, tmp_path, release):
    from models.release.release import load_release

    shutil.copytree(served_project.releases / release.version, tmp_path / release.version)
    shutil.copy(served_project.releases / "LATEST", tmp_path)
    write()

    assert load_release(tmp_path).version == release.version

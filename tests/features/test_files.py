"""Outputs are written completely or not at all, without temporary files left behind."""

import contextlib

import pytest

from features.files import atomic_write


class InterruptedWriteError(Exception):
    pass


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def write_half(path, text="half"):
    with contextlib.suppress(InterruptedWriteError), atomic_write(path) as temporary:
        temporary.write_text(text)
        raise InterruptedWriteError


def test_a_file_appears_when_the_block_ends_and_not_before(tmp_path):
    path = tmp_path / "deep" / "er" / "file.txt"

    with atomic_write(path) as temporary:
        temporary.write_text("new")
        assert not path.exists()
        assert temporary.name == "file.txt"

    assert path.read_text() == "new"
    assert names_in(path.parent) == ["file.txt"]


def test_the_old_file_is_unchanged_while_the_new_one_is_written(tmp_path):
    path = tmp_path / "file.txt"
    path.write_text("old")

    with atomic_write(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"

    assert path.read_text() == "new"


def test_a_failure_leaves_only_the_old_file(tmp_path):
    path = tmp_path / "file.txt"
    path.write_text("old")

    write_half(path)

    assert path.read_text() == "old"
    assert names_in(tmp_path) == ["file.txt"]


def test_a_failure_without_an_old_file_leaves_nothing(tmp_path):
    write_half(tmp_path / "file.txt")

    assert names_in(tmp_path) == []


def test_the_error_is_raised(tmp_path):
    with pytest.raises(InterruptedWriteError), atomic_write(tmp_path / "file.txt"):
        raise InterruptedWriteError


def test_a_folder_replaces_the_old_one_completely(tmp_path):
    path = tmp_path / "folder"
    path.mkdir()
    (path / "old.txt").write_text("old")

    with atomic_write(path) as temporary:
        temporary.mkdir()
        (temporary / "new.txt").write_text("new")
        assert names_in(path) == ["old.txt"]

    assert names_in(path) == ["new.txt"]
    assert names_in(tmp_path) == ["folder"]


def test_a_failure_leaves_the_old_folder_unchanged(tmp_path):
    path = tmp_path / "folder"
    path.mkdir()
    (path / "old.txt").write_text("old")

    with contextlib.suppress(InterruptedWriteError), atomic_write(path) as temporary:
        temporary.mkdir()
        (temporary / "new.txt").write_text("new")
        raise InterruptedWriteError

    assert names_in(path) == ["old.txt"]
    assert names_in(tmp_path) == ["folder"]


def test_a_block_that_writes_nothing_is_an_error_and_leaves_the_old_folder(tmp_path):
    path = tmp_path / "folder"
    path.mkdir()
    (path / "old.txt").write_text("old")

    with pytest.raises(FileNotFoundError), atomic_write(path):
        pass

    assert names_in(path) == ["old.txt"]
    assert names_in(tmp_path) == ["folder"]

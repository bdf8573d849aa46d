"""Outputs are written whole or not at all, and nothing else is left lying about."""

import contextlib

import pytest

from features.files import atomic_write


class HalfwayError(Exception):
    pass


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def write_half(path, text="half"):
    with contextlib.suppress(HalfwayError), atomic_write(path) as fresh:
        fresh.write_text(text)
        raise HalfwayError


def test_a_file_appears_when_the_block_ends_and_not_before(tmp_path):
    path = tmp_path / "deep" / "er" / "file.txt"

    with atomic_write(path) as fresh:
        fresh.write_text("new")
        assert not path.exists()
        assert fresh.name == "file.txt"

    assert path.read_text() == "new"
    assert names_in(path.parent) == ["file.txt"]


def test_a_file_that_is_being_written_does_not_touch_the_old_one(tmp_path):
    path = tmp_path / "file.txt"
    path.write_text("old")

    with atomic_write(path) as fresh:
        fresh.write_text("new")
        assert path.read_text() == "old"

    assert path.read_text() == "new"


def test_after_a_failure_the_old_file_is_there_and_nothing_else(tmp_path):
    path = tmp_path / "file.txt"
    path.write_text("old")

    write_half(path)

    assert path.read_text() == "old"
    assert names_in(tmp_path) == ["file.txt"]


def test_after_a_failure_without_an_old_file_there_is_none(tmp_path):
    write_half(tmp_path / "file.txt")

    assert names_in(tmp_path) == []


def test_the_failure_itself_is_passed_on(tmp_path):
    with pytest.raises(HalfwayError), atomic_write(tmp_path / "file.txt"):
        raise HalfwayError


def test_a_folder_takes_the_place_of_the_old_one_with_nothing_of_it_left(tmp_path):
    path = tmp_path / "folder"
    path.mkdir()
    (path / "old.txt").write_text("old")

    with atomic_write(path) as fresh:
        fresh.mkdir()
        (fresh / "new.txt").write_text("new")
        assert names_in(path) == ["old.txt"]

    assert names_in(path) == ["new.txt"]
    assert names_in(tmp_path) == ["folder"]


def test_after_a_failure_the_old_folder_is_as_it_was(tmp_path):
    path = tmp_path / "folder"
    path.mkdir()
    (path / "old.txt").write_text("old")

    with contextlib.suppress(HalfwayError), atomic_write(path) as fresh:
        fresh.mkdir()
        (fresh / "new.txt").write_text("new")
        raise HalfwayError

    assert names_in(path) == ["old.txt"]
    assert names_in(tmp_path) == ["folder"]


def test_a_block_that_writes_nothing_leaves_the_old_folder_in_place(tmp_path):
    path = tmp_path / "folder"
    path.mkdir()
    (path / "old.txt").write_text("old")

    with pytest.raises(FileNotFoundError), atomic_write(path):
        pass

    assert names_in(path) == ["old.txt"]
    assert names_in(tmp_path) == ["folder"]

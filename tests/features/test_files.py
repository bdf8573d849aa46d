"""Outputs are written completely or not at all, without temporary files left behind."""

import contextlib
import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from features import files
from features.files import atomic_write, scratch

ROOT = Path(__file__).parents[2]


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


def test_a_link_stays_and_what_it_refers_to_is_replaced(tmp_path):
    (tmp_path / "disk").mkdir()
    for name in ("file.txt", "folder"):
        (tmp_path / name).symlink_to(tmp_path / "disk" / name)
    (tmp_path / "disk" / "folder").mkdir()

    with atomic_write(tmp_path / "file.txt") as temporary:
        temporary.write_text("new")
    with atomic_write(tmp_path / "folder") as temporary:
        temporary.mkdir()
        (temporary / "new.txt").write_text("new")

    assert (tmp_path / "file.txt").is_symlink()
    assert (tmp_path / "folder").is_symlink()
    assert (tmp_path / "disk" / "file.txt").read_text() == "new"
    assert names_in(tmp_path / "disk" / "folder") == ["new.txt"]


@pytest.mark.parametrize("exchanges", [True, False])
def test_a_folder_is_replaced_with_and_without_an_exchange_of_folders(tmp_path, monkeypatch, exchanges):
    if not exchanges:
        monkeypatch.setattr(files, "_exchange", lambda *_: False)
    path = tmp_path / "folder"
    for name in ("old.txt", "new.txt"):
        with atomic_write(path) as temporary:
            temporary.mkdir()
            (temporary / name).write_text(name)

    assert names_in(path) == ["new.txt"]
    assert names_in(tmp_path) == ["folder"]


def abandon(tmp_path, code):
    """Run code in a process that is killed at its end."""
    code = f"import os\nfrom pathlib import Path\nfrom features import files\n{code}\nos.kill(os.getpid(), 9)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False
    )
    assert done.returncode == -9


def test_the_scratch_folder_of_a_killed_process_is_removed_by_the_next_one(tmp_path):
    abandon(tmp_path, "scratch = files.scratch(Path('.'))\n(scratch.__enter__() / 'purchases.csv').write_text('u')")
    (tmp_path / ".scratch-of-a-user").mkdir()
    [left] = [name for name in names_in(tmp_path) if len(name) == len(".scratch-12345678")]

    with scratch(tmp_path) as living, scratch(tmp_path):
        assert living.is_dir()
        assert living.stat().st_mode & 0o777 == 0o700
        assert left not in names_in(tmp_path)

    assert names_in(tmp_path) == [".scratch-of-a-user"]


def test_a_folder_between_two_renames_is_moved_back_by_the_next_process(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "old.txt").write_text("old")
    abandon(
        tmp_path,
        "files._exchange = lambda *_: False\n"
        "rename = Path.rename\n"
        "Path.rename = lambda *paths: (rename(*paths), os.kill(os.getpid(), 9))\n"
        "with files.atomic_write(Path('folder')) as fresh: fresh.mkdir()",
    )
    assert not (tmp_path / "folder").exists()

    with scratch(tmp_path):
        pass

    assert names_in(tmp_path) == ["folder"]
    assert names_in(tmp_path / "folder") == ["old.txt"]


def test_what_was_written_is_on_the_disk_before_the_rename_and_the_rename_after_it(tmp_path, monkeypatch):
    events, replace = [], Path.replace
    monkeypatch.setattr(os, "fsync", lambda file: events.append(Path(f"/proc/self/fd/{file}").readlink().name))
    monkeypatch.setattr(Path, "replace", lambda *paths: (events.append("rename"), replace(*paths)))

    with atomic_write(tmp_path / "file.txt") as temporary:
        temporary.write_text("new")

    assert events == ["file.txt", "rename", tmp_path.name]


@pytest.mark.parametrize("ranges", [[], [(0, 5)], [(0, 0), (3, 300_000), (300_000, 300_001)], [(2, 600_000)]], ids=str)
def test_ranges_of_a_file_are_hashed_in_one_pass(tmp_path, ranges):
    path = tmp_path / "file"
    path.write_bytes(bytes(range(251)) * 2_390)  # more than two chunks
    content = path.read_bytes()

    whole, parts = files.sha256_of_ranges(path, ranges)

    assert whole == files.sha256(path) == hashlib.sha256(content).hexdigest()
    assert parts == [hashlib.sha256(content[start:end]).hexdigest() for start, end in ranges]

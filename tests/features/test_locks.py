"""One writer per resource: a second one fails and names the holder, and an ended process holds no lock."""

import errno
import os
import re
import signal
import subprocess
import sys
import time

import pytest

from features.errors import InputError
from features.locks import writer_lock

HOLD = """
import sys, time
from pathlib import Path
from features.locks import writer_lock
with writer_lock(Path(sys.argv[1]), "The store"):
    print("locked", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "store.db"


@pytest.fixture
def holder(path, root):
    """Another process that holds the lock."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE, cwd=root, env={**os.environ, "PYTHONPATH": "."}
    )
    assert process.stdout.readline() == b"locked\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_a_second_writer_is_told_who_holds_the_lock_since_when(path, holder):
    with pytest.raises(InputError) as error, writer_lock(path, "The store"):
        pass

    found = re.search(r"The store is being written by process (\d+) \((.*)\) since (.*) UTC: wait", str(error.value))
    assert (found[1], found[2]) == (str(holder.pid), "-c")
    assert found[3].startswith(time.strftime("%Y-%m-%d", time.gmtime()))


def test_the_lock_of_a_killed_process_is_free(path, holder):
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert (path.parent / ".store.db.lock").exists()

    with writer_lock(path, "The store"):
        pass
    assert list(path.parent.iterdir()) == []


def test_the_lock_is_free_after_an_error(path):
    with pytest.raises(ZeroDivisionError), writer_lock(path, "The store"):
        raise ZeroDivisionError

    with writer_lock(path, "The store"):
        assert (path.parent / ".store.db.lock").stat().st_mode & 0o777 == 0o600


def test_other_resources_have_locks_of_their_own(path, holder):
    with writer_lock(path.with_name("tables"), "The tables"):
        assert holder.poll() is None


def test_a_lock_holds_for_all_names_of_a_path(path, holder):
    link = path.with_name("link.db")
    link.symlink_to(path)

    with pytest.raises(InputError, match=str(holder.pid)), writer_lock(link, "The store"):
        pass


def test_a_folder_that_cannot_be_written_to_is_named_as_it_was_given(tmp_path):
    (tmp_path / "file").touch()
    path = tmp_path / "file" / "store.db"

    with (
        pytest.raises(InputError, match=rf"^{path} cannot be written .*a part of the path is a file"),
        writer_lock(path, "The store"),
    ):
        pass


def test_a_disk_that_is_full_leaves_no_lock(path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(InputError, match=rf"^{path} cannot be written .*free space"), writer_lock(path, "The store"):
        pass

    assert list(path.parent.iterdir()) == []

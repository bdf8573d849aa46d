"""One writer per resource: a lock that ends with its process."""

import contextlib
import fcntl
import json
import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from features.errors import InputError, path_error


@contextlib.contextmanager
def writer_lock(path: Path, resource: str) -> Iterator[None]:
    """Be the only writer of a file or folder while the block runs. Readers need no lock.

    The system releases the lock when the process ends, however it ends. `.<name>.lock` beside the path names the
    process that holds it; the time at which it was written is that of the lock.

    Args:
        path: what is written. Its parent folder is created if it does not exist.
        resource: for the message, such as "The online store data/online.db".

    Raises:
        InputError: another process holds the lock, or the folder cannot be written to.
    """
    given, path = path, path.resolve()
    name = path.parent / f".{path.name}.lock"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = _acquire(name, resource)
    except OSError as error:
        raise path_error(given, error, "written") from error
    try:
        _write_holder(lock, given)
        yield
    finally:
        name.unlink(missing_ok=True)  # before the lock ends: a lock on a file that is gone is worth nothing
        os.close(lock)


def _acquire(name: Path, resource: str) -> int:
    while True:
        lock = os.open(name, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = _describe_holder(lock)
            os.close(lock)
            raise InputError(
                f"{resource} is being written by {holder}: wait until it ends, or write to another place."
            ) from error
        if name.exists() and os.path.samestat(os.fstat(lock), name.stat()):
            os.truncate(lock, 0)
            return lock
        os.close(lock)  # the previous holder has just removed it


def _write_holder(lock: int, path: Path) -> None:
    try:
        os.write(lock, json.dumps({"process": os.getpid(), "command": Path(sys.argv[0]).name}).encode())
    except OSError as error:
        raise path_error(path, error, "written") from error


def _describe_holder(lock: int) -> str:
    since = datetime.fromtimestamp(os.fstat(lock).st_mtime, UTC)
    try:
        holder = json.loads(os.pread(lock, 4096, 0))
        who = f"process {holder['process']} ({holder['command']})"
    except (ValueError, KeyError, TypeError):  # it holds the lock, and has not written its name yet
        who = "another process"
    return f"{who} since {since:%Y-%m-%d %H:%M:%S} UTC"

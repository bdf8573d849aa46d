"""Files and folders that are written whole or not at all, and scratch folders that leave nothing behind."""

import contextlib
import ctypes
import errno
import fcntl
import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final

from features.errors import InputError, path_error

_FULL_DISK: Final = {errno.ENOSPC, errno.EDQUOT}
_PREFIX: Final = ".scratch-"
_SCRATCH: Final = re.compile(re.escape(_PREFIX) + r"[a-z0-9_]{8}")
_REPLACED: Final = "replaced"
_AT_FDCWD: Final = -100
_RENAME_EXCHANGE: Final = 2
_CHUNK: Final = 1 << 18


@contextlib.contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`, and rename it to `path` if the block succeeds.

    What was written is on the disk before the rename, and the rename before this returns. An existing file is replaced
    atomically; an existing folder too, where the system can exchange two folders (Linux), and by two renames elsewhere:
    if the process is killed between them, the next `scratch` in the same parent moves the folder back. On an exception
    the temporary path is deleted and `path` is unchanged. A symbolic link stays, and what it refers to is replaced.

    Raises:
        InputError: `path` cannot be written, or it is a folder and the temporary path is a file.
    """
    path = path.resolve() if path.is_symlink() else path
    with scratch_beside(path) as workspace:
        temporary = workspace / path.name
        yield temporary
        if path.is_dir() and temporary.is_file():
            raise InputError(f"{path} is a folder, which a file would replace: choose another path.")
        _sync(temporary)
        if path.is_dir():
            _replace_folder(path, temporary, workspace / _REPLACED)
        else:
            temporary.replace(path)
        _sync_entry(path.parent)


@contextlib.contextmanager
def scratch_beside(path: Path) -> Iterator[Path]:
    """Yield a `scratch` folder on the disk of `path`, for what becomes `path`.

    Raises:
        InputError: the folder cannot be created or written to; names `path`.
    """
    with scratch(path.parent.absolute(), path) as workspace:
        try:
            yield workspace
        except OSError as error:
            # Errors of other files, which are read meanwhile, keep their own names. A file that is missing here was
            # never written, which is a fault of the caller.
            named = str(error.filename)
            is_own = (str(workspace) in named or named == str(path)) and error.errno != errno.ENOENT
            if is_own or error.errno in _FULL_DISK:
                raise path_error(path, error, "written") from error
            raise


@contextlib.contextmanager
def scratch(parent: Path, named: Path | None = None) -> Iterator[Path]:
    """Yield a private folder in `parent`, which is created if it does not exist, and remove it after the block.

    Scratch folders in `parent` whose process was killed are removed first: a living process holds a lock on its own.

    Args:
        parent: of the folder.
        named: the path as the user gave it, for the message; `parent` by default.

    Raises:
        InputError: the folder cannot be created; names `named`.
    """
    try:
        parent.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(parent)
        folder, lock = _locked_folder(parent)
    except OSError as error:
        raise path_error(named or parent, error, "written") from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file, hex digits."""
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def sha256_of_ranges(path: Path, ranges: Iterable[tuple[int, int]]) -> tuple[str, list[str]]:
    """Return the SHA-256 of a file and of some of its byte ranges, hex digits, from one pass over the file.

    Args:
        path: the file.
        ranges: first byte and end of each range, ascending and disjoint.
    """
    whole, parts = hashlib.sha256(), []
    with path.open("rb") as content:
        for start, end in ranges:
            for chunk in _chunks(content, start):
                whole.update(chunk)
            part = hashlib.sha256()
            for chunk in _chunks(content, end):
                whole.update(chunk)
                part.update(chunk)
            parts.append(part.hexdigest())
        while rest := content.read(_CHUNK):
            whole.update(rest)
    return whole.hexdigest(), parts


def _chunks(content: BinaryIO, end: int) -> Iterator[bytes]:
    """Read up to a position, or the end of the file."""
    while chunk := content.read(min(_CHUNK, end - content.tell())):
        yield chunk


def file_stamps(path: Path) -> tuple[int, int, int, int]:
    """Return inode, size in bytes, and the times of the last changes of a file: while they stay, its content does."""
    status = path.stat()
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write indented JSON in UTF-8."""
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _locked_folder(parent: Path) -> tuple[Path, int]:
    """Create a scratch folder, and open it with a lock."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
        # Before it is locked, another process may take the folder for an abandoned one and remove it.
        with contextlib.suppress(FileNotFoundError):
            lock = os.open(folder, os.O_RDONLY)
            fcntl.flock(lock, fcntl.LOCK_EX)
            if folder.exists():
                return folder, lock
            os.close(lock)


def _remove_abandoned(parent: Path) -> None:
    for folder in [path for path in parent.iterdir() if _SCRATCH.fullmatch(path.name)]:
        try:
            lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except OSError:  # removed meanwhile, of another user, or no folder
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _move_back(folder, parent)
            shutil.rmtree(folder, ignore_errors=True)
        except BlockingIOError:
            pass
        finally:
            os.close(lock)


def _move_back(folder: Path, parent: Path) -> None:
    """Undo the first of two renames, if the process was killed before the second."""
    replaced = folder / _REPLACED
    for old in replaced.iterdir() if replaced.is_dir() else ():
        if not (parent / old.name).exists():
            old.rename(parent / old.name)


def _replace_folder(path: Path, temporary: Path, replaced: Path) -> None:
    if _exchange(temporary, path):
        return
    replaced.mkdir()
    old = replaced / path.name
    path.rename(old)
    try:
        temporary.rename(path)
    except OSError:
        old.rename(path)
        raise


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two paths in one step; return False where the system or the file system cannot."""
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if rename is None:
        return False
    done: int = rename(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE)
    return done == 0


def _sync(path: Path) -> None:
    """Have a file, or all files of a folder, written to the disk."""
    for folder, _, files in os.walk(path):
        for name in files:
            _sync_entry(Path(folder, name))
    _sync_entry(path)


def _sync_entry(path: Path) -> None:
    entry = os.open(path, os.O_RDONLY)
    try:
        os.fsync(entry)
    finally:
        os.close(entry)

"""Atomic writes of files and folders, and JSON."""

import contextlib
import errno
import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from features.errors import InputError, path_error

_FULL_DISK: Final = {errno.ENOSPC, errno.EDQUOT}
_PREFIX: Final = 100  # characters of a name that remain in a temporary one, which must not be too long


@contextlib.contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`, and rename it to `path` if the block succeeds.

    An existing file is replaced atomically. An existing folder is replaced by two renames; if the second fails, the
    first is undone. On an exception the temporary path is deleted and `path` is unchanged.

    Raises:
        InputError: `path` cannot be written, or it is a folder and the temporary path is a file.
    """
    with scratch_beside(path) as workspace:
        temporary, old = workspace / path.name, workspace / "replaced"
        yield temporary
        if path.is_dir() and temporary.is_file():
            raise InputError(f"{path} is a folder, which a file would replace: choose another path.")
        if path.is_dir():
            path.rename(old)
            try:
                temporary.rename(path)
            except OSError:
                old.rename(path)
                raise
        else:
            temporary.replace(path)


@contextlib.contextmanager
def scratch_beside(path: Path) -> Iterator[Path]:
    """Yield a new folder on the disk of `path`, for what becomes `path`, and remove it after the block.

    Raises:
        InputError: the folder cannot be created or written to; names `path`.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        workspace = Path(tempfile.mkdtemp(prefix=f".{path.name[:_PREFIX]}.", dir=path.parent)).absolute()
    except OSError as error:
        raise path_error(path, error, "written") from error
    try:
        yield workspace
    except OSError as error:
        # Errors of other files, which are read meanwhile, keep their own names. A file that is missing here was never
        # written, which is a fault of the caller.
        named = str(error.filename)
        is_own = (str(workspace) in named or named == str(path)) and error.errno != errno.ENOENT
        if is_own or error.errno in _FULL_DISK:
            raise path_error(path, error, "written") from error
        raise
    finally:
        shutil.rmtree(workspace, ignore_errors=True)


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write indented JSON in UTF-8."""
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")

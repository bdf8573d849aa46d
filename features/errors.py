"""The error for invalid input, whose message is shown to the user, and messages of libraries as parts of it."""

import errno
from pathlib import Path
from typing import Final

_REMEDIES: Final = {
    errno.ENOSPC: "free space on its disk, or choose a path on another one",
    errno.EDQUOT: "free space in your quota, or choose a path on another disk",
    errno.EFBIG: "raise the limit of file sizes with `ulimit -f`, or choose a path on a disk that allows larger files",
    errno.EROFS: "its disk is read-only, so choose a path on another one",
    errno.EACCES: "change its permissions, or choose another path",
    errno.EPERM: "change its permissions, or choose another path",
    errno.ENOENT: "create it, or choose another path",
    errno.ENOTDIR: "a part of the path is a file, so choose another path",
    errno.EEXIST: "a part of the path is a file, so choose another path",
    errno.EISDIR: "it is a folder, so choose a file",
    errno.ENAMETOOLONG: "choose a shorter path",
    errno.EIO: "its disk reports an error, so check the disk",
    errno.EMFILE: "raise the limit of open files with `ulimit -n`",
}


class InputError(ValueError):
    """Invalid input: a file, an option or the state of a store.

    The message says what is wrong, where, what was expected and what to do. Jobs print it without a traceback and exit
    with status 1.
    """


class OnlineStoreUnavailableError(InputError):
    """The online store does not answer, or not in time: it may answer later."""


def first_line(error: Exception) -> str:
    """Return the first line of a library's error message, without a full stop."""
    return str(error).strip().split("\n")[0].rstrip(".")


def path_error(path: Path | str, error: OSError, action: str) -> InputError:
    """Return the error for a path that the operating system refuses, with the path that the user knows.

    Args:
        path: the file or folder.
        error: its errno decides the remedy.
        action: "read" or "written".
    """
    reason = error.strerror or first_line(error)
    remedy = _REMEDIES.get(error.errno or 0, "choose another path")
    return InputError(f"{path} cannot be {action} ({reason}): {remedy}.")

"""A list of user ids from outside: one id a line."""

import logging
from pathlib import Path

from features.errors import InputError

_logger = logging.getLogger(__name__)


def read_user_ids(path: Path) -> list[str]:
    """Read user ids, in order; blank lines are passed over and repeated ids count once, aloud.

    Raises:
        InputError: the file is missing, not UTF-8, without ids, or an id holds a control character.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError as error:
        raise InputError(f"There is no file {path}: --users takes a text file with one user id a line.") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 text: --users takes a text file with one user id a line.") from error
    ids = [line.strip() for line in lines if line.strip()]
    for number, line in enumerate(lines, 1):
        if not line.strip().isprintable():
            raise InputError(
                f"{path}, line {number}: {line.strip()[:40]!r} is not a user id: it holds a control character."
            )
    if not ids:
        raise InputError(f"{path} holds no user id: --users takes a text file with one user id a line.")
    distinct = list(dict.fromkeys(ids))
    if len(distinct) < len(ids):
        _logger.warning("%s: %d repeated user ids count once", path, len(ids) - len(distinct))
    return distinct

"""A text file of user ids, one per line."""

import logging
from pathlib import Path
from typing import Final

from features.errors import InputError
from features.text import counted

_logger = logging.getLogger(__name__)
_EXPECTED: Final = "--users takes a text file with one user id per line."


def read_user_ids(path: Path) -> list[str]:
    """Read user ids in order, without blank lines and duplicates; duplicates are logged.

    Raises:
        InputError: the file is missing, not UTF-8 or without ids, or an id holds a control character.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError as error:
        raise InputError(f"{path} does not exist: {_EXPECTED}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 text: {_EXPECTED}") from error
    ids = [line.strip() for line in lines if line.strip()]
    for number, line in enumerate(lines, 1):
        if not line.strip().isprintable():
            raise InputError(
                f"{path}, line {number}: {line.strip()[:40]!r} holds a control character: write one user id per line."
            )
    if not ids:
        raise InputError(f"{path} has no user id: {_EXPECTED}")
    distinct = list(dict.fromkeys(ids))
    if len(distinct) < len(ids):
        _logger.warning("%s: %s ignored", path, counted(len(ids) - len(distinct), "duplicate user id"))
    return distinct

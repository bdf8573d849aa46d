"""A text file of user ids, one per line."""

import logging
from pathlib import Path
from typing import Final

from features.errors import InputError, path_error
from features.ids import BLANKS, MAX_ID_LENGTH, parse_id, shown_id
from features.text import counted

_logger = logging.getLogger(__name__)
_EXPECTED: Final = "--users takes a text file with one user id per line."
# A character has at most four bytes; blanks around an id are read with it.
_LONGEST_LINE: Final = 4 * MAX_ID_LENGTH + 1_024


def read_user_ids(path: Path) -> list[str]:
    """Read user ids by the rule of `features.ids`, in order, without blank lines and duplicates; duplicates are logged.

    Raises:
        InputError: the file is missing, not UTF-8 or without ids, or a line is not an id.
    """
    try:
        ids = _read(path)
    except FileNotFoundError as error:
        raise InputError(f"{path} does not exist: {_EXPECTED}") from error
    except OSError as error:
        raise path_error(path, error, "read") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 text: {_EXPECTED}") from error
    if not ids:
        raise InputError(f"{path} has no user id: {_EXPECTED}")
    distinct = list(dict.fromkeys(ids))
    if len(distinct) < len(ids):
        _logger.warning("%s: %s ignored", path, counted(len(ids) - len(distinct), "duplicate user id"))
    return distinct


def _read(path: Path) -> list[str]:
    ids = []
    with path.open("rb") as lines:
        number = 0
        while line := lines.readline(_LONGEST_LINE):
            number += 1
            if len(line) == _LONGEST_LINE:
                start = shown_id(line.decode("utf-8", "replace"))
                raise InputError(
                    f"{path}, line {number}: {start} is longer than an id, which has at most {MAX_ID_LENGTH} "
                    "characters: write one user id per line."
                )
            # Some editors begin a file with a byte order mark.
            text = line.decode("utf-8-sig" if number == 1 else "utf-8")
            if text.strip(BLANKS):
                ids.append(_parse(path, number, text))
    return ids


def _parse(path: Path, number: int, text: str) -> str:
    try:
        return parse_id(text)
    except ValueError as error:
        raise InputError(
            f"{path}, line {number}: {shown_id(text.strip(BLANKS))} {error}: write one user id per line."
        ) from error

r"""The rule for ids of users and items, the same for tables, files of users, filter settings and options.

An id is text of 1 to `MAX_ID_LENGTH` characters. Blanks around it do not belong to it: they are removed. Control
characters and line breaks are not allowed: numpy drops a NUL at the end of a text, so that two users would become one,
and a file of ids has one per line. All else is allowed, such as leading zeros, blanks within and joined emoji.
"""

import re
from collections.abc import Iterable
from typing import Final

from features.text import counted

MAX_ID_LENGTH: Final = 256

# Everything that str.strip removes, and what word processors leave: zero-width space and byte order mark.
BLANKS: Final = (
    "\t\n\x0b\x0c\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000\u200b\ufeff"
)
CONTROL_CHARACTERS: Final = r"[\x00-\x1f\x7f-\x9f\u2028\u2029]"  # for Python
CONTROL_CHARACTERS_SQL: Final = r"[\p{Cc}\p{Zl}\p{Zp}]"  # the same for DuckDB

_CONTROL: Final = re.compile(CONTROL_CHARACTERS)
_SHOWN_CHARACTERS: Final = 40
_SHOWN_IDS: Final = 3


def parse_id(text: str) -> str:
    """Return the id in a text, without the blanks around it.

    Raises:
        ValueError: it is empty, too long, or holds a control character or a line break. The message is the end of a
            sentence whose subject is the id.
    """
    trimmed = text.strip(BLANKS)
    if not trimmed:
        raise ValueError("is empty")
    if len(trimmed) > MAX_ID_LENGTH:
        raise ValueError(f"has {len(trimmed):,} characters, and ids have at most {MAX_ID_LENGTH}")
    if _CONTROL.search(trimmed):
        raise ValueError("holds a control character")
    return trimmed


def shown_id(text: str) -> str:
    """Return an id, or what should be one, in quotes, shortened and with escapes, for a message."""
    return repr(text if len(text) <= _SHOWN_CHARACTERS else f"{text[: _SHOWN_CHARACTERS - 3]}...")


def unknown_ids_sentence(unknown: Iterable[str], total: int, noun: str, state: str = "unknown") -> str:
    """Return "2 of 5 users are unknown ('7', '8')".

    Args:
        unknown: the unknown ids, at least one.
        total: number of ids.
        noun: "user" or "item".
        state: what the ids are.
    """
    ids = [*unknown]
    first = ", ".join(map(shown_id, ids[:_SHOWN_IDS]))
    label = "first three: " if len(ids) > _SHOWN_IDS else ""
    verb = "is" if len(ids) == 1 else "are"
    return f"{len(ids):,} of {counted(total, noun)} {verb} {state} ({label}{first})"

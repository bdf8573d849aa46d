"""Numbers and foreign values in messages."""

import unicodedata
from typing import Final

# Parts of emoji and of words in several scripts, without an effect on the text around them.
_JOINERS: Final = "\u200c\u200d"


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, in the plural unless it is 1: "1 user", "1,200 users"."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def visible(text: str) -> str:
    r"""Return a text from a file as one line that is safe to print: what a terminal would execute is escaped.

    Escaped are control characters (also line breaks, as \n), terminal sequences, marks that reverse the direction of
    writing, and other characters without a shape. Joiners and every kind of space stay.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(char if _is_harmless(char) else char.encode("unicode_escape").decode("ascii") for char in text)


def visible_lines(text: str) -> str:
    """Return a text of several lines in which each line is `visible`."""
    return "\n".join(map(visible, text.split("\n")))


def _is_harmless(char: str) -> bool:
    return char.isprintable() or char in _JOINERS or unicodedata.category(char) == "Zs"

"""How names and numbers are written for a reader."""

import datetime as dt
import unicodedata
from typing import Final

NO_VALUE: Final = "-"
# strftime would write them in the language of the machine.
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_SPACE: Final = "\N{NO-BREAK SPACE}"


def plain(text: str) -> str:
    """Return a name as one line of visible characters: no line breaks, no control, direction or lone half characters.

    Names come from data sets of strangers. Escaping for HTML or SVG is left to whoever writes those.
    """
    return "".join(letter for letter in " ".join(text.split()) if unicodedata.category(letter)[0] != "C")


def shortened(text: str, length: int) -> str:
    """Return a plain name of at most `length` characters, the last an ellipsis where some were left out."""
    text = plain(text)
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def percent(share: float | None) -> str:
    """Return a share in percent with one decimal: 0.3312 is "33.1 %"; a dash for None."""
    return NO_VALUE if share is None else f"{100 * share:.1f}{_SPACE}%"


def tick(share: float) -> str:
    """Return a share in percent as it stands at an axis, with no more decimals than it has: "20 %", "2.5 %"."""
    return f"{100 * share:.6g}{_SPACE}%"


def points(difference: float) -> str:
    """Return a difference of shares in percentage points with its sign: 0.0123 is "+1.23"."""
    return f"{100 * difference:+.2f}"


def times(ratio: float | None) -> str:
    """Return a ratio with two decimals: "1.08", or a dash for None."""
    return NO_VALUE if ratio is None else f"{ratio:.2f}"


def decimals(value: float) -> str:
    """Return a small number with four decimals."""
    return f"{value:.4f}"


def measure_name(measure: str) -> str:
    """Return a measure's name in the results as a reader knows it: "map@12" is "MAP@12", "recall@12" stays."""
    name, at, cutoff = measure.partition("@")
    return f"{name.upper() if name in {'map', 'ndcg'} else name.replace('_', ' ')}{at}{cutoff}"


def day(date: str) -> str:
    """Return an ISO date as a day: "2017-12-05" is "5 Dec"."""
    parsed = dt.date.fromisoformat(date)
    return f"{parsed.day} {_MONTHS[parsed.month - 1]}"


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: "1 week", "1,200 weeks"."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"

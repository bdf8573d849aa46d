"""Formats of names, numbers and estimates in the report."""

import datetime as dt
import unicodedata
from collections.abc import Callable
from typing import Final

from evaluation.bootstrap import Estimate
from evaluation.results import PROTOCOLS, Protocol, Results

NO_VALUE: Final = "-"
PROTOCOL_TITLES: Final[dict[Protocol, str]] = {"all": "All purchases", "new": "Items new to the user"}
# strftime would use the locale of the machine.
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_SPACE: Final = "\N{NO-BREAK SPACE}"


def protocols_of(results: Results) -> tuple[Protocol, ...]:
    """Return the protocols with users."""
    return tuple(each for each in PROTOCOLS if any(medians[each] for medians in results["medians"].values()))


def plain(text: str) -> str:
    """Return a name as one line of visible characters, without control, direction or surrogate characters.

    Names come from data sets of others. The caller escapes them for HTML or SVG.
    """
    return "".join(letter for letter in " ".join(text.split()) if unicodedata.category(letter)[0] != "C")


def shortened(text: str, length: int) -> str:
    """Return a plain name of at most `length` characters, the last an ellipsis if it was cut."""
    text = plain(text)
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def percent(share: float | None) -> str:
    """Return a share in percent with one decimal: 0.3312 is "33.1 %"; a dash for None."""
    return NO_VALUE if share is None else f"{100 * share:.1f}{_SPACE}%"


def tick(share: float) -> str:
    """Return a share in percent without trailing zeros, as on an axis: "20 %", "2.5 %"."""
    return f"{100 * share:.6g}{_SPACE}%"


def points(difference: float) -> str:
    """Return a difference of shares in percentage points with its sign: 0.0123 is "+1.23"."""
    return f"{100 * difference:+.2f}"


def ratio(value: float | None) -> str:
    """Return a ratio with two decimals: "1.08", or a dash for None."""
    return NO_VALUE if value is None else f"{value:.2f}"


def decimals(value: float) -> str:
    """Return a number with four decimals."""
    return f"{value:.4f}"


def signed(difference: float) -> str:
    """Return a difference with its sign and four decimals: "+0.0020"."""
    return f"{difference:+.4f}"


def with_interval(estimate: Estimate | None, write: Callable[[float], str]) -> str:
    """Return a mean with its interval: "1.08 (1.02 to 1.14)", or a dash for None."""
    if estimate is None:
        return NO_VALUE
    mean, low, high = (write(value) for value in estimate)
    return f"{mean} ({low} to {high})"


def metric_name(metric: str) -> str:
    """Return the display name of a metric: "map@12" is "MAP@12", "hit_rate@50" is "hit rate@50"."""
    name, at, cutoff = metric.partition("@")
    return f"{name.upper() if name in {'map', 'ndcg'} else name.replace('_', ' ')}{at}{cutoff}"


def day(date: str) -> str:
    """Return an ISO date as a day: "2017-12-05" is "5 Dec"."""
    parsed = dt.date.fromisoformat(date)
    return f"{parsed.day} {_MONTHS[parsed.month - 1]}"


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: "1 week", "1,200 weeks"."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def significance(estimates: list[Estimate]) -> str:
    """Return the number of weeks with significant differences: "significantly higher in 3 of 4 weeks, ... in 1"."""
    above, below = sum(low > 0 for _, low, _ in estimates), sum(high < 0 for *_, high in estimates)
    counts = {"significantly higher": above, "significantly lower": below,
              "not significantly different": len(estimates) - above - below}  # fmt: skip
    first, *others = [f"{text} in {number}" for text, number in counts.items() if number] or [""]
    return ", ".join([f"{first} of {counted(len(estimates), 'week')}", *others]) if first else ""

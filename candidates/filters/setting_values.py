"""What each filter setting may be, checked at the door."""

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from features.errors import InputError


@dataclass(frozen=True)
class _Rule:
    """What a setting may be.

    Attributes:
        needed: in words, after "must be".
        fits: whether a value is such.
        optional: whether it may also be none at all, null in JSON.
    """

    needed: str
    fits: Callable[[Any], bool]
    optional: bool = False


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= _MOST


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and value != ""


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_text, value))


_MOST: Final = 100_000  # beyond every shop's memory, and within every number's type
# What is bought today is known from tomorrow morning on, so that the last purchase lies a day back at least.
_A_DAY: Final = 1
_DAYS: Final = _Rule(
    f"0 or a number of days, above 1 to {_MOST:,} (what is bought today is known tomorrow)",
    lambda value: _is_number(value) and (value == 0 or value > _A_DAY),
    optional=True,
)
_FLAG: Final = _Rule("true or false", lambda value: isinstance(value, bool))
_CHOICES: Final = ("keep", "drop", "cool-down")
_BY_CATEGORY: Final = "cool_down_days_by_category"
_RULES: Final = {
    "already_bought": _Rule("'keep', 'drop' or 'cool-down'", lambda value: value in _CHOICES),
    "cool_down_days": _DAYS,
    _BY_CATEGORY: _Rule("a table of categories and their days", lambda value: isinstance(value, dict)),
    "for_sale": _FLAG,
    "blocked_items": _Rule('a list of ids in quotes, such as ["0108775015"]', _are_texts),
    "blocked_categories": _Rule('a list of names in quotes, such as ["Shoes"]', _are_texts),
    "channel": _Rule('the name of a channel in quotes, such as "2"', _is_text, optional=True),
    "age_limit": _FLAG,
    "at_most_per_department": _Rule(
        f"a whole number, 1 to {_MOST:,}",
        lambda value: _is_number(value) and isinstance(value, int) and value >= 1,
        optional=True,
    ),
    "unsold_days": _Rule(
        f"a number of days, above 1 to {_MOST:,} (what is bought today is known tomorrow)",
        lambda value: _is_number(value) and value > _A_DAY,
        optional=True,
    ),
}


def checked(content: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Return settings as `FilterSettings` takes them, lists as tuples without repeats.

    Args:
        content: by name of the setting, as JSON or TOML hold them.
        where: what errors call it, such as the name of the file.

    Raises:
        InputError: there is no such setting, or a value that it cannot have.
    """
    for key, value in content.items():
        rule = _RULES.get(key)
        if rule is None:
            raise InputError(f"{where} holds {key!r}, which is no filter setting{_nearest(key)}")
        if not (rule.fits(value) or (rule.optional and value is None)):
            raise InputError(f"{where}: {key} is {value!r}, but must be {rule.needed}.")
    _check_categories(content.get(_BY_CATEGORY, {}), where)
    if content.get("already_bought") == "cool-down" and content.get("cool_down_days") is None:
        raise InputError(
            f"{where}: already_bought is 'cool-down', which needs cool_down_days: add how many days an item is left "
            f"out after it was bought."
        )
    return {key: tuple(dict.fromkeys(value)) if isinstance(value, list) else value for key, value in content.items()}


def _check_categories(days_by_category: Mapping[str, Any], where: str) -> None:
    for category, days in days_by_category.items():
        if category in _RULES:
            raise InputError(
                f"{where}: {category} stands below the line [{_BY_CATEGORY}], where it is taken for a category: move "
                f"it above that line."
            )
        if days is None or not _DAYS.fits(days):
            raise InputError(f"{where}: {_BY_CATEGORY}.{category!r} is {days!r}, but must be {_DAYS.needed}.")


def _nearest(key: str) -> str:
    """Return what the reader may have meant, as the end of a sentence."""
    near = difflib.get_close_matches(key, _RULES, 1)
    return f": did you mean {near[0]!r}?" if near else f" (they are {', '.join(_RULES)})."

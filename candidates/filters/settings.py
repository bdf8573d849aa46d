"""Which filters are in force, as a person writes it down."""

import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

from candidates.filters.setting_values import checked
from features.errors import InputError


@dataclass(frozen=True)
class FilterSettings:
    """Which filters are in force. As it is made without arguments, what is not for sale and age limits are.

    Attributes:
        already_bought: "keep" lists what a user has bought before, "drop" leaves all of it out, and "cool-down" what he
            bought a short while ago.
        cool_down_days: how short, in whole UTC days; asked by "cool-down" alone.
        cool_down_days_by_category: the same for the categories that differ.
        for_sale: leave out what is not for sale.
        blocked_items: ids that are shown to nobody.
        blocked_categories: categories of which nothing is shown to anybody.
        channel: leave out what is not sold in this channel; None for no such filter.
        age_limit: leave out items with a minimum age for users who are younger or of unknown age.
        at_most_per_department: how many items of one department a list may hold; None for any number.
        unsold_days: leave out what nobody has bought for so many whole UTC days; None for no such filter.

    Raises:
        ValueError: already_bought is "cool-down", and there are no cool_down_days.
    """

    already_bought: Literal["keep", "drop", "cool-down"] = "keep"
    cool_down_days: float | None = None
    cool_down_days_by_category: Mapping[str, float] = field(default_factory=dict)
    for_sale: bool = True
    blocked_items: tuple[str, ...] = ()
    blocked_categories: tuple[str, ...] = ()
    channel: str | None = None
    age_limit: bool = True
    at_most_per_department: int | None = None
    unsold_days: float | None = None

    def __post_init__(self) -> None:
        if self.already_bought == "cool-down" and self.cool_down_days is None:
            raise ValueError("With 'cool-down' there must be cool_down_days.")

    def to_json(self) -> dict[str, Any]:
        """Return the settings as JSON-ready values, all of them; `from_json` brings them back."""
        return {
            **asdict(self),
            "blocked_items": [*self.blocked_items],
            "blocked_categories": [*self.blocked_categories],
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any], where: str = "Filter settings") -> Self:
        """Read what `to_json` wrote, or some of it: what is not there stands as it does without arguments.

        Args:
            content: by name of the setting; null is the same as none.
            where: what errors call it.

        Raises:
            InputError: there is no such setting, or a value that it cannot have.
        """
        return cls(**checked(content, where))


def read_settings(path: Path) -> FilterSettings:
    """Read settings from a TOML file whose keys are the attributes of `FilterSettings`.

    Raises:
        InputError: the file is missing or not TOML, or holds settings that cannot be.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (FileNotFoundError, IsADirectoryError) as error:
        raise InputError(f"There is no file {path}: write filter settings there, or leave the option away.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not TOML ({error}): write it as `for_sale = true`, one setting a line.") from error
    return FilterSettings.from_json(content, str(path))

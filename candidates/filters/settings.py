"""Filter settings: which filters are in force, read from TOML or from a release's manifest."""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self, TypeAlias

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from features.errors import InputError, path_error
from features.ids import parse_id, shown_id
from features.validation_errors import validate

MAX_DAYS: Final = 100_000  # longer than any shop's history, and exact in float32

Policy: TypeAlias = Literal["drop", "keep"]
"""Whether lists exclude all that their user has bought before. A release has a blender and a ranker for either."""


def _check_days(days: float) -> float:
    """Reject 1 and below except 0: purchases are known from the next day on, so the last one is at least a day old."""
    if days == 0 or 1 < days <= MAX_DAYS:
        return days
    raise ValueError(f"must be 0, or more than 1 and at most {MAX_DAYS:,} days (purchases are known the next day)")


def _parse_ids(ids: tuple[str, ...]) -> tuple[str, ...]:
    """Parse ids by the rule of all ids, without repeats."""
    parsed = []
    for text in ids:
        try:
            parsed.append(parse_id(text))
        except ValueError as error:
            raise ValueError(f"{shown_id(text)} {error}") from error
    return tuple(dict.fromkeys(parsed))


def _without_repeats(names: Any) -> Any:
    """Convert a list, which TOML and JSON have, to a tuple without repeats; leave the rest to the type check."""
    if isinstance(names, list | tuple) and all(isinstance(name, str) for name in names):
        return tuple(dict.fromkeys(names))
    return tuple(names) if isinstance(names, list) else names


_Days: TypeAlias = Annotated[float, AfterValidator(_check_days)]
_Name: TypeAlias = Annotated[str, Field(min_length=1)]
_Names: TypeAlias = Annotated[tuple[_Name, ...], BeforeValidator(_without_repeats)]
_Ids: TypeAlias = Annotated[_Names, AfterValidator(_parse_ids)]


class FilterSettings(BaseModel):
    """Which filters are in force. By default items that are not for sale and the age limit are excluded.

    Attributes:
        already_bought: "keep" lists items that the user has bought before, "drop" excludes all of them, "cool-down"
            those bought recently.
        cool_down_days: for "cool-down", whole UTC days after a purchase during which the item is excluded.
        cool_down_days_by_category: the same for garment groups that differ.
        for_sale: exclude items that are not for sale.
        blocked_items: item ids that are excluded for all users, by the rule of `features.ids`.
        blocked_categories: garment groups that are excluded for all users.
        channel: exclude items that are not sold in this channel; None for no such filter.
        age_limit: exclude items with a minimum age for users who are younger or of unknown age.
        at_most_per_department: maximum number of items of one department on a list; None for no cap.
        unsold_days: exclude items without a sale in this number of whole UTC days; None for no such filter.

    Raises:
        pydantic.ValidationError: A value is not allowed, or "cool-down" has no cool_down_days.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    already_bought: Literal["keep", "drop", "cool-down"] = "keep"
    cool_down_days: _Days | None = Field(default=None, examples=[28])
    cool_down_days_by_category: Mapping[str, _Days] = Field(default_factory=dict, examples=[{"Shoes": 90}])
    for_sale: bool = True
    blocked_items: _Ids = Field(default=(), examples=[["0108775015"]])
    blocked_categories: _Names = Field(default=(), examples=[["Shoes"]])
    channel: _Name | None = Field(default=None, examples=["2"])
    age_limit: bool = True
    at_most_per_department: Annotated[int, Field(ge=1, le=100_000)] | None = Field(default=None, examples=[10])
    unsold_days: Annotated[float, Field(gt=1, le=MAX_DAYS)] | None = Field(default=None, examples=[56])

    @model_validator(mode="after")
    def _check_cool_down(self) -> Self:
        """Raise ValueError if "cool-down" has no days, or a setting is in the table of categories."""
        if self.already_bought == "cool-down" and self.cool_down_days is None:
            raise ValueError("already_bought is 'cool-down', but cool_down_days is missing")
        for category in self.cool_down_days_by_category:
            if category in type(self).model_fields:
                raise ValueError(
                    f"{category} is below the line [cool_down_days_by_category], where it is read as a category: move "
                    "it above that line"
                )
        return self

    def replace(self, **changes: Any) -> Self:
        """Return settings with some values changed.

        Raises:
            pydantic.ValidationError: As for the class.
        """
        return type(self)(**{**dict(self), **changes})

    def to_json(self) -> dict[str, Any]:
        """Return all settings as JSON-ready values, which `from_json` reads."""
        return self.model_dump(mode="json")

    @classmethod
    def from_json(cls, content: Mapping[str, Any], where: str = "Filter settings") -> Self:
        """Read what `to_json` returned; missing settings have their default.

        Args:
            content: values by the name of the setting.
            where: start of error messages, such as the name of the file.

        Raises:
            InputError: a setting is unknown, or its value is not allowed.
        """
        return validate(cls, content, where)


def read_settings(path: Path) -> FilterSettings:
    """Read settings from a TOML file whose keys are the attributes of `FilterSettings`.

    Raises:
        InputError: the file is missing or not TOML, a setting is unknown, or its value is not allowed.
    """
    text = ""
    try:
        text = path.read_text(encoding="utf-8-sig")
        content = tomllib.loads(text)
    except (FileNotFoundError, IsADirectoryError) as error:
        raise InputError(f"There is no file {path}: write filter settings there, or omit --filters.") from error
    except OSError as error:
        raise path_error(path, error, "read") from error
    except UnicodeDecodeError as error:
        byte = f"byte 0x{error.object[error.start]:02x} at position {error.start}"
        raise InputError(f"{path} is not UTF-8 text ({byte}): save it as UTF-8.") from error
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{path} is not TOML ({error}): {_toml_hint(text, str(error))}.") from error
    return FilterSettings.from_json(content, str(path))


def _toml_hint(text: str, message: str) -> str:
    """Recognize settings that are repeated, and ids without quotes: a number of TOML must not begin with 0."""
    if "overwrite" in message or "twice" in message:
        return "write each setting once"
    found = re.search(r"at line (\d+)", message)
    line = text.split("\n")[int(found[1]) - 1] if found else text
    unquoted = re.sub(r"\"[^\"]*\"|'[^']*'|#.*", "", line)
    if re.search(r"(?<![\w.:-])0\d", unquoted):
        return 'ids go in quotes, such as blocked_items = ["0108775015"]'
    return "write one setting per line, such as for_sale = true"

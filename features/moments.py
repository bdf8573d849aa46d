"""Moments: timezone-aware `datetime` in UTC at function boundaries, `timestamp[us, tz=UTC]` in tables."""

from datetime import UTC, datetime
from typing import Literal

import numpy as np

from features.errors import InputError


def parse_moment(text: str) -> datetime:
    """Parse an ISO 8601 date or timestamp; without an offset it is UTC.

    Raises:
        InputError: the text is neither, or lies outside the years 1 to 9999.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise InputError(
            f"'{text}' is not a date or timestamp: use 2020-09-22 or 2020-09-22T12:00:00+00:00."
        ) from error
    try:
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except OverflowError as error:
        raise InputError(f"'{text}' lies outside the years 1 to 9999 in UTC.") from error


def datetime64(moment: datetime, unit: Literal["us", "D"] = "us") -> np.datetime64:
    """Return a moment as `np.datetime64`, which has no time zone: in UTC, in microseconds or as the UTC day.

    Raises:
        ValueError: the moment has no time zone.
    """
    if moment.tzinfo is None:
        raise ValueError(f"{moment} needs a time zone.")
    return np.datetime64(moment.astimezone(UTC).replace(tzinfo=None), unit)

"""The moments that separate what is learned from what it is judged by."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self


@dataclass(frozen=True)
class TimeSplit:
    """Purchases in [start, cut) train, purchases in [cut, as_of) validate, later ones do not exist.

    Attributes:
        start: first moment of training purchases, UTC, or None for the beginning of the data.
        cut: the moment that separates training from validation, UTC; the release's own if none validate.
        as_of: the moment for which the release is made.
    """

    start: datetime | None
    cut: datetime
    as_of: datetime

    @classmethod
    def for_release(cls, as_of: datetime, *, validation_days: int = 7, training_days: int | None = None) -> Self:
        """Split so that the last `validation_days` before `as_of` validate and `training_days` before those train."""
        if as_of.tzinfo is None:
            raise ValueError("as_of needs a time zone")
        midnight = as_of.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        cut = midnight - timedelta(days=validation_days)
        return cls(cut - timedelta(days=training_days) if training_days else None, cut, as_of)

    def for_refit(self, days: int) -> "TimeSplit":
        """The last `days` before the release, none of which validate: none before `start`, all from `cut` on."""
        begin = self.as_of - timedelta(days=days)
        return TimeSplit(min(self.cut, max(begin, self.start or begin)), self.as_of, self.as_of)

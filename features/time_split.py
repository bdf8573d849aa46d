"""The split of purchases by time into training and validation."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self


@dataclass(frozen=True)
class TimeSplit:
    """Purchases in [start, cut) are for training, those in [cut, as_of) for validation; later ones are not used.

    Attributes:
        start: start of training, UTC, or None for the start of the data.
        cut: end of training and start of validation, UTC; equal to `as_of` without validation.
        as_of: the moment of the release, UTC.
    """

    start: datetime | None
    cut: datetime
    as_of: datetime

    @classmethod
    def for_release(cls, as_of: datetime, *, validation_days: int = 7, training_days: int | None = None) -> Self:
        """Split into the last `validation_days` before `as_of` and the `training_days` before those, or all before.

        The cut is at 00:00 UTC.

        Raises:
            ValueError: `as_of` has no time zone.
        """
        if as_of.tzinfo is None:
            raise ValueError(f"as_of {as_of} needs a time zone.")
        cut = _midnight(as_of) - timedelta(days=validation_days)
        return cls(cut - timedelta(days=training_days) if training_days else None, cut, as_of)

    def for_refit(self, days: int) -> "TimeSplit":
        """Return the split of a refit: training on the last `days` before the release, without validation.

        Training starts at 00:00 UTC, not before `start`, and includes all days from `cut` on.
        """
        start = _midnight(self.as_of) - timedelta(days=days)
        return TimeSplit(min(self.cut, max(start, self.start or start)), self.as_of, self.as_of)


def _midnight(moment: datetime) -> datetime:
    """Return 00:00 UTC of the day of a moment."""
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)

"""Which weeks choose and which report: never the same."""

from datetime import UTC, datetime, timedelta
from typing import Final, Literal, TypeAlias

RESERVED: Final = 4
WeeksFor: TypeAlias = Literal["reporting", "choosing"]


def weekly_cuts(end: datetime, count: int, weeks_for: WeeksFor) -> list[datetime]:
    """Return the cuts of successive weeks, each of which is judged by the seven days after it.

    The last `RESERVED` weeks of the data report, and nothing else is done with them. Settings are chosen on weeks
    before those, so that a number that is reported was never looked at when something was chosen.

    Args:
        end: the morning after the last purchase, UTC.
        count: how many weeks, 1 to `RESERVED`; the latest of their kind.
        weeks_for: what for.

    Returns:
        Midnights UTC, ascending.
    """
    if not 1 <= count <= RESERVED:
        raise ValueError(f"1 to {RESERVED} weeks are judged, not {count}.")
    midnight = end.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    last = 0 if weeks_for == "reporting" else RESERVED
    return [midnight - timedelta(days=7 * weeks) for weeks in range(last + count, last, -1)]

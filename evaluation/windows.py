"""The weekly evaluation windows of a data set, and what each of them may be used for.

Counted from the end of the data, in weeks:

| purpose     | weeks from the end | use                                                                        |
|-------------|--------------------|----------------------------------------------------------------------------|
| `final`     | 1-2                | untouched until a release: evaluated once per release, never during development |
| `reporting` | 3-4                | progress reports during development; no setting is chosen on them          |
| `choosing`  | 5-8                | everything that is chosen: features, settings, baselines' settings         |
| `release`   | 1-4                | `final` and `reporting` together: the published table of a release         |

No week has two of the first three purposes, so that a published number was never looked at when something was chosen.
Until this rule was introduced, the four latest weeks were the reporting weeks. On the demo data these are the cuts
2017-12-05 to 2017-12-26; `release` reproduces them. Their numbers were seen during development, so on the demo data the
final weeks are untouched only from now on.
"""

from datetime import UTC, datetime, timedelta
from typing import Final, Literal, TypeAlias, get_args

from features.errors import InputError

Purpose: TypeAlias = Literal["final", "reporting", "choosing", "release"]
PURPOSES: Final[tuple[Purpose, ...]] = get_args(Purpose)
WEEKS: Final[dict[Purpose, tuple[int, int]]] = {
    "final": (1, 2),
    "reporting": (3, 4),
    "choosing": (5, 8),
    "release": (1, 4),
}
"""First and last week of each purpose, counted from the end of the data."""


def weekly_cuts(end: datetime, purpose: Purpose, count: int | None = None) -> list[datetime]:
    """Return the cuts of consecutive windows, each of which is evaluated on the seven days after it.

    Args:
        end: the morning after the last purchase, UTC.
        purpose: what the evaluation is for.
        count: the number of windows, the latest of this purpose; None for all of them.

    Returns:
        Midnights UTC, ascending.

    Raises:
        InputError: there are not as many windows of this purpose.
    """
    first, last = WEEKS[purpose]
    available = last - first + 1
    count = available if count is None else count
    if not 1 <= count <= available:
        raise InputError(
            f"There are {available} {purpose} weeks: the number of cuts must be 1 to {available}, not {count}."
        )
    midnight = end.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return [midnight - timedelta(days=7 * weeks) for weeks in range(first + count - 1, first - 1, -1)]

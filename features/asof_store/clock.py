"""Time as whole numbers since 1970 UTC, so that nothing is rounded.

DuckDB's own cast from nanoseconds to microseconds rounds to the nearest: a stamp could move into the future, or an
event into the past. Microseconds in 64 bits hold every moment that DuckDB's other timestamps hold; only where a column
has nanoseconds, moments are counted in nanoseconds, in 128 bits, which takes half as long again to sort.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from features.sql import identifier

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Clock:
    """A unit to count time in.

    Attributes:
        per_microsecond: how many units make a microsecond.
        kind: DuckDB's type for a number of units.
        first: a moment before every other, in SQL.
        last: a moment that no other is after, in SQL.
    """

    per_microsecond: int
    kind: str
    first: str
    last: str

    def moment(self, column: str, kind: str) -> str:
        """An expression for the moment in a column of DuckDB's type `kind`, null where the column is null."""
        if _is_fine(kind):
            return f"epoch_ns({identifier(column)})::{self.kind}"
        return f"epoch_us(CAST({identifier(column)} AS TIMESTAMPTZ))::{self.kind} * {self.per_microsecond}"

    def duration(self, duration: timedelta) -> str:
        """A number of units in SQL; 128 bits hold every difference of two moments too."""
        return f"({duration // timedelta(microseconds=1) * self.per_microsecond})::HUGEINT"

    def since_epoch(self, moment: datetime) -> str:
        """A moment in SQL."""
        return self.duration(moment.astimezone(UTC) - _EPOCH)


MICROSECONDS: Final = Clock(1, "BIGINT", "(-9223372036854775808)::BIGINT", "9223372036854775807::BIGINT")

# 2^63 microseconds are about 10^22 nanoseconds.
NANOSECONDS: Final = Clock(
    1000, "HUGEINT", "(-100000000000000000000000000)::HUGEINT", "100000000000000000000000000::HUGEINT"
)


def clock_for(kinds: Iterable[str]) -> Clock:
    """The coarsest clock that is exact for columns of these types of DuckDB's."""
    return NANOSECONDS if any(map(_is_fine, kinds)) else MICROSECONDS


def _is_fine(kind: str) -> bool:
    return kind.endswith("_NS")

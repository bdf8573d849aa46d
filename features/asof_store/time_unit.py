"""Timestamps as whole numbers since 1970 UTC, so that comparing columns of different precision rounds nothing.

DuckDB's cast from nanoseconds to microseconds rounds to the nearest, which can move a row into the future. All its
other timestamp types fit into microseconds in 64 bits. Only if a column has nanoseconds, timestamps are nanoseconds in
128 bits, which take 1.5 times as long to sort.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from features.sql import identifier

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class TimeUnit:
    """A unit of time, and how SQL expresses timestamps in it.

    Attributes:
        per_microsecond: units per microsecond.
        sql_type: DuckDB's type for a number of units.
        minimum: SQL for a number before every timestamp.
        maximum: SQL for a number that no timestamp exceeds.
    """

    per_microsecond: int
    sql_type: str
    minimum: str
    maximum: str

    def column(self, name: str, sql_type: str) -> str:
        """SQL for the timestamp in a column of DuckDB's type `sql_type`; null where the column is null."""
        if _has_nanoseconds(sql_type):
            return f"epoch_ns({identifier(name)})::{self.sql_type}"
        return f"epoch_us(CAST({identifier(name)} AS TIMESTAMPTZ))::{self.sql_type} * {self.per_microsecond}"

    def duration(self, duration: timedelta) -> str:
        """SQL for a duration, in 128 bits because a difference of two timestamps may exceed 64."""
        return f"({duration // timedelta(microseconds=1) * self.per_microsecond})::HUGEINT"

    def since_epoch(self, moment: datetime) -> str:
        """SQL for a moment."""
        return self.duration(moment.astimezone(UTC) - _EPOCH)


MICROSECONDS: Final = TimeUnit(1, "BIGINT", "(-9223372036854775808)::BIGINT", "9223372036854775807::BIGINT")

# 2^63 microseconds are about 10^22 nanoseconds.
NANOSECONDS: Final = TimeUnit(
    1000, "HUGEINT", "(-100000000000000000000000000)::HUGEINT", "100000000000000000000000000::HUGEINT"
)


def exact_unit(sql_types: Iterable[str]) -> TimeUnit:
    """Return the coarsest unit that is exact for columns of these DuckDB types."""
    return NANOSECONDS if any(map(_has_nanoseconds, sql_types)) else MICROSECONDS


def _has_nanoseconds(sql_type: str) -> bool:
    return sql_type.endswith("_NS")

"""A gap before the last purchases: a few rows with mistyped dates would decide where the data end."""

from dataclasses import dataclass
from datetime import date
from typing import Final

import duckdb

from features.text import counted

_LONGEST_GAP: Final = 7  # days without a purchase
_SHARE_AFTER: Final = 0.01  # of all purchases; more are a shop that was closed

_GAPS: Final = f"""
    with days as (
        select purchased_at::date as day, count(*) as purchases from purchases group by all
    ), gaps as (
        select lag(day) over (order by day) as last_before, day, sum(purchases) over (order by day desc) as after,
               sum(purchases) over () as total, max(day) over () as last
        from days
    )
    select last_before, day, last, after::bigint from gaps
    where day - last_before > {_LONGEST_GAP} and after < {_SHARE_AFTER} * total order by day limit 1
"""


@dataclass(frozen=True)
class PurchaseGap:
    """Days without purchases, after which there are only a few.

    Attributes:
        last_before: the day of the last purchase before the gap, UTC.
        first_after: the day of the first purchase after it.
        last: the day of the last purchase.
        purchases: the number of purchases after the gap.
    """

    last_before: date
    first_after: date
    last: date
    purchases: int

    @property
    def warning(self) -> str:
        """The gap, its effect, and the remedy, as one sentence."""
        days = counted((self.first_after - self.last_before).days - 1, "day")
        return (
            f"The data end on {self.last} with {counted(self.purchases, 'purchase')} after {days} without any: the one "
            f"before is of {self.last_before}. Features, the validation window and the release would be as of "
            f"that end; if the dates are mistakes, build with --as-of {self.last_before}T23:59:59 --quarantine FILE."
        )


def find_purchase_gap(connection: duckdb.DuckDBPyConnection) -> PurchaseGap | None:
    """Find the first gap of more than a week after which there is less than 1 % of the table `purchases`."""
    found = connection.execute(_GAPS).fetchone()
    return PurchaseGap(*found) if found else None

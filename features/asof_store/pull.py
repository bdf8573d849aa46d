"""SQL that reads a source within a time range: all rows, or the last row of each key."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from features.asof_store.table import Table
from features.asof_store.time_unit import MICROSECONDS, exact_unit
from features.sql import identifier

_MICROSECONDS_UTC: Final = "TIMESTAMP WITH TIME ZONE"


def range_sql(
    table: Table, columns: Sequence[str], timestamp: str, start: datetime | None, end: datetime | None
) -> str:
    """Select the rows with a timestamp from `start` to `end`, both included."""
    selected = ", ".join(map(identifier, columns))
    return f"SELECT {selected} FROM {table.sql} WHERE {_in_range(table, timestamp, start, end)}"


def latest_sql(
    table: Table,
    columns: Sequence[str],
    keys: Sequence[str],
    timestamp: str,
    created: str | None,
    start: datetime | None,
    end: datetime | None,
) -> str:
    """Select the last row of each key with a timestamp from `start` to `end`, both included.

    The last rows are located by their timestamps alone. The other columns are read for those rows only: the second
    condition on their timestamps has no other effect than that DuckDB skips the row groups of a file outside the range.
    """
    unit = exact_unit(table.types[column] for column in (timestamp, created) if column)
    created_at = f"coalesce({table.timestamp(created, unit)}, {unit.minimum})" if created else unit.minimum
    order = f"({table.timestamp(timestamp, unit)}, {created_at}, {table.file}, {table.row})"
    by_key = f"GROUP BY {', '.join(map(identifier, keys))}" if keys else "HAVING count(*) > 0"
    in_range = _in_range(table, timestamp, start, end)
    latest = f"SELECT max({order}) AS latest FROM {table.sql} WHERE {in_range} {by_key}"
    selected = ", ".join(map(identifier, columns))
    return (
        f"WITH locations AS MATERIALIZED ({latest}) SELECT {selected} FROM {table.sql} "
        f"WHERE {in_range} AND ({table.file}, {table.row}) IN (SELECT (latest[3], latest[4]) FROM locations)"
    )


def _in_range(table: Table, timestamp: str, start: datetime | None, end: datetime | None) -> str:
    unit = exact_unit([table.types[timestamp]])
    bounds = [(sign, bound) for sign, bound in ((">=", start), ("<=", end)) if bound is not None]
    if table.types[timestamp] == _MICROSECONDS_UTC:
        # The column alone, not an expression: DuckDB compares it with the bounds of each row group.
        conditions = [
            f"{identifier(timestamp)} {sign} make_timestamptz({MICROSECONDS.since_epoch(bound)}::BIGINT)"
            for sign, bound in bounds
        ]
    else:
        conditions = [f"{table.timestamp(timestamp, unit)} {sign} {unit.since_epoch(bound)}" for sign, bound in bounds]
    return " AND ".join(conditions) or "true"

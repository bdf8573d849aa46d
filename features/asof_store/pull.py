"""The SQL that reads a source without entity rows: the last row of each key, or all rows, within a range of time."""

from collections.abc import Sequence
from datetime import datetime

from features.asof_store.clock import clock_for
from features.asof_store.table import Table
from features.sql import identifier


def between_sql(
    table: Table, columns: Sequence[str], timestamp: str, start: datetime | None, end: datetime | None
) -> str:
    """Select the rows stamped from `start` to `end`, both included."""
    selected = ", ".join(map(identifier, columns))
    return f"SELECT {selected} FROM {table.sql} WHERE {_between(table, timestamp, start, end)}"


def latest_sql(
    table: Table,
    columns: Sequence[str],
    keys: Sequence[str],
    timestamp: str,
    created: str | None,
    start: datetime | None,
    end: datetime | None,
) -> str:
    """Select the last row of each key stamped from `start` to `end`, both included.

    The places of the last rows are found in the stamps alone; whole rows are read for those places only.
    """
    clock = clock_for(table.types[stamp] for stamp in (timestamp, created) if stamp)
    created_moment = f"coalesce({table.moment(created, clock)}, {clock.first})" if created else clock.first
    rank = f"({table.moment(timestamp, clock)}, {created_moment}, {table.file}, {table.line})"
    by_key = f"GROUP BY {', '.join(map(identifier, keys))}" if keys else "HAVING count(*) > 0"
    places = f"SELECT max({rank}) AS best FROM {table.sql} WHERE {_between(table, timestamp, start, end)} {by_key}"
    selected = ", ".join(map(identifier, columns))
    return (
        f"WITH places AS MATERIALIZED ({places}) SELECT {selected} FROM {table.sql} "
        f"WHERE ({table.file}, {table.line}) IN (SELECT (best[3], best[4]) FROM places)"
    )


def _between(table: Table, timestamp: str, start: datetime | None, end: datetime | None) -> str:
    clock = clock_for([table.types[timestamp]])
    moment = table.moment(timestamp, clock)
    bounds = [(">=", start), ("<=", end)]
    limits = [f"{moment} {sign} {clock.since_epoch(bound)}" for sign, bound in bounds if bound is not None]
    return " AND ".join(limits) or "true"

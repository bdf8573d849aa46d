"""Prepares a point-in-time join: tables of key codes, of the rows to look up and of each view's history."""

import math
from collections.abc import Mapping, Sequence

import duckdb

from features.asof_store.entities import EntityRows
from features.asof_store.query import (
    PROBE,
    HistoryProperties,
    ViewJoin,
    has_duplicates_sql,
    has_late_rows_sql,
    history_sql,
    join_sql,
    key_codes_sql,
    key_codes_table,
    probe_sql,
)
from features.asof_store.rows import QueryRows, naming_damage
from features.asof_store.time_unit import exact_unit


def view_queries(
    connection: duckdb.DuckDBPyConnection,
    entities: EntityRows,
    probe_keys: Mapping[str, str],
    joins: Sequence[ViewJoin],
) -> list[QueryRows]:
    """Create the tables and return one query per view: `ROW` in ascending order and the view's features.

    Args:
        connection: the connection that `entities` is registered with.
        entities: the rows to look up.
        probe_keys: the probe's column name for each entity column that is a key of some view.
        joins: the views.

    Raises:
        InputError: a file is damaged.
    """
    timestamps = [(join.source, column) for join in joins for column in (join.timestamp, join.created) if column]
    unit = exact_unit(table.types[column] for table, column in [(entities.table, entities.timestamp), *timestamps])
    for column, name in probe_keys.items():
        connection.execute(f"CREATE TABLE {key_codes_table(name)} AS {key_codes_sql(entities.table, column)}")
    probe = probe_sql(entities.table, entities.timestamp, probe_keys, unit)
    connection.execute(f"CREATE TABLE {PROBE} AS {probe}")
    first, last = connection.execute(f"SELECT min(moment), max(moment) FROM {PROBE}").fetchall()[0]
    only_moment = first if first == last else None
    queries = []
    for number, join in enumerate(joins):
        history = f"history_{number}"
        with naming_damage():
            connection.execute(f"CREATE TABLE {history} AS {history_sql(join, unit, only_moment)}")
        queries.append(QueryRows(connection, join_sql(join, history, _properties(connection, join, history), unit)))
    return queries


def _properties(connection: duckdb.DuckDBPyConnection, join: ViewJoin, history: str) -> HistoryProperties:
    late = join.uses_created and bool(_value(connection, has_late_rows_sql(history)))
    tables = [PROBE, *map(key_codes_table, join.keys.values())]
    probe_rows, *keys = [_value(connection, f"SELECT count(*) FROM {table}") for table in tables]
    is_small = _value(connection, f"SELECT count(*) FROM {history}") <= min(probe_rows, math.prod(keys))
    unique = is_small and not _value(connection, has_duplicates_sql(history, join.key_columns))
    ties = not unique and (late or bool(_value(connection, has_duplicates_sql(history, [*join.key_columns, "moment"]))))
    return HistoryProperties(late, unique, ties)


def _value(connection: duckdb.DuckDBPyConnection, sql: str) -> int:
    [(value,)] = connection.execute(sql).fetchall()
    return int(value)

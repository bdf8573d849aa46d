"""The tables of a point-in-time join: keys with their numbers, the rows to look up, and each view's history."""

import math
from collections.abc import Mapping, Sequence

import duckdb

from features.asof_store.clock import clock_for
from features.asof_store.entities import EntityRows
from features.asof_store.query import (
    PROBE,
    Shape,
    ViewJoin,
    history_sql,
    join_sql,
    late_sql,
    numbers_sql,
    numbers_table,
    probe_sql,
    repeats_sql,
)
from features.asof_store.retrieval_job import QueryRows


def view_queries(
    connection: duckdb.DuckDBPyConnection,
    entities: EntityRows,
    probe_keys: Mapping[str, str],
    joins: Sequence[ViewJoin],
) -> list[QueryRows]:
    """Make the tables, and return one query a view: `ROW` in order, and the view's features.

    Args:
        connection: knows the entity rows.
        entities: the rows to look up.
        probe_keys: the probe's name of each entity column that is some view's key.
        joins: the views.
    """
    stamps = [(join.source, stamp) for join in joins for stamp in (join.timestamp, join.created) if stamp]
    clock = clock_for(table.types[stamp] for table, stamp in [(entities.table, entities.timestamp), *stamps])
    for column, name in probe_keys.items():
        connection.execute(f"CREATE TABLE {numbers_table(name)} AS {numbers_sql(entities.table, column)}")
    probe = probe_sql(entities.table, entities.timestamp, probe_keys, clock)
    connection.execute(f"CREATE TABLE {PROBE} AS {probe}")
    first, last = connection.execute(f"SELECT min(moment), max(moment) FROM {PROBE}").fetchall()[0]
    only_moment = first if first == last else None
    queries = []
    for number, join in enumerate(joins):
        history = f"history_{number}"
        connection.execute(f"CREATE TABLE {history} AS {history_sql(join, clock, only_moment)}")
        queries.append(QueryRows(connection, join_sql(join, history, _shape(connection, join, history), clock)))
    return queries


def _shape(connection: duckdb.DuckDBPyConnection, join: ViewJoin, history: str) -> Shape:
    late = join.hides_late_rows and bool(_value(connection, late_sql(history)))
    tables = [PROBE, *map(numbers_table, join.keys.values())]
    probes, *keys = [_value(connection, f"SELECT count(*) FROM {table}") for table in tables]
    few = _value(connection, f"SELECT count(*) FROM {history}") <= min(probes, math.prod(keys))
    single = few and not _value(connection, repeats_sql(history, join.key_columns))
    tied = not single and (late or bool(_value(connection, repeats_sql(history, [*join.key_columns, "moment"]))))
    return Shape(late, single, tied)


def _value(connection: duckdb.DuckDBPyConnection, sql: str) -> int:
    [(value,)] = connection.execute(sql).fetchall()
    return int(value)

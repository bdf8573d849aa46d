"""Computes the feature tables from the raw tables, with an event timestamp per row for point-in-time joins.

A row holds the values of its key from `event_timestamp` until the next row of the same key. Values with timestamp day D
00:00 UTC are computed from events strictly before D, so a purchase never sees itself or another purchase of its day.
Windowed counts also change when an event leaves its window; a row is written then too, so feature views need no ttl. No
row is later than 00:00 UTC of the day after the last event.

`item_availability` holds the shop's plans rather than events: its timestamps are the moments from which the rows apply,
also after the last event. A join as of an earlier moment does not see them, and they do not extend the data's end.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from features.schema import (
    DAY,
    MAX_BOUGHT_ITEMS,
    MAX_LATELY_ITEMS,
    MAX_RECENT_ITEMS,
    MAX_TASTES,
    MONTH,
    QUARTER,
    WEEK,
)  # fmt: skip
from features.sql import parquet_files
from features.table_origin import mark
from features.tables import item_queries, user_queries

# Windows and lists are computed for one bucket of users at a time, so that full-size tables fit into 4 GB: DuckDB's
# windows do not spill, and the intermediate result of the lists is quadratic in a history's length.
_USERS_PER_WINDOW = 250_000
_USERS_PER_BUCKET = 25_000

# Rows with lists are written in smaller batches, because a list may hold thousands of items.
_ROWS_PER_BATCH = 100_000
_LISTS_PER_BATCH = 10_000

# `day` is the number of the UTC day since 1970; a purchase of day d is visible from 00:00 UTC of day d + 1.
_DAYS = """
    create or replace temp view dated_purchases as
    select *, (epoch_us(purchased_at) // 86400000000)::integer as day, price::decimal(18, 9) as exact_price
    from purchases
"""
_STAMP = "make_timestamptz({day}::bigint * 86400000000)"

# Purchases of one user and item on one day have the same event timestamp. Their created timestamps are in the order of
# purchase, one microsecond apart, so that a join returns the last one.
_TRANSACTIONS = """
    select user_id, item_id, purchased_at, price, sales_channel_id, {next_day} as event_timestamp,
           {next_day} - to_microseconds(row_number() over (
               partition by user_id, item_id, day order by purchased_at desc, price desc, sales_channel_id
           ) - 1) as created_timestamp
    from dated_purchases order by purchased_at, user_id, item_id, created_timestamp
"""

TABLES = (
    "user_profile",
    "item_catalog",
    "item_availability",
    "transactions",
    "user_activity_daily",
    "item_sales_daily",
    "user_bought_items_daily",
    "user_earlier_items",
    "user_recent_items_daily",
    "user_lately_items_daily",
    "user_tastes_daily",
)
_STAMPS = {"event_timestamp", "created_timestamp"}


@dataclass(frozen=True)
class FeatureTable:
    """Name and number of rows of a written table."""

    name: str
    rows: int


def write_feature_tables(
    connection: duckdb.DuckDBPyConnection,
    folder: Path,
    progress: Callable[[str], object] = lambda _: None,
    *,
    build: str = "",
) -> list[FeatureTable]:
    """Compute the feature tables from `users`, `items`, `purchases` and `availability` and write them as Parquet.

    Args:
        connection: holds these tables, as `features.raw.raw_tables.load_raw_tables` creates them.
        folder: an empty folder; receives `<table>.parquet` for each table. Timestamps are `timestamp[us, tz=UTC]`.
        progress: called with the name of each table once it is written.
        build: for the mark of the tables, see `features.table_origin`; none if empty.

    Returns:
        The tables, in the order of writing.
    """
    date_purchases(connection)
    first, last, users = connection.execute(
        "select min(day), max(day), count(distinct user_id) from dated_purchases"
    ).fetchall()[0]
    parameters = {
        "first": _STAMP.format(day=first),
        "next_day": _STAMP.format(day="(day + 1)"),
        "stamp": _STAMP.format(day="day"),
        "horizon": last + 1,
        "one": DAY,
        "week": WEEK,
        "month": MONTH,
        "quarter": QUARTER,
    }
    window_buckets, list_buckets = _buckets(users, _USERS_PER_WINDOW), _buckets(users, _USERS_PER_BUCKET)
    bought = parquet_files([folder / "user_bought_items_daily.parquet"])
    queries = {
        "user_profile": [user_queries.PROFILE.format(**parameters)],
        "item_catalog": [item_queries.CATALOG.format(**parameters)],
        "item_availability": [item_queries.AVAILABILITY],
        "transactions": [_TRANSACTIONS.format(**parameters)],
        "user_activity_daily": [user_queries.ACTIVITY.format(**bucket, **parameters) for bucket in window_buckets],
        "item_sales_daily": [item_queries.SALES.format(**parameters)],
        "user_bought_items_daily": [
            user_queries.BOUGHT_ITEMS.format(length=MAX_BOUGHT_ITEMS, **bucket, **parameters) for bucket in list_buckets
        ],
        "user_earlier_items": [user_queries.EARLIER_ITEMS.format(length=MAX_BOUGHT_ITEMS, **parameters)],
        "user_recent_items_daily": [user_queries.RECENT_ITEMS.format(bought=bought, length=MAX_RECENT_ITEMS)],
        "user_lately_items_daily": [
            user_queries.LATELY_ITEMS.format(length=MAX_LATELY_ITEMS, **bucket, **parameters) for bucket in list_buckets
        ],
        "user_tastes_daily": [
            user_queries.TASTES.format(length=MAX_TASTES, **bucket, **parameters) for bucket in list_buckets
        ],
    }
    written = []
    for name, sql in queries.items():
        written.append(FeatureTable(name, _write(connection, sql, folder / f"{name}.parquet", build)))
        progress(name)
    return written


def date_purchases(connection: duckdb.DuckDBPyConnection) -> None:
    """Create the view `dated_purchases` on the table `purchases`, with days and exact prices."""
    connection.execute("set timezone = 'UTC'")
    connection.execute(_DAYS)


def data_end(connection: duckdb.DuckDBPyConnection) -> datetime:
    """Return 00:00 UTC of the day after the last purchase, the latest event timestamp of a purchase."""
    last = "(select max(epoch_us(purchased_at)) // 86400000000 + 1 from purchases)"
    moment: datetime = connection.execute(f"select {_STAMP.format(day=last)}").fetchall()[0][0]
    return moment


def _buckets(users: int, size: int) -> list[dict[str, int]]:
    """Query parameters of each bucket of about `size` users."""
    count = users // size + 1
    return [{"bucket": bucket, "buckets": count} for bucket in range(count)]


def _write(connection: duckdb.DuckDBPyConnection, queries: list[str], path: Path, build: str) -> int:
    rows = 0
    writer: pq.ParquetWriter | None = None
    for batch in _batches(connection, queries):
        if writer is None:
            schema = mark(batch.schema, build) if build else batch.schema
            writer = pq.ParquetWriter(path, schema, compression="zstd")
        writer.write_batch(batch)
        rows += batch.num_rows
    if writer is not None:
        writer.close()
    return rows


def _batches(connection: duckdb.DuckDBPyConnection, queries: list[str]) -> Iterator[pa.RecordBatch]:
    for query in queries:
        relation = connection.sql(query)
        has_lists = any(kind.id == "list" for kind in relation.types)
        reader = relation.to_arrow_reader(_LISTS_PER_BATCH if has_lists else _ROWS_PER_BATCH)
        schema = pa.schema([_field(field) for field in reader.schema])
        empty = True
        for batch in reader:
            empty = False
            yield batch.cast(schema)
        if empty:
            yield pa.RecordBatch.from_pylist([], schema=schema)


def _field(field: pa.Field) -> pa.Field:
    return pa.field(field.name, _type(field.type), nullable=field.name not in _STAMPS)


def _type(kind: pa.DataType) -> pa.DataType:
    """DuckDB returns counts in 32 or 128 bits; Feast has 64, also in lists."""
    if pa.types.is_list(kind):
        return pa.list_(_type(kind.value_type))
    if pa.types.is_decimal(kind) or pa.types.is_integer(kind):
        return pa.int64()
    return pa.timestamp("us", tz="UTC") if pa.types.is_timestamp(kind) else kind

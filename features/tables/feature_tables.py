"""Raw tables to feature tables: what was known about a user or an item, and from which moment on.

Every row says "from `event_timestamp` until the next row of the same key, these were the values". Values stamped
day D 00:00 UTC are computed from events strictly before D, so that a purchase never sees itself, nor another one of
its own day. Windowed counts also change when an old event leaves its window: a row is written at those moments
too, which is why no feature view needs a ttl. No row is stamped later than the morning after the last event:
beyond it nothing is known.

`item_availability` alone is no account of events but of plans, which the shop makes itself: its rows are stamped with
the moment from which they hold, be it after the last event. They are kept, are seen by nobody who asks about an earlier
moment, and do not move the data's end.
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
from features.sql import literal
from features.tables import item_queries, user_queries

# One bucket of users at a time goes through windows and lists, so that full-size tables fit into 4 GB: the windows of
# all users do not spill, and the lists' intermediate result is the square of a history.
_USERS_PER_WINDOW = 250_000
_USERS_PER_BUCKET = 25_000

# Rows of lists are written in smaller batches, because a list may hold thousands.
_ROWS_PER_BATCH = 100_000
_LISTS_PER_BATCH = 10_000

# `day` is the number of the UTC day since 1970; a purchase of day d is known from the morning of day d + 1.
_DAYS = """
    create or replace temp view dated_purchases as
    select *, (epoch_us(purchased_at) // 86400000000)::integer as day, price::decimal(18, 9) as exact_price
    from purchases
"""
_STAMP = "make_timestamptz({day}::bigint * 86400000000)"

# Purchases of one user and item on one day become known together. They are written in the order of purchase, a
# microsecond apart, so that created_timestamp breaks the tie in favour of the last one.
_TRANSACTIONS = """
    select user_id, item_id, purchased_at, price::float as price, sales_channel_id, {known} as event_timestamp,
           {known} - to_microseconds(row_number() over (
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
    "user_recent_items_daily",
    "user_lately_items_daily",
    "user_tastes_daily",
)
_STAMPS = {"event_timestamp", "created_timestamp"}


@dataclass(frozen=True)
class FeatureTable:
    """One written table: its name and how many rows it has."""

    name: str
    rows: int


def write_feature_tables(
    connection: duckdb.DuckDBPyConnection, folder: Path, progress: Callable[[str], object] = lambda _: None
) -> list[FeatureTable]:
    """Compute every feature table from `users`, `items`, `purchases` and `availability` and write it as Parquet.

    Args:
        connection: holds these tables as `features.raw.raw_tables.load_raw_tables` makes them.
        folder: an empty folder; receives one `<table>.parquet` each. Timestamps are `timestamp[us, tz=UTC]`.
        progress: called with the name of each table once it is written.

    Returns:
        The tables written, in the order of writing.
    """
    connection.execute("set timezone = 'UTC'")
    connection.execute(_DAYS)
    first, last, users = connection.execute(
        "select min(day), max(day), count(distinct user_id) from dated_purchases"
    ).fetchall()[0]
    words = {
        "first": _STAMP.format(day=first),
        "known": _STAMP.format(day="(day + 1)"),
        "stamp": _STAMP.format(day="day"),
        "horizon": last + 1,
        "one": DAY,
        "week": WEEK,
        "month": MONTH,
        "quarter": QUARTER,
    }
    windows, buckets = _buckets(users, _USERS_PER_WINDOW), _buckets(users, _USERS_PER_BUCKET)
    bought = literal(folder / "user_bought_items_daily.parquet")
    queries = {
        "user_profile": [user_queries.PROFILE.format(**words)],
        "item_catalog": [item_queries.CATALOG.format(**words)],
        "item_availability": [item_queries.AVAILABILITY],
        "transactions": [_TRANSACTIONS.format(**words)],
        "user_activity_daily": [user_queries.ACTIVITY.format(**bucket, **words) for bucket in windows],
        "item_sales_daily": [item_queries.SALES.format(**words)],
        "user_bought_items_daily": [
            user_queries.BOUGHT_ITEMS.format(kept=MAX_BOUGHT_ITEMS, **bucket, **words) for bucket in buckets
        ],
        "user_recent_items_daily": [user_queries.RECENT_ITEMS.format(path=bought, kept=MAX_RECENT_ITEMS)],
        "user_lately_items_daily": [
            user_queries.LATELY_ITEMS.format(kept=MAX_LATELY_ITEMS, **bucket, **words) for bucket in buckets
        ],
        "user_tastes_daily": [user_queries.TASTES.format(kept=MAX_TASTES, **bucket, **words) for bucket in buckets],
    }
    written = []
    for name, parts in queries.items():
        written.append(FeatureTable(name, _write(connection, parts, folder / f"{name}.parquet")))
        progress(name)
    return written


def data_end(connection: duckdb.DuckDBPyConnection) -> datetime:
    """The morning after the last purchase, UTC: the latest moment about which anything is known."""
    last = "(select max(epoch_us(purchased_at)) // 86400000000 + 1 from purchases)"
    moment: datetime = connection.execute(f"select {_STAMP.format(day=last)}").fetchall()[0][0]
    return moment


def _buckets(users: int, at_most: int) -> list[dict[str, int]]:
    """The words of a query that takes one bucket of about so many users at a time."""
    count = users // at_most + 1
    return [{"bucket": bucket, "buckets": count} for bucket in range(count)]


def _write(connection: duckdb.DuckDBPyConnection, queries: list[str], path: Path) -> int:
    rows = 0
    writer: pq.ParquetWriter | None = None
    for batch in _batches(connection, queries):
        if writer is None:
            writer = pq.ParquetWriter(path, batch.schema, compression="zstd")
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
    """Counts come out of DuckDB with 32 or 128 bits; Feast knows 64, also in lists."""
    if pa.types.is_list(kind):
        return pa.list_(_type(kind.value_type))
    if pa.types.is_decimal(kind) or pa.types.is_integer(kind):
        return pa.int64()
    return pa.timestamp("us", tz="UTC") if pa.types.is_timestamp(kind) else kind

"""Raw tables to feature tables: what was known about a user or an item, and from which moment on.

Every row says "from `event_timestamp` until the next row of the same key, these were the values". Values stamped
day D 00:00 UTC are computed from events strictly before D, so that a purchase never sees itself, nor another one of
its own day. Windowed counts also change when an old event leaves its window: a row is written at those moments
too, which is why no feature view needs a ttl. No row is stamped later than the morning after the last event:
beyond it nothing is known.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from features.schema import BOUGHT_ITEMS, BOUGHT_ITEMS_KEPT, DAY, MONTH, RECENT_ITEMS, RECENT_ITEMS_KEPT, WEEK
from features.sql import literal

# One bucket of users at a time goes through windows and lists, so that full-size tables fit into 4 GB: the windows of
# all users do not spill, and the lists' intermediate result is the square of a history.
_USERS_PER_WINDOW = 250_000
_USERS_PER_BUCKET = 25_000

# `day` is the number of the UTC day since 1970; a purchase of day d is known from the morning of day d + 1.
_DAYS = """
    create or replace temp view dated_purchases as
    select *, (epoch_us(purchased_at) // 86400000000)::integer as day, price::decimal(18, 9) as exact_price
    from purchases
"""
_STAMP = "make_timestamptz({day}::bigint * 86400000000)"

_PROFILE = """
    select user_id, age, birth_date, club_member_status, fashion_news_frequency, postal_code, fashion_news, active,
           {first} as event_timestamp, {first} as created_timestamp
    from users order by user_id
"""
_CATALOG = """
    select *, {first} as event_timestamp, {first} as created_timestamp from items order by item_id
"""

# Purchases of one user and item on one day become known together. They are written in the order of purchase, a
# microsecond apart, so that created_timestamp breaks the tie in favour of the last one.
_TRANSACTIONS = """
    select user_id, item_id, purchased_at, price::float as price, sales_channel_id, {known} as event_timestamp,
           {known} - to_microseconds(row_number() over (
               partition by user_id, item_id, day order by purchased_at desc, price desc, sales_channel_id
           ) - 1) as created_timestamp
    from dated_purchases order by purchased_at, user_id, item_id, created_timestamp
"""

# Money is summed as decimals: a sum of floats would depend on the order in which threads finish.
_ACTIVITY = """
    with daily as (
        select user_id, day + 1 as day, count(*) as purchases, sum(exact_price) as spend,
               min(purchased_at) as first_at, max(purchased_at) as last_at
        from dated_purchases where hash(user_id) % {buckets} = {bucket} group by all
    ), timeline as (
        select user_id, day, sum(purchases) as purchases, sum(spend) as spend, min(first_at) as first_at,
               max(last_at) as last_at
        from (
            select * from daily
            union all by name
            select user_id, day + leaves.days as day, 0 as purchases, 0 as spend
            from daily, (values ({week}), ({month})) as leaves(days)
        )
        where day <= {horizon} group by all
    )
    select user_id,
           sum(purchases) over last_week as purchases_7d,
           sum(purchases) over last_month as purchases_28d,
           sum(purchases) over ever as purchases_total,
           count(first_at) over ever as active_days_total,
           (sum(spend) over last_month)::float as spend_28d,
           (sum(spend) over ever / sum(purchases) over ever)::float as mean_price,
           min(first_at) over ever as first_purchase_at,
           max(last_at) over ever as last_purchase_at,
           {stamp} as event_timestamp, {stamp} as created_timestamp
    from timeline
    window ever as (partition by user_id order by day),
           last_week as (partition by user_id order by day range between {week} - 1 preceding and current row),
           last_month as (partition by user_id order by day range between {month} - 1 preceding and current row)
    order by event_timestamp, user_id
"""

_SALES = """
    with daily as (
        select item_id, day + 1 as day, count(*) as sales, sum(exact_price) as revenue,
               min(purchased_at) as first_at, max(purchased_at) as last_at
        from dated_purchases group by all
    ), timeline as (
        select item_id, day, sum(sales) as sales, sum(revenue) as revenue, min(first_at) as first_at,
               max(last_at) as last_at
        from (
            select * from daily
            union all by name
            select item_id, day + leaves.days as day, 0 as sales, 0 as revenue
            from daily, (values ({one}), ({week}), ({month})) as leaves(days)
        )
        where day <= {horizon} group by all
    )
    select item_id,
           sum(sales) over last_day as sales_1d,
           sum(sales) over last_week as sales_7d,
           sum(sales) over last_month as sales_28d,
           sum(sales) over ever as sales_total,
           (sum(revenue) over ever / sum(sales) over ever)::float as mean_price,
           min(first_at) over ever as first_sold_at,
           max(last_at) over ever as last_sold_at,
           {stamp} as event_timestamp, {stamp} as created_timestamp
    from timeline
    window ever as (partition by item_id order by day),
           last_day as (partition by item_id order by day range between {one} - 1 preceding and current row),
           last_week as (partition by item_id order by day range between {week} - 1 preceding and current row),
           last_month as (partition by item_id order by day range between {month} - 1 preceding and current row)
    order by event_timestamp, item_id
"""

# A purchase is the latest one of its item from the next morning until the morning after the item is bought again.
_BOUGHT_ITEMS = """
    with latest as (
        select user_id, item_id, day + 1 as day, max(purchased_at) as purchased_at
        from dated_purchases where hash(user_id) % {buckets} = {bucket} group by all
    ), spans as (
        select *, lead(day, 1, 2147483647) over (partition by user_id, item_id order by day) as until from latest
    ), mornings as (
        select distinct user_id, day from latest
    )
    select mornings.user_id,
           list(item_id order by purchased_at desc, item_id)[:{kept}] as {name},
           {morning} as event_timestamp, {morning} as created_timestamp
    from mornings join spans
      on spans.user_id = mornings.user_id and spans.day <= mornings.day and mornings.day < spans.until
    group by mornings.user_id, mornings.day order by event_timestamp, user_id
"""

_RECENT_ITEMS = f"""
    select user_id, {BOUGHT_ITEMS}[:{RECENT_ITEMS_KEPT}] as {RECENT_ITEMS}, event_timestamp, created_timestamp
    from read_parquet({{path}})
"""

TABLES = (
    "user_profile",
    "item_catalog",
    "transactions",
    "user_activity_daily",
    "item_sales_daily",
    "user_bought_items_daily",
    "user_recent_items_daily",
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
    """Compute every feature table from the tables `users`, `items` and `purchases` and write it as Parquet.

    Args:
        connection: holds the three tables as `features.raw_tables.load_raw_tables` makes them.
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
        "morning": _STAMP.format(day="mornings.day"),
        "horizon": last + 1,
        "one": DAY,
        "week": WEEK,
        "month": MONTH,
    }
    windows, buckets = users // _USERS_PER_WINDOW + 1, users // _USERS_PER_BUCKET + 1
    queries = {
        "user_profile": [_PROFILE.format(**words)],
        "item_catalog": [_CATALOG.format(**words)],
        "transactions": [_TRANSACTIONS.format(**words)],
        "user_activity_daily": [_ACTIVITY.format(bucket=bucket, buckets=windows, **words) for bucket in range(windows)],
        "item_sales_daily": [_SALES.format(**words)],
        "user_bought_items_daily": [
            _BOUGHT_ITEMS.format(bucket=bucket, buckets=buckets, name=BOUGHT_ITEMS, kept=BOUGHT_ITEMS_KEPT, **words)
            for bucket in range(buckets)
        ],
        "user_recent_items_daily": [_RECENT_ITEMS.format(path=literal(folder / "user_bought_items_daily.parquet"))],
    }
    written = []
    for name, parts in queries.items():
        written.append(FeatureTable(name, _write(connection, parts, folder / f"{name}.parquet")))
        progress(name)
    return written


def horizon(connection: duckdb.DuckDBPyConnection) -> datetime:
    """The morning after the last purchase, UTC: the latest moment about which anything is known."""
    last = "(select max(epoch_us(purchased_at)) // 86400000000 + 1 from purchases)"
    moment: datetime = connection.execute(f"select {_STAMP.format(day=last)}").fetchall()[0][0]
    return moment


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
        reader = connection.sql(query).to_arrow_reader(100_000)
        schema = pa.schema([_field(field) for field in reader.schema])
        empty = True
        for batch in reader:
            empty = False
            yield batch.cast(schema)
        if empty:
            yield pa.RecordBatch.from_pylist([], schema=schema)


def _field(field: pa.Field) -> pa.Field:
    """Counts come out of DuckDB as 128-bit integers; Feast knows 64 bits."""
    if pa.types.is_decimal(field.type) or pa.types.is_integer(field.type):
        return pa.field(field.name, pa.int64())
    if pa.types.is_timestamp(field.type):
        return pa.field(field.name, pa.timestamp("us", tz="UTC"), nullable=field.name not in _STAMPS)
    return field

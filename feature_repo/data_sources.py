"""Data sources: Parquet files written by jobs/build_features.py, and the values that a request provides."""

import os
from pathlib import Path

from feast import Field, FileSource, PushSource, RequestSource
from feast.types import UnixTimestamp

# Absolute, because Feast's DuckDB store resolves relative paths from the working directory, not from this folder.
_DEFAULT = Path(__file__).resolve().parent.parent / "data" / "features"
FEATURE_TABLES = os.environ.get("FEATURE_TABLES", str(_DEFAULT))
if "://" not in FEATURE_TABLES:
    FEATURE_TABLES = str(Path(FEATURE_TABLES).resolve())


def _feature_table(name: str, description: str) -> FileSource:
    return FileSource(
        name=name,
        path=f"{FEATURE_TABLES}/{name}.parquet",
        timestamp_field="event_timestamp",
        created_timestamp_column="created_timestamp",
        description=description,
    )


def _pushed(source: FileSource) -> PushSource:
    """Rows that the online service pushes after a purchase; otherwise those of the table."""
    return PushSource(
        name=f"{source.name}_push", batch_source=source, description=f"{source.description} Pushed after a purchase."
    )


user_profile_source = _feature_table(
    "user_profile", "customers.csv, a snapshot without history; event timestamp is the first day of the data."
)
item_catalog_source = _feature_table(
    "item_catalog", "articles.csv, a snapshot without history; event timestamp is the first day of the data."
)
item_availability_source = _feature_table(
    "item_availability", "availability.csv, each row from its own moment on; empty without the file."
)
transactions_source = _feature_table(
    "transactions", "transactions_train.csv, each purchase from 00:00 UTC of the next day on."
)
user_activity_daily_source = _pushed(_feature_table("user_activity_daily", "Purchases of a user before each day."))
item_sales_daily_source = _feature_table("item_sales_daily", "Sales of an item before each day.")
user_recent_items_daily_source = _pushed(
    _feature_table("user_recent_items_daily", "The items that a user bought most recently.")
)
user_bought_items_daily_source = _pushed(
    _feature_table("user_bought_items_daily", "The items that a user bought last.")
)
user_earlier_items_source = _pushed(_feature_table("user_earlier_items", "All items of users who have bought many."))
user_lately_items_daily_source = _pushed(
    _feature_table("user_lately_items_daily", "How often a user bought items recently.")
)
user_tastes_daily_source = _pushed(_feature_table("user_tastes_daily", "The categories that a user bought most often."))

request_source = RequestSource(
    name="request",
    schema=[Field(name="request_timestamp", dtype=UnixTimestamp, description="Time of the request, UTC.")],
    description="Values that the request provides.",
)

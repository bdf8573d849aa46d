"""Where the features lie: Parquet files written by jobs/build_features.py, and what a request brings itself."""

import os
from pathlib import Path

from feast import Field, FileSource, RequestSource
from feast.types import UnixTimestamp

# Absolute, because Feast's DuckDB store reads relative paths from the working directory, not from this folder.
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


user_profile_source = _feature_table(
    "user_profile", "customers.csv; a snapshot without history, stamped at the first day."
)
item_catalog_source = _feature_table(
    "item_catalog", "articles.csv; a snapshot without history, stamped at the first day."
)
item_availability_source = _feature_table(
    "item_availability", "availability.csv; each row holds from its own moment on, without the file there is none."
)
transactions_source = _feature_table(
    "transactions", "transactions_train.csv; each purchase known from the next morning on."
)
user_activity_daily_source = _feature_table("user_activity_daily", "A user's purchases before each morning.")
item_sales_daily_source = _feature_table("item_sales_daily", "An item's sales before each morning.")
user_recent_items_daily_source = _feature_table("user_recent_items_daily", "The items a user bought last.")
user_bought_items_daily_source = _feature_table("user_bought_items_daily", "The items a user bought ever.")
user_lately_items_daily_source = _feature_table("user_lately_items_daily", "How often a user bought items lately.")
user_tastes_daily_source = _feature_table("user_tastes_daily", "The kinds of items a user bought most often.")

request_source = RequestSource(
    name="request",
    schema=[Field(name="request_timestamp", dtype=UnixTimestamp, description="The moment of the request, UTC.")],
    description="What the request itself knows.",
)

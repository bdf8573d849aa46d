"""The end of the data: the latest moment for which features are complete."""

from datetime import UTC, datetime, timedelta

import pyarrow.compute as pc
from feast import FeatureStore

from features.errors import InputError
from features.moments import parse_moment
from features.schema import EVENT_TIMESTAMP
from features.store.source_tables import END_OF_TIME, read_source


def data_end(store: FeatureStore) -> datetime:
    """The morning after the last purchase, 00:00 UTC.

    Raises:
        InputError: the store contains no purchases.
    """
    # The last row of each item instead of each purchase: an item sold on the last day has a row of this morning.
    last_rows = read_source(store, "item_sales_daily", [], known_at=END_OF_TIME, latest=True)
    if last_rows.num_rows == 0:
        raise InputError("The feature store contains no purchases: run `python jobs/build_features.py` first.")
    end: datetime = pc.max(last_rows[EVENT_TIMESTAMP]).as_py()
    return end.astimezone(UTC)


def moment_or_data_end(store: FeatureStore, text: str | None) -> datetime:
    """Parse a moment; without one, return the end of the data.

    Raises:
        InputError: the text is no moment, or is more than a day after the end of the data. Features of later moments
            would count the missing days as days without purchases.
    """
    end = data_end(store)
    moment = parse_moment(text) if text else end
    if moment > end + timedelta(days=1):
        raise InputError(
            f"No data at {moment:%Y-%m-%d %H:%M} UTC: the last purchases are of the day before {end:%Y-%m-%d}. Choose "
            "an earlier --as-of, or build the features of later purchases."
        )
    return moment

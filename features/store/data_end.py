"""The moment up to which the store knows anything."""

from datetime import UTC, datetime, timedelta

import pyarrow.compute as pc
from feast import FeatureStore

from features.errors import InputError
from features.moments import parse_moment
from features.schema import EVENT_TIMESTAMP
from features.store.registry import END_OF_TIME, read_source


def data_end(store: FeatureStore) -> datetime:
    """The morning after the last purchase: the latest moment about which the store knows anything, UTC.

    Raises:
        InputError: the store holds no purchases.
    """
    # The last row of every item instead of every purchase; an item sold on the last day has one of that morning.
    known = read_source(store, "item_sales_daily", [], known_at=END_OF_TIME, latest=True)
    if known.num_rows == 0:
        raise InputError("The feature store holds no purchases: run `python jobs/build_features.py` first.")
    end: datetime = pc.max(known[EVENT_TIMESTAMP]).as_py()
    return end.astimezone(UTC)


def moment_or_data_end(store: FeatureStore, text: str | None) -> datetime:
    """Read a moment; without one, take the data's own end.

    Raises:
        InputError: the text is no moment, or lies more than a day beyond the data: the windows of the last days would
            be empty because nobody has written them yet, not because nobody bought.
    """
    end = data_end(store)
    moment = parse_moment(text) if text else end
    if moment > end + timedelta(days=1):
        raise InputError(
            f"Nothing is known of {moment:%Y-%m-%d %H:%M} UTC: the last purchases are of the day before "
            f"{end:%Y-%m-%d}; choose an earlier --as-of, or build the features of later purchases."
        )
    return moment

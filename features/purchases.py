"""The purchases: who bought what, and when. They are the rows of every training set."""

import logging
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc
from feast import FeatureStore

from features.errors import InputError
from features.feature_store import read_source
from features.schema import EVENT_TIMESTAMP, ITEM_ID, PURCHASED_AT, USER_ID
from features.time_split import TimeSplit, parse_moment

_END_OF_TIME = datetime(9999, 1, 1, tzinfo=UTC)

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Purchases:
    """Purchases before a cut and after it.

    Both tables have columns `user_id`, `item_id` (string) and `event_timestamp` (timestamp[us, UTC], the moment of
    the purchase), ordered by time, then user, then item.

    Attributes:
        before: everything before the cut.
        training: the part of `before` that trains.
        validation: purchases in [cut, as_of).
    """

    before: pa.Table
    training: pa.Table
    validation: pa.Table


def read_purchases(store: FeatureStore, split: TimeSplit) -> Purchases:
    """Read the purchases known at `split.as_of` and part them at the cut.

    Raises:
        InputError: nothing was bought before the cut, or nothing after it.
    """
    known = read_source(store, "transactions", [PURCHASED_AT], known_at=split.as_of)
    purchases = (
        known.select([USER_ID, ITEM_ID, PURCHASED_AT])
        .rename_columns([USER_ID, ITEM_ID, EVENT_TIMESTAMP])
        .sort_by([(EVENT_TIMESTAMP, "ascending"), (USER_ID, "ascending"), (ITEM_ID, "ascending")])
    )
    moments = purchases[EVENT_TIMESTAMP]
    before = purchases.filter(pc.less(moments, _scalar(split.cut)))
    validation = purchases.filter(pc.greater_equal(moments, _scalar(split.cut)))
    training = before
    if split.start is not None:
        training = before.filter(pc.greater_equal(before[EVENT_TIMESTAMP], _scalar(split.start)))
    for part, name in ((training, "training"), (validation, "validation")):
        if part.num_rows == 0:
            raise InputError(
                f"No purchase is left for {name}: the cut is {split.cut:%Y-%m-%d} and the purchases known at "
                f"{split.as_of:%Y-%m-%d} run {_range(moments)}; choose another --as-of or --validation-days."
            )
    _logger.info(
        "purchases: %s before %s (%s train), %s after",
        f"{before.num_rows:,}",
        f"{split.cut:%Y-%m-%d}",
        f"{training.num_rows:,}",
        f"{validation.num_rows:,}",
    )
    return Purchases(before, training, validation)


def data_end(store: FeatureStore) -> datetime:
    """The morning after the last purchase: the latest moment about which the store knows anything, UTC.

    Raises:
        InputError: the store holds no purchases.
    """
    # The last row of every item instead of every purchase; an item sold on the last day has one of that morning.
    known = read_source(store, "item_sales_daily", [], known_at=_END_OF_TIME, latest=True)
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


def _scalar(moment: datetime) -> pa.Scalar:
    return pa.scalar(moment, pa.timestamp("us", tz="UTC"))


def _range(moments: pa.ChunkedArray) -> str:
    ends = pc.min_max(moments)
    return f"from {ends['min'].as_py():%Y-%m-%d} to {ends['max'].as_py():%Y-%m-%d}" if len(moments) else "nowhere"

"""The purchases: who bought what, and when. They are the rows of every training set."""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from feast import FeatureStore
from numpy.typing import NDArray

from features.errors import InputError
from features.parquet_rows import ParquetRows
from features.schema import ITEM_ID, PURCHASED_AT, USER_CODE, USER_ID, WEEK
from features.scratch_database import scratch_database
from features.sql import identifier, literal, timestamp_literal
from features.store.registry import created_column, write_source
from features.time_split import TimeSplit

# Users are numbered in the order of their first purchase, so that nobody's number depends on who comes later.
_SORTED = """
    copy (
        with known as (
            select user_id, item_id, purchased_at as event_timestamp from read_parquet({known}) where {written}
        ),
        users as (
            select user_id, (row_number() over (order by first, user_id) - 1)::integer as user_code
            from (select user_id, min(event_timestamp) as first from known group by user_id)
        )
        select user_id, item_id, event_timestamp, user_code,
               event_timestamp::date = min(event_timestamp::date) over (partition by user_id, item_id) as new
        from known join users using (user_id)
        order by event_timestamp, user_id, item_id
    ) to {path} (format parquet, compression zstd)
"""
_COLUMNS = "user_id, item_id, event_timestamp"

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Purchases:
    """Purchases before a cut and after it, in a file.

    Attributes:
        rows: `user_id`, `item_id` (string), `event_timestamp` (timestamp[us, UTC], the moment of the purchase) and
            `user_code` (int32, a number for each user) and `new` (bool, whether the user had never bought the item
            before that UTC day), ordered by time, then user, then item.
        split: what parts them.
        before: how many there are before the cut.
        training: how many of these train.
        validation: how many there are in [cut, as_of).
        ends: the first moment and the last, or None if there are none.
    """

    rows: ParquetRows
    split: TimeSplit
    before: int
    training: int
    validation: int
    ends: tuple[datetime, datetime] | None

    def after_cut(self) -> pa.Table:
        """The purchases after the cut: `user_id`, `item_id`, `event_timestamp`."""
        return self._select(f"select {_COLUMNS} from purchases where {_validates(self.split)}")

    def returning_users(self) -> pa.Array:
        """Who buys after the cut and had bought before it, string, ascending."""
        sql = f"""
            select distinct user_id from purchases where {_validates(self.split)}
            and user_code in (select user_code from purchases where not {_validates(self.split)}) order by user_id
        """
        return self._select(sql)[USER_ID].combine_chunks()

    def history(self, users: pa.Array) -> pa.Table:
        """What a judge needs of the purchases before the cut: those of `users`, and everybody's of the week before it.

        Columns `user_id`, `item_id`, `event_timestamp`, in the order of time, user and item.
        """
        sql = f"""
            select {_COLUMNS} from purchases where not {_validates(self.split)}
            and (event_timestamp >= {timestamp_literal(self.split.cut - timedelta(days=WEEK))}
                 or user_id in (select user_id from asked))
            order by event_timestamp, user_id, item_id
        """
        return self._select(sql, asked=pa.table({USER_ID: users}))

    def coded(self, item_ids: pa.Array, until: datetime) -> pa.Table:
        """All purchases before a moment of items that are in the catalogue, in numbers.

        Columns `user_code` (int32), `item_position` (int32, in `item_ids`) and `event_timestamp`, in the order of time,
        user and item.
        """
        sql = f"""
            select user_code, item_position, event_timestamp from purchases join catalogue using (item_id)
            where event_timestamp < {timestamp_literal(until)} order by event_timestamp, user_id, item_id
        """
        positions = pa.array(np.arange(len(item_ids), dtype=np.int32))
        return self._select(sql, catalogue=pa.table({ITEM_ID: item_ids, "item_position": positions}))

    def codes_of(self, user_ids: pa.Array) -> NDArray[np.int32]:
        """The number of each user in `user_code`, int32 (users,); all must have bought something."""
        sql = "select distinct user_id, user_code from purchases where user_id in (select user_id from asked)"
        known = self._select(sql, asked=pa.table({USER_ID: user_ids}))
        places = pc.index_in(user_ids, known[USER_ID].combine_chunks())
        return np.asarray(known[USER_CODE].combine_chunks().take(places), np.int32)

    def nothing_left(self, name: str) -> InputError:
        """What to say if a part has no purchases."""
        ends = f"from {self.ends[0]:%Y-%m-%d} to {self.ends[1]:%Y-%m-%d}" if self.ends else "nowhere"
        return InputError(
            f"No purchase is left for {name}: the cut is {self.split.cut:%Y-%m-%d} and the purchases known at "
            f"{self.split.as_of:%Y-%m-%d} run {ends}; choose another --as-of or --validation-days."
        )

    def ending(self, days: int) -> "Purchases":
        """The same purchases, of which those of the last `days` before the release train, and none validate.

        Days before the split's start stay out, and all that validated train, however many they are.
        """
        return _parted(self.rows, self.split.for_refit(days))

    def _select(self, sql: str, **tables: pa.Table) -> pa.Table:
        with scratch_database(self.rows.paths[0].parent) as connection:
            for name, table in tables.items():
                connection.register(name, table)
            connection.execute(f"create view purchases as from {self.rows.sql}")
            return connection.sql(sql).to_arrow_table()


def write_purchases(store: FeatureStore, split: TimeSplit, folder: Path) -> Purchases:
    """Write the purchases known at `split.as_of` to a file in `folder`, and count them on both sides of the cut.

    Known are those that are stamped and were written by then.

    Raises:
        InputError: no purchase is left for training.
    """
    created = created_column(store, "transactions")
    written = f"{identifier(created)} <= {timestamp_literal(split.as_of)}" if created else "true"
    known = write_source(store, "transactions", [PURCHASED_AT], folder / "known.parquet", known_at=split.as_of)
    rows = ParquetRows((folder / "purchases.parquet",))
    with scratch_database(folder) as connection:
        connection.execute(_SORTED.format(known=literal(known), written=written, path=literal(rows.paths[0])))
        known.unlink()
    purchases = _parted(rows, split)
    if not purchases.training:
        raise purchases.nothing_left("training")
    _logger.info(
        "purchases: %s before %s (%s train), %s after",
        f"{purchases.before:,}",
        f"{split.cut:%Y-%m-%d}",
        f"{purchases.training:,}",
        f"{purchases.validation:,}",
    )
    return purchases


def _parted(rows: ParquetRows, split: TimeSplit) -> Purchases:
    """Count purchases on both sides of a cut."""
    parts = (f"not {_validates(split)}", trains(split), _validates(split))
    counts = ", ".join(f"count(*) filter (where {part})" for part in parts)
    with scratch_database(rows.paths[0].parent) as connection:
        sql = f"select {counts}, min(event_timestamp), max(event_timestamp) from {rows.sql}"
        [(before, training, validation, first, last)] = connection.execute(sql).fetchall()
    return Purchases(rows, split, before, training, validation, (first, last) if first else None)


def trains(split: TimeSplit) -> str:
    """The SQL condition for a purchase that trains."""
    start = f" and event_timestamp >= {timestamp_literal(split.start)}" if split.start else ""
    return f"event_timestamp < {timestamp_literal(split.cut)}{start}"


def _validates(split: TimeSplit) -> str:
    return f"event_timestamp >= {timestamp_literal(split.cut)}"

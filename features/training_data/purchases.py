"""The purchases of a training run, in one file, split by time. They are the rows of every training set."""

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
from features.sql import identifier, literal, parquet_files, timestamp_literal
from features.store.source_tables import created_column, read_source, write_source
from features.time_split import TimeSplit

# User codes follow the order of first purchases, so that they do not depend on users who come later.
_SORTED = """
    copy (
        with known as (
            select user_id, item_id, purchased_at as event_timestamp, {written} as written_at
            from {known} where {written} <= {as_of}
        ),
        users as (
            select user_id, (row_number() over (order by first, user_id) - 1)::integer as user_code
            from (select user_id, min(event_timestamp) as first from known group by user_id)
        )
        select user_id, item_id, event_timestamp, written_at, user_code,
               event_timestamp::date = min(event_timestamp::date) over (partition by user_id, item_id) as new
        from known join users using (user_id)
        order by event_timestamp, user_id, item_id
    ) to {path} (format parquet, compression zstd)
"""
_COLUMNS = "user_id, item_id, event_timestamp"

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Purchases:
    """Purchases before and after a cut, in a file.

    Attributes:
        rows: `user_id`, `item_id` (string), `event_timestamp` (timestamp[us, UTC], the moment of the purchase),
            `user_code` (int32, unique per user) and `new` (bool, whether the user had not bought the item before that
            UTC day), and `written_at` (timestamp[us, UTC], the moment at which the row became known), ordered by time,
            user and item.
        split: of the purchases; rows written after its end are not read.
        rows_before_cut: number of purchases before the cut.
        training_rows: number of purchases in [start, cut).
        validation_rows: number of purchases in [cut, as_of).
        time_range: the first and the last moment; None without purchases.
    """

    rows: ParquetRows
    split: TimeSplit
    rows_before_cut: int
    training_rows: int
    validation_rows: int
    time_range: tuple[datetime, datetime] | None

    def read_after_cut(self) -> pa.Table:
        """Read the purchases after the cut: `user_id`, `item_id`, `event_timestamp`."""
        return self._select(f"select {_COLUMNS} from purchases where {_validation_condition(self.split)}")

    def read_returning_users(self) -> pa.Array:
        """Read the users with purchases before and after the cut, string, ascending."""
        after_cut = _validation_condition(self.split)
        sql = f"""
            select distinct user_id from purchases where {after_cut}
            and user_code in (select user_code from purchases where not {after_cut}) order by user_id
        """
        return self._select(sql)[USER_ID].combine_chunks()

    def read_history(self, users: pa.Array) -> pa.Table:
        """Read the purchases before the cut that evaluation needs: all of `users`, and of the last week all users'.

        Columns `user_id`, `item_id`, `event_timestamp`, ordered by time, user and item.
        """
        sql = f"""
            select {_COLUMNS} from purchases where not {_validation_condition(self.split)}
            and (event_timestamp >= {timestamp_literal(self.split.cut - timedelta(days=WEEK))}
                 or user_id in (select user_id from requested))
            order by event_timestamp, user_id, item_id
        """
        return self._select(sql, requested=pa.table({USER_ID: users}))

    def read_codes(self, item_ids: pa.Array, until: datetime) -> pa.Table:
        """Read all purchases before a moment of the items `item_ids`, as numbers.

        Columns `user_code` (int32), `item_position` (int32, in `item_ids`) and `event_timestamp`, ordered by time, user
        and item.
        """
        sql = f"""
            select user_code, item_position, event_timestamp from purchases join catalogue using (item_id)
            where event_timestamp < {timestamp_literal(until)} order by event_timestamp, user_id, item_id
        """
        positions = pa.array(np.arange(len(item_ids), dtype=np.int32))
        return self._select(sql, catalogue=pa.table({ITEM_ID: item_ids, "item_position": positions}))

    def read_user_codes(self, user_ids: pa.Array) -> NDArray[np.int32]:
        """Read the `user_code` of each user, int32 (users,); all must have purchases."""
        sql = "select distinct user_id, user_code from purchases where user_id in (select user_id from requested)"
        codes = self._select(sql, requested=pa.table({USER_ID: user_ids}))
        positions = pc.index_in(user_ids, codes[USER_ID].combine_chunks())
        return np.asarray(codes[USER_CODE].combine_chunks().take(positions), np.int32)

    def empty_part_error(self, part: str) -> InputError:
        """Return the error for a part without purchases, such as "training"."""
        known = "none"
        if self.time_range:
            known = f"those from {self.time_range[0]:%Y-%m-%d} to {self.time_range[1]:%Y-%m-%d}"
        return InputError(
            f"No purchases for {part}: the cut is {self.split.cut:%Y-%m-%d}, and the purchases known at "
            f"{self.split.as_of:%Y-%m-%d} are {known}; choose another --as-of or --validation-days."
        )

    def with_split(self, split: TimeSplit) -> "Purchases":
        """The same purchases with another split, which ends no later: those known at its end."""
        return _count_parts(self.rows, split)

    def _select(self, sql: str, **tables: pa.Table) -> pa.Table:
        with scratch_database(self.rows.paths[0].parent) as connection:
            for name, table in tables.items():
                connection.register(name, table)
            connection.execute(f"create view purchases as from {self.rows.sql} where {_known_condition(self.split)}")
            return connection.sql(sql).to_arrow_table()


def write_purchases(store: FeatureStore, split: TimeSplit, folder: Path) -> Purchases:
    """Write the purchases known at `split.as_of` to a file in `folder`, and count them on both sides of the cut.

    A purchase is known if its row has been stamped and written by then.

    Raises:
        InputError: the training part is empty.
    """
    created = created_column(store, "transactions")
    written = identifier(created) if created else PURCHASED_AT
    known = write_source(store, "transactions", [PURCHASED_AT], folder / "known.parquet", known_at=split.as_of)
    rows = ParquetRows((folder / "purchases.parquet",))
    with scratch_database(folder) as connection:
        connection.execute(
            _SORTED.format(
                known=parquet_files([known]),
                written=written,
                as_of=timestamp_literal(split.as_of),
                path=literal(rows.paths[0].absolute()),
            )
        )
        known.unlink()
    purchases = _count_parts(rows, split)
    if not purchases.training_rows:
        raise purchases.empty_part_error("training")
    _logger.info(
        "purchases: %s before %s (%s for training), %s after",
        f"{purchases.rows_before_cut:,}",
        f"{split.cut:%Y-%m-%d}",
        f"{purchases.training_rows:,}",
        f"{purchases.validation_rows:,}",
    )
    return purchases


def count_purchases(store: FeatureStore, moment: datetime) -> int:
    """Count the purchases known at a moment, UTC, as the sum of the items' total sales: one row per item is read."""
    sales = read_source(store, "item_sales_daily", ["sales_total"], known_at=moment, latest=True)
    return int(pc.sum(sales["sales_total"]).as_py() or 0)


def training_condition(split: TimeSplit) -> str:
    """The SQL condition for training purchases."""
    start = f" and event_timestamp >= {timestamp_literal(split.start)}" if split.start else ""
    return f"event_timestamp < {timestamp_literal(split.cut)}{start}"


def _known_condition(split: TimeSplit) -> str:
    moment = timestamp_literal(split.as_of)
    return f"event_timestamp < {moment} and written_at <= {moment}"


def _validation_condition(split: TimeSplit) -> str:
    return f"event_timestamp >= {timestamp_literal(split.cut)}"


def _count_parts(rows: ParquetRows, split: TimeSplit) -> Purchases:
    """Count the purchases of each part."""
    parts = (f"not {_validation_condition(split)}", training_condition(split), _validation_condition(split))
    counts = ", ".join(f"count(*) filter (where {part})" for part in parts)
    with scratch_database(rows.paths[0].parent) as connection:
        sql = (
            f"select {counts}, min(event_timestamp), max(event_timestamp) from {rows.sql} "
            f"where {_known_condition(split)}"
        )
        [(before_cut, training, validation, first, last)] = connection.execute(sql).fetchall()
    return Purchases(rows, split, before_cut, training, validation, (first, last) if first else None)

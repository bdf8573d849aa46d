"""The purchases of each user, found by user id without a search through the table of purchases."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Self

import numpy as np
import pyarrow as pa
from feast import FeatureStore
from numpy.typing import NDArray

from features.schema import ITEM_ID, PRICE, PURCHASED_AT, USER_ID
from features.scratch_database import scratch_database
from features.sql import parquet_files
from features.store.source_tables import write_source

_ROWS_PER_BATCH: Final = 1_000_000
_COLUMNS: Final = f"{USER_ID}, {ITEM_ID}, {PURCHASED_AT}, {PRICE}::double as {PRICE}"


@dataclass(frozen=True, eq=False)
class PurchasesByUser:
    """Purchases up to a moment, ordered by user; the rows stay on the disk and are mapped into memory.

    Attributes:
        user_ids: string (users,), ascending.
        starts: int64 (users + 1,), the first row of each user, and the number of rows.
        rows: `user_id`, `item_id`, `purchased_at`, `price` (float64).
    """

    user_ids: pa.StringArray
    starts: NDArray[np.int64]
    rows: pa.Table

    @classmethod
    def write(cls, store: FeatureStore, known_at: datetime, folder: Path) -> Self:
        """Write the purchases that are known at a moment to a file, and open it.

        Args:
            store: an applied feature store.
            known_at: UTC.
            folder: an empty folder; it must exist as long as the result is used.

        Raises:
            InputError: the table of purchases is missing or damaged.
        """
        path = folder / "purchases_by_user.arrow"
        source = write_source(
            store, "transactions", [PURCHASED_AT, PRICE], folder / "purchases.parquet", known_at=known_at
        )
        with scratch_database(folder) as connection:
            purchases = parquet_files([source])
            ordered = connection.sql(f"select {_COLUMNS} from {purchases} order by user_id, purchased_at, item_id")
            reader = ordered.to_arrow_reader(_ROWS_PER_BATCH)
            with pa.ipc.new_file(path, reader.schema) as writer:
                for batch in reader:
                    writer.write_batch(batch)
            users = connection.sql(
                f"select user_id, count(*) as purchases from {purchases} group by user_id order by user_id"
            ).to_arrow_table()
        source.unlink()
        with pa.memory_map(str(path)) as mapped:
            rows = pa.ipc.open_file(mapped).read_all()
        counts = users["purchases"].to_numpy()
        return cls(users[USER_ID].combine_chunks(), np.concatenate([[0], np.cumsum(counts)]).astype(np.int64), rows)

    def of(self, users: Sequence[str]) -> pa.Table:
        """Return the purchases of some users, without those that have none; the columns of `rows`."""
        parts = [self.rows.slice(0, 0)]
        for user in users:
            place = bisect_left(range(len(self.user_ids)), user, key=lambda row: self.user_ids[row].as_py())
            if place < len(self.user_ids) and self.user_ids[place].as_py() == user:
                start, end = self.starts[place : place + 2].tolist()
                parts.append(self.rows.slice(start, end - start))
        return pa.concat_tables(parts)

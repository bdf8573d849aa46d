"""The training set: every purchase with what was known of its user and its item at that moment.

From the join to the batches it stays in files, in the order of time; nothing grows with its rows but they.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from feast import FeatureStore
from numpy.typing import NDArray

from features.parquet_rows import ParquetRows
from features.progress import Progress
from features.schema import EVENT_TIMESTAMP, ITEM_ID, USER_CODE
from features.scratch_database import scratch_database
from features.sql import literal
from features.store.historical_features import write_historical_features
from features.store.service_schema import ServiceSchema, TowerSchemas
from features.training_data.purchases import Purchases, trains

# Users who buy several things at one moment ask for their features once.
_QUERIES = "select distinct user_id, event_timestamp, user_code from {rows} where {trains} order by 2, 1"
_ITEMS = (
    "select item_id, event_timestamp, user_code, new from {rows} where {trains} "
    "order by event_timestamp, user_id, item_id"
)
_DAYS = """
    select event_timestamp::date as day, count(*) as purchases, count(distinct (event_timestamp, user_code)) as queries
    from {rows} where {trains} group by day order by day
"""


@dataclass(frozen=True)
class TrainingSet:
    """Point-in-time features of the training purchases, in files; the rows of all are ordered by time.

    Attributes:
        queries: `user_id`, `event_timestamp`, `user_code` and features of each (user, moment) at which something was
            bought, in the order of moment and user.
        items: `item_id`, `event_timestamp`, `user_code`, `new` and features of each purchase's item at that moment, in
            the order of moment, user and item: purchases of one query follow each other, in the order of `queries`.
        sampled_items: `item_id`, `event_timestamp` and features of items drawn uniformly from the catalogue, as of the
            morning of each day. They stand for what was not bought.
        queries_per_day: int64 (days,), queries of each UTC day with purchases.
        purchases_per_day: int64 (days,).
        sampled_per_day: how many items were drawn for each of these days; 0 if none.
        catalogue_size: how many items there were to draw from.
    """

    queries: ParquetRows
    items: ParquetRows
    sampled_items: ParquetRows
    queries_per_day: NDArray[np.int64]
    purchases_per_day: NDArray[np.int64]
    sampled_per_day: int
    catalogue_size: int

    @property
    def candidates(self) -> ParquetRows:
        """The purchased items and the sampled ones."""
        return ParquetRows.concat(self.items, self.sampled_items)


def write_training_set(
    store: FeatureStore,
    schemas: TowerSchemas,
    purchases: Purchases,
    catalogue_ids: pa.Array,
    folder: Path,
    *,
    sampled_per_day: int,
    seed: int,
    progress: Progress,
) -> TrainingSet:
    """Join the training purchases with the two towers' feature services.

    Args:
        store: an applied feature store.
        schemas: the services of the two towers.
        purchases: the purchases; only those that train are used.
        catalogue_ids: every item id there is to draw from.
        folder: where the files are written.
        sampled_per_day: how many catalogue items to draw for each day with purchases.
        seed: of the draw.
        progress: makes a progress callback from a label and a total.
    """
    sampled_per_day = min(sampled_per_day, len(catalogue_ids))
    asked = {name: folder / f"{name}.asked.parquet" for name in ("queries", "items", "sampled_items")}
    words = {"rows": purchases.rows.sql, "trains": trains(purchases.split)}
    with scratch_database(folder) as connection:
        for name, sql in (("queries", _QUERIES), ("items", _ITEMS)):
            connection.execute(f"copy ({sql.format(**words)}) to {literal(asked[name])} (format parquet)")
        days = connection.sql(_DAYS.format(**words)).to_arrow_table()
    mornings = days["day"].to_numpy().astype("datetime64[D]")
    _write_sample(catalogue_ids, mornings, sampled_per_day, seed, asked["sampled_items"])

    def joined(name: str, schema: ServiceSchema) -> ParquetRows:
        entities = ParquetRows((asked[name],))
        done = progress(f"{name.replace('_', ' ')} as of their moments", entities.num_rows)
        rows = write_historical_features(store, schema.service, entities, folder / f"{name}.parquet", done)
        asked[name].unlink()
        return rows

    return TrainingSet(
        queries=joined("queries", schemas.query),
        items=joined("items", schemas.item),
        sampled_items=joined("sampled_items", schemas.item),
        queries_per_day=days["queries"].to_numpy(),
        purchases_per_day=days["purchases"].to_numpy(),
        sampled_per_day=sampled_per_day,
        catalogue_size=len(catalogue_ids),
    )


def _write_sample(
    catalogue_ids: pa.Array, mornings: NDArray[np.datetime64], per_day: int, seed: int, path: Path
) -> None:
    stamp = pa.timestamp("us", tz="UTC")
    schema = pa.schema([(ITEM_ID, pa.string()), (EVENT_TIMESTAMP, stamp), (USER_CODE, pa.int32())])
    random = np.random.default_rng(seed)
    with pq.ParquetWriter(path, schema) as writer:
        for morning in mornings if per_day else []:
            drawn = pa.array(random.integers(len(catalogue_ids), size=per_day))
            moments = pa.array(np.full(per_day, morning.astype("datetime64[us]"))).cast(stamp)
            nobody = pa.nulls(per_day, pa.int32())
            writer.write_table(pa.table([pc.take(catalogue_ids, drawn), moments, nobody], schema))

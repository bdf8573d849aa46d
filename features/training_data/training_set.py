"""The training set: each training purchase with the features of its user and item at that moment.

It is kept in files, ordered by time, from the join to the batches: memory does not grow with the number of rows.
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
from features.training_data.purchases import Purchases, training_condition

# A user who buys several items at one moment is one query.
_QUERIES = "select distinct user_id, event_timestamp, user_code from {rows} where {condition} order by 2, 1"
_ITEMS = (
    "select item_id, event_timestamp, user_code, new from {rows} where {condition} "
    "order by event_timestamp, user_id, item_id"
)
_DAYS = """
    select event_timestamp::date as day, count(*) as purchases, count(distinct (event_timestamp, user_code)) as queries
    from {rows} where {condition} group by day order by day
"""


@dataclass(frozen=True)
class TrainingSet:
    """Point-in-time features of the training purchases, in files ordered by time.

    Attributes:
        queries: `user_id`, `event_timestamp`, `user_code` and user features of each (user, moment) with purchases,
            ordered by moment and user.
        items: `item_id`, `event_timestamp`, `user_code`, `new` and item features of each purchase at its moment,
            ordered by moment, user and item: the purchases of one query are consecutive, in the order of `queries`.
        sampled_items: `item_id`, `event_timestamp` and features of items sampled uniformly from the catalogue, as of
            00:00 UTC of each day. They represent items that were not bought.
        queries_per_day: int64 (days,), queries of each UTC day with purchases.
        purchases_per_day: int64 (days,).
        sampled_per_day: sampled items of each of these days; 0 without sampling.
        catalogue_size: items in the catalogue that was sampled.
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
        """The purchased and the sampled items."""
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
    """Join the training purchases with the feature services of the two towers.

    Args:
        store: an applied feature store.
        schemas: the schemas of the two towers.
        purchases: all purchases; those of the training part are joined.
        catalogue_ids: the items to sample from.
        folder: for the files.
        sampled_per_day: catalogue items sampled per day with purchases, at most the whole catalogue.
        seed: of the sampling.
        progress: opens a progress bar.
    """
    sampled_per_day = min(sampled_per_day, len(catalogue_ids))
    entities = {name: folder / f"{name}.entities.parquet" for name in ("queries", "items", "sampled_items")}
    values = {"rows": purchases.rows.sql, "condition": training_condition(purchases.split)}
    with scratch_database(folder) as connection:
        for name, sql in (("queries", _QUERIES), ("items", _ITEMS)):
            connection.execute(f"copy ({sql.format(**values)}) to {literal(entities[name])} (format parquet)")
        days = connection.sql(_DAYS.format(**values)).to_arrow_table()
    _write_samples(
        catalogue_ids, days["day"].to_numpy().astype("datetime64[D]"), sampled_per_day, seed, entities["sampled_items"]
    )

    def join(name: str, schema: ServiceSchema) -> ParquetRows:
        rows = ParquetRows((entities[name],))
        advance = progress(f"features of {name.replace('_', ' ')}", rows.num_rows)
        joined = write_historical_features(store, schema.service, rows, folder / f"{name}.parquet", advance)
        entities[name].unlink()
        return joined

    return TrainingSet(
        queries=join("queries", schemas.query),
        items=join("items", schemas.item),
        sampled_items=join("sampled_items", schemas.item),
        queries_per_day=days["queries"].to_numpy(),
        purchases_per_day=days["purchases"].to_numpy(),
        sampled_per_day=sampled_per_day,
        catalogue_size=len(catalogue_ids),
    )


def _write_samples(catalogue_ids: pa.Array, days: NDArray[np.datetime64], per_day: int, seed: int, path: Path) -> None:
    timestamp = pa.timestamp("us", tz="UTC")
    schema = pa.schema([(ITEM_ID, pa.string()), (EVENT_TIMESTAMP, timestamp), (USER_CODE, pa.int32())])
    random = np.random.default_rng(seed)
    with pq.ParquetWriter(path, schema) as writer:
        for day in days if per_day else []:
            positions = pa.array(random.integers(len(catalogue_ids), size=per_day))
            moments = pa.array(np.full(per_day, day.astype("datetime64[us]"))).cast(timestamp)
            user_codes = pa.nulls(per_day, pa.int32())
            writer.write_table(pa.table([pc.take(catalogue_ids, positions), moments, user_codes], schema))

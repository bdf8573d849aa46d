"""The training set: each training purchase with the features of its user and item at that moment.

It is kept in files, ordered by time, from the join to the batches: memory does not grow with the number of rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Self

import numpy as np
import pyarrow.parquet as pq
from feast import FeatureStore
from numpy.typing import NDArray

from features.moments import datetime64
from features.parquet_rows import ParquetRows
from features.progress import Progress
from features.scratch_database import scratch_database
from features.sql import literal
from features.store.historical_features import write_historical_feature_parts
from features.store.service_schema import ServiceSchema, TowerSchemas
from features.time_split import TimeSplit
from features.training_data.catalogue_samples import SAMPLE_SCHEMA, CatalogueSamples, SamplingSettings
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
        sampled_per_day: int64 (days,), sampled items of each of these days.
        catalogue_sizes: int64 (days,), items of the catalogue that was sampled, at least 1.
    """

    queries: ParquetRows
    items: ParquetRows
    sampled_items: ParquetRows
    queries_per_day: NDArray[np.int64]
    purchases_per_day: NDArray[np.int64]
    sampled_per_day: NDArray[np.int64]
    catalogue_sizes: NDArray[np.int64]

    @property
    def candidates(self) -> ParquetRows:
        """The purchased and the sampled items."""
        return ParquetRows.concat(self.items, self.sampled_items)

    @classmethod
    def concat(cls, parts: Sequence[Self]) -> Self:
        """Concatenate training sets of successive days."""
        return cls(
            queries=ParquetRows.concat(*(part.queries for part in parts)),
            items=ParquetRows.concat(*(part.items for part in parts)),
            sampled_items=ParquetRows.concat(*(part.sampled_items for part in parts)),
            queries_per_day=np.concatenate([part.queries_per_day for part in parts]),
            purchases_per_day=np.concatenate([part.purchases_per_day for part in parts]),
            sampled_per_day=np.concatenate([part.sampled_per_day for part in parts]),
            catalogue_sizes=np.concatenate([part.catalogue_sizes for part in parts]),
        )


def write_training_sets(
    store: FeatureStore,
    schemas: TowerSchemas,
    purchases: Purchases,
    splits: Sequence[TimeSplit],
    folder: Path,
    *,
    settings: SamplingSettings,
    seed: int,
    progress: Progress,
) -> list[TrainingSet]:
    """Join the training purchases of several splits with the feature services of the two towers.

    Days that several splits have in common are joined once. A training set depends on its own days and earlier ones
    only: its files hold no others.

    Args:
        store: an applied feature store.
        schemas: the schemas of the two towers.
        purchases: all purchases.
        splits: of each training set, with boundaries at 00:00 UTC where they have days in common.
        folder: for the files.
        settings: numbers of sampled items.
        seed: of the sampling.
        progress: opens a progress bar.

    Returns:
        A training set for each split; each split must have purchases.
    """
    conditions = " or ".join(f"({training_condition(split)})" for split in splits)
    entities = {name: folder / f"{name}.entities.parquet" for name in ("queries", "items", "sampled_items")}
    values = {"rows": purchases.rows.sql, "condition": conditions}
    with scratch_database(folder) as connection:
        for name, sql in (("queries", _QUERIES), ("items", _ITEMS)):
            path = literal(entities[name].absolute())
            connection.execute(f"copy ({sql.format(**values)}) to {path} (format parquet)")
        table = connection.sql(_DAYS.format(**values)).to_arrow_table()
    days = table["day"].to_numpy().astype("datetime64[D]")
    queries, bought = (table[name].to_numpy() for name in ("queries", "purchases"))
    moment = max(split.cut for split in splits)
    samples = CatalogueSamples.plan(store, moment, days, bought, settings, seed)
    with pq.ParquetWriter(entities["sampled_items"], SAMPLE_SCHEMA) as writer:
        for batch in samples.draw():
            writer.write_batch(batch)
    parts = _split_days(days, splits)

    def join(name: str, schema: ServiceSchema, per_day: NDArray[np.int64]) -> list[ParquetRows]:
        rows = ParquetRows((entities[name],))
        advance = progress(f"features of {name.replace('_', ' ')}", rows.num_rows)
        paths = {folder / f"{name}-{number}.parquet": int(per_day[part].sum()) for number, part in enumerate(parts)}
        joined = write_historical_feature_parts(store, schema.service, rows, paths, advance)
        entities[name].unlink()
        return joined

    rows_of_parts = zip(
        join("queries", schemas.query, queries),
        join("items", schemas.item, bought),
        join("sampled_items", schemas.item, samples.counts),
        strict=True,
    )
    counts = (queries, bought, samples.counts, np.maximum(samples.sizes, 1))
    sets = [
        TrainingSet(*rows, *(count[part] for count in counts)) for rows, part in zip(rows_of_parts, parts, strict=True)
    ]
    return [
        TrainingSet.concat([sets[number] for number, part in enumerate(parts) if _contains(split, days[part])])
        for split in splits
    ]


def _split_days(days: NDArray[np.datetime64], splits: Sequence[TimeSplit]) -> list[slice]:
    """Split days at the boundaries of all splits; only the first and the last boundary may lie within a day."""
    boundaries = sorted({moment for split in splits for moment in (split.start, split.cut) if moment})
    for moment in boundaries:
        if datetime64(moment) != datetime64(moment, "D") and any(_lies_within(moment, split) for split in splits):
            raise ValueError(f"Training sets with days in common are divided at {moment}, which is not 00:00 UTC.")
    positions = np.searchsorted(days, [datetime64(moment, "D") for moment in boundaries]).tolist()
    edges = sorted({0, len(days), *positions})
    return [slice(first, end) for first, end in pairwise(edges)]


def _lies_within(moment: datetime, split: TimeSplit) -> bool:
    return moment < split.cut and (split.start is None or split.start < moment)


def _contains(split: TimeSplit, days: NDArray[np.datetime64]) -> bool:
    """Return whether the training part of a split contains a part of the days, which lies inside or outside of it."""
    started = split.start is None or days[0] >= datetime64(split.start, "D")
    return bool(started and days[-1] < datetime64(split.cut))

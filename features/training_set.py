"""The training set: every purchase with what was known of its user and its item at that moment."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from feast import FeatureStore
from numpy.typing import NDArray

from features.historical_features import historical_features
from features.progress import Progress
from features.purchases import Purchases
from features.schema import EVENT_TIMESTAMP, ITEM_ID, USER_ID
from features.service_schema import TowerSchemas


@dataclass(frozen=True)
class TrainingSet:
    """Point-in-time features of the training purchases.

    Attributes:
        queries: features of each (user, moment) at which something was bought, (queries,).
        query_rows: int32, (purchases,), the row of `queries` that belongs to each purchase.
        items: features of each purchase's item at that moment, (purchases,), ordered by time.
        days: int32, (purchases,), the UTC day of each purchase, counted from the first.
        sampled_items: features of items drawn uniformly from the catalogue, as of the morning of each day,
            (days x sampled per day,), in the order of days. They stand for what was not bought.
        sampled_per_day: how many were drawn for each day; 0 if none.
        catalogue_size: how many items there were to draw from.
    """

    queries: pa.Table
    query_rows: NDArray[np.int32]
    items: pa.Table
    days: NDArray[np.int32]
    sampled_items: pa.Table
    sampled_per_day: int
    catalogue_size: int


def training_set(
    store: FeatureStore,
    schemas: TowerSchemas,
    purchases: Purchases,
    catalogue_ids: pa.Array,
    *,
    sampled_per_day: int,
    seed: int,
    progress: Progress,
) -> TrainingSet:
    """Join the training purchases with the two towers' feature services.

    Users who buy several things at one moment ask for their features once; the rows of `queries` are distinct, and
    `query_rows` leads back to the purchases.

    Args:
        store: an applied feature store.
        schemas: the services of the two towers.
        purchases: the purchases; only `purchases.training` is used.
        catalogue_ids: every item id there is to draw from.
        sampled_per_day: how many catalogue items to draw for each day with purchases.
        seed: of the draw.
        progress: makes a progress callback from a label and a total.
    """
    rows = purchases.training
    moments, query_rows = _distinct(rows)
    queries = historical_features(store, schemas.query, moments)
    items = historical_features(store, schemas.item, rows)
    days = _day_numbers(rows)
    sampled_per_day = min(sampled_per_day, len(catalogue_ids))
    sample = _sample(rows, catalogue_ids, sampled_per_day, seed)
    sampled = historical_features(store, schemas.item, sample)
    return TrainingSet(queries, query_rows, items, days, sampled, sampled_per_day, len(catalogue_ids))


def _distinct(rows: pa.Table) -> tuple[pa.Table, NDArray[np.int32]]:
    """The distinct (user, moment) pairs, in the order of first appearance, and the pair of each row."""
    pairs = rows.select([USER_ID, EVENT_TIMESTAMP])
    codes = pairs.to_pandas().groupby([USER_ID, EVENT_TIMESTAMP], sort=False).ngroup().to_numpy(np.int32)
    _, first = np.unique(codes, return_index=True)
    return pairs.take(pa.array(first)), codes


def _day_numbers(rows: pa.Table) -> NDArray[np.int32]:
    days = rows[EVENT_TIMESTAMP].to_numpy().astype("datetime64[D]").astype(np.int64)
    return np.unique(days, return_inverse=True)[1].astype(np.int32)


def _sample(rows: pa.Table, catalogue_ids: pa.Array, per_day: int, seed: int) -> pa.Table:
    mornings = np.unique(rows[EVENT_TIMESTAMP].to_numpy().astype("datetime64[D]"))
    drawn = np.random.default_rng(seed).integers(len(catalogue_ids), size=len(mornings) * per_day)
    stamps = pa.array(np.repeat(mornings, per_day).astype("datetime64[us]")).cast(pa.timestamp("us", tz="UTC"))
    return pa.table({ITEM_ID: pc.take(catalogue_ids, pa.array(drawn)), EVENT_TIMESTAMP: stamps})

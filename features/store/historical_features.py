"""Point-in-time joins: the features known at the moment of each row, through Feast's offline store."""

import logging
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from feast import FeatureService, FeatureStore, FeatureView
from feast.infra.offline_stores.offline_utils import get_offline_store_from_config

from features.asof_store.store import AsOfOfflineStoreConfig
from features.errors import InputError
from features.files import atomic_write
from features.moments import datetime64
from features.parquet_rows import ParquetRows
from features.progress import Advance
from features.schema import EVENT_TIMESTAMP, REQUEST_TIMESTAMP, ROW_ID
from features.sql import identifier
from features.store.registry import feature_service, service_columns

_logger = logging.getLogger(__name__)


def historical_features(store: FeatureStore, service: str, entities: pa.Table) -> pa.Table:
    """Join the features of a service, each row as of its own timestamp. Values known only later are hidden.

    Args:
        store: an applied feature store.
        service: name of a feature service that describes one entity.
        entities: the service's entity key (string), `event_timestamp` (timestamp[us, UTC]) and any other columns,
            (rows,).

    Returns:
        The columns of `entities` and the service's features in its order and Arrow types, one row per row of
        `entities`, in the same order. A feature unknown at that moment is null.

    Raises:
        InputError: the service cannot be read, or the offline store lost, added or repeated rows.
    """
    joined = _joined_schema(store, service, entities.schema)
    if entities.num_rows == 0:
        return joined.empty_table()
    return pa.Table.from_batches(_joined(store, service, entities, joined), joined)


def stream_historical_features(store: FeatureStore, service: str, entities: pa.Table) -> Iterator[pa.RecordBatch]:
    """Do what `historical_features` does, in batches; the as-of store holds only a batch in memory."""
    joined = _joined_schema(store, service, entities.schema)
    return _joined(store, service, entities, joined) if entities.num_rows else iter(())


def write_historical_features(
    store: FeatureStore, service: str, entities: ParquetRows, path: Path, done: Advance = lambda _: None
) -> ParquetRows:
    """Do what `historical_features` does, from file to file; the as-of store holds only a batch in memory.

    Args:
        store: an applied feature store.
        service: name of a feature service that describes one entity.
        entities: the entity rows, in one file.
        path: the file to write, whole or not at all.
        done: called with the number of rows done since the last call.
    """
    [rows] = write_historical_feature_parts(store, service, entities, {path: entities.num_rows}, done)
    return rows


def write_historical_feature_parts(
    store: FeatureStore, service: str, entities: ParquetRows, parts: Mapping[Path, int], done: Advance = lambda _: None
) -> list[ParquetRows]:
    """Do what `write_historical_features` does, into several files.

    Args:
        store: an applied feature store.
        service: name of a feature service that describes one entity.
        entities: the entity rows, in one file.
        parts: number of successive rows of each file; they must add up to all rows.
        done: called with the number of rows done since the last call.

    Raises:
        ValueError: there are fewer or more rows.
    """
    joined = _joined_schema(store, service, entities.schema)
    batches, rest = _joined(store, service, entities, joined), _no_rows(joined)
    for path, size in parts.items():
        with atomic_write(path) as fresh, pq.ParquetWriter(fresh, joined, compression="zstd") as writer:
            missing = size
            while missing:
                rest = rest if rest.num_rows else next(batches, rest)
                batch, rest = rest.slice(0, missing), rest.slice(missing)
                if batch.num_rows == 0:
                    raise ValueError(f"The files {list(parts)} have more rows than {entities.paths}.")
                writer.write_batch(batch)
                done(batch.num_rows)
                missing -= batch.num_rows
    if rest.num_rows or next(batches, None) is not None:
        raise ValueError(f"The files {list(parts)} have fewer rows than {entities.paths}.")
    return [ParquetRows((path,)) for path in parts]


def view_features(store: FeatureStore, view: FeatureView, entities: pa.Table, *, hides_late_rows: bool) -> pa.Table:
    """Join all features of one view, with or without values that were written after the moment of a row.

    Args:
        store: an applied feature store.
        view: a stored feature view.
        entities: its join keys and `event_timestamp`, (rows,).
        hides_late_rows: whether these values are hidden.

    Returns:
        The features in the view's order, as the store types them, (rows,), in the order of `entities`.

    Raises:
        InputError: the offline store lost, added or repeated rows.
    """
    names = [feature.name for feature in view.features]
    references = [f"{view.name}:{name}" for name in names]
    rows = _rows(store, references, entities, f"feature view '{view.name}'", hides_late_rows=hides_late_rows)
    return pa.Table.from_batches(rows).select(names)


def as_of(entity_key: str, ids: pa.Array | pa.ChunkedArray, moment: datetime) -> pa.Table:
    """Entity rows for all `ids` at one moment."""
    timestamps = pa.array(np.full(len(ids), datetime64(moment)))
    return pa.table({entity_key: ids, EVENT_TIMESTAMP: timestamps.cast(pa.timestamp("us", tz="UTC"))})


def _no_rows(schema: pa.Schema) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([pa.array([], field.type) for field in schema], schema=schema)


def _joined_schema(store: FeatureStore, service: str, entities: pa.Schema) -> pa.Schema:
    # All columns are nullable, so that the rows of two files can be concatenated.
    fields = [pa.field(field.name, field.type) for field in entities]
    columns = service_columns(store, service).columns
    return pa.schema([*fields, *(pa.field(column.name, column.arrow_type) for column in columns)])


def _joined(
    store: FeatureStore, service: str, entities: pa.Table | ParquetRows, joined: pa.Schema
) -> Iterator[pa.RecordBatch]:
    """The joined rows in batches, in the order of `entities` and the types of `joined`."""
    rows = 0
    declared = feature_service(store, service)
    for batch in _rows(store, declared, entities, f"feature service '{service}'", hides_late_rows=True):
        columns = [batch[field.name].cast(field.type, safe=False) for field in joined]
        yield pa.RecordBatch.from_arrays(columns, schema=joined)
        rows += batch.num_rows
    _logger.info("%s: %s rows in, %s rows out", service, f"{entities.num_rows:,}", f"{rows:,}")


def _rows(
    store: FeatureStore,
    features: FeatureService | list[str],
    entities: pa.Table | ParquetRows,
    name: str,
    *,
    hides_late_rows: bool,
) -> Iterator[pa.RecordBatch]:
    """The offline store's rows, in the order of `entities`."""
    streams = isinstance(store.config.offline_store, AsOfOfflineStoreConfig)
    if hides_late_rows:
        _check_hides_late_rows(store)
    job = store.get_historical_features(
        entity_df=_request(entities) if streams else _frame(entities),
        features=features,
        filter_by_created_timestamp=hides_late_rows,
    )
    yield from job.to_arrow_batches() if streams else _in_order(job.to_arrow(), entities.num_rows, name)


def _check_hides_late_rows(store: FeatureStore) -> None:
    kind = store.config.offline_store.type
    if not get_offline_store_from_config(store.config.offline_store).supports_filter_by_created_timestamp:
        raise InputError(
            f"The offline store '{kind}' cannot hide rows that were created after their event timestamp: set another "
            "`offline_store` in feature_store.yaml, such as features.asof_store.store.AsOfOfflineStore."
        )


def _request(entities: pa.Table | ParquetRows) -> pa.Table | str:
    """The entity rows for the as-of store, which accepts Arrow tables and SQL besides pandas frames."""
    if isinstance(entities, pa.Table):
        return entities.append_column(REQUEST_TIMESTAMP, entities[EVENT_TIMESTAMP])
    return f"SELECT *, {identifier(EVENT_TIMESTAMP)} AS {identifier(REQUEST_TIMESTAMP)} FROM {entities.sql}"


def _frame(entities: pa.Table | ParquetRows) -> pd.DataFrame:
    """The entity rows for any other store, numbered so that the result can be sorted into their order."""
    frame: pd.DataFrame = (entities.table() if isinstance(entities, ParquetRows) else entities).to_pandas()
    frame[REQUEST_TIMESTAMP] = frame[EVENT_TIMESTAMP]
    frame[ROW_ID] = np.arange(len(frame))
    return frame


def _in_order(joined: pa.Table, rows: int, name: str) -> list[pa.RecordBatch]:
    order = pc.sort_indices(joined[ROW_ID])
    if not np.array_equal(joined[ROW_ID].take(order).to_numpy(), np.arange(rows)):
        raise InputError(
            f"The offline store returned {joined.num_rows:,} rows for {rows:,} entity rows of {name}: "
            f"set `offline_store: {{type: features.asof_store.store.AsOfOfflineStore}}` in feature_store.yaml "
            "(Feast's file store drops rows without a feature value)."
        )
    batches: list[pa.RecordBatch] = joined.take(order).to_batches()
    return batches

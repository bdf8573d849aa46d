"""Rows of the source tables of feature views, through the offline store."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from feast import FeatureStore
from feast.infra.offline_stores.offline_store import RetrievalJob
from feast.infra.offline_stores.offline_utils import get_offline_store_from_config

from features.asof_store.retrieval_job import AsOfRetrievalJob
from features.asof_store.views import join_keys

# Before the first possible row: raw data before 1970 is rejected.
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
END_OF_TIME = datetime(9999, 1, 1, tzinfo=UTC)

_MOMENT: Final = pa.timestamp("us", tz="UTC")


def read_source(
    store: FeatureStore, view_name: str, columns: list[str], *, known_at: datetime, latest: bool = False
) -> pa.Table:
    """Read rows of a feature view's source table.

    Args:
        store: an applied feature store.
        view_name: name of the feature view.
        columns: feature columns to read, besides the join keys and timestamps.
        known_at: rows with a later event timestamp are left out; UTC.
        latest: only the last row of each key instead of all rows.

    Returns:
        Keys, columns and timestamps; moments are `timestamp[us, tz=UTC]`, whatever the file holds.
    """
    table = _source(store, view_name, columns, known_at, latest=latest).to_arrow()
    names = _served_names(store, view_name, table.column_names)
    return pa.table([_moments_in_utc(column) for column in table.columns], names=names)


def read_source_rows(
    store: FeatureStore, view_name: str, columns: list[str], *, key: str, value: str, known_at: datetime
) -> pa.Table:
    """Read the rows of one key of a feature view's source table; the as-of store holds only a batch in memory.

    Args:
        store: an applied feature store.
        view_name: name of the feature view.
        columns: feature columns to read, besides the join keys and timestamps.
        key: a join key of the view.
        value: of that key.
        known_at: rows with a later event timestamp are left out; UTC.

    Returns:
        What `read_source` returns, of these rows only.

    Raises:
        InputError: a file is missing or damaged.
    """
    reader = _batches(_source(store, view_name, columns, known_at, latest=False))
    names = _served_names(store, view_name, reader.schema.names)
    position = names.index(key)
    rows = [batch.filter(pc.equal(batch.column(position), value)) for batch in reader]
    table = pa.Table.from_batches(rows, reader.schema)
    return pa.table([_moments_in_utc(column) for column in table.columns], names=names)


def write_source(store: FeatureStore, view_name: str, columns: list[str], path: Path, *, known_at: datetime) -> Path:
    """Write what `read_source` returns to a Parquet file; the as-of store holds only a batch in memory."""
    reader = _batches(_source(store, view_name, columns, known_at, latest=False))
    names = _served_names(store, view_name, reader.schema.names)
    fields = zip(names, map(_type_in_utc, reader.schema.types), strict=True)
    schema = pa.schema([pa.field(name, kind) for name, kind in fields])
    with pq.ParquetWriter(path, schema) as writer:
        for batch in reader:
            columns_in_utc = [_moments_in_utc(column) for column in batch.columns]
            writer.write_batch(pa.RecordBatch.from_arrays(columns_in_utc, schema=schema))
    return path


def _batches(job: RetrievalJob) -> pa.RecordBatchReader:
    return job.to_arrow_batches() if isinstance(job, AsOfRetrievalJob) else job.to_arrow().to_reader()


def _type_in_utc(kind: pa.DataType) -> pa.DataType:
    return _MOMENT if pa.types.is_timestamp(kind) or pa.types.is_date(kind) else kind


def _moments_in_utc(column: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """Return moments of any unit and zone as `timestamp[us, tz=UTC]`, and any other column as it is.

    A file that another program wrote may have other types. Moments without a zone are UTC, and moments between two
    microseconds count as the later one: nothing is known before its time.
    """
    kind = column.type
    if _type_in_utc(kind) == kind:
        return column
    if pa.types.is_date(kind):
        column = column.cast(pa.timestamp("us"))
    if column.type.tz is None:
        column = pc.assume_timezone(column, "UTC")
    if column.type.unit == "ns":
        column = pc.ceil_temporal(column, unit="microsecond")
    return column.cast(_MOMENT)


def created_column(store: FeatureStore, view_name: str) -> str | None:
    """The column with the moment at which a row of the view's source was written; None if it has none."""
    return store.get_feature_view(view_name).batch_source.created_timestamp_column or None


def _served_names(store: FeatureStore, view_name: str, names: list[str]) -> list[str]:
    """The names under which Feast serves a file's columns."""
    mapping = store.get_feature_view(view_name).batch_source.field_mapping
    return [mapping.get(name, name) for name in names]


def _source(
    store: FeatureStore, view_name: str, columns: list[str], known_at: datetime, *, latest: bool
) -> RetrievalJob:
    view = store.get_feature_view(view_name)
    source = view.batch_source
    offline = get_offline_store_from_config(store.config.offline_store)
    pull = offline.pull_latest_from_table_or_query if latest else offline.pull_all_from_table_or_query
    in_file = {served: name for name, served in source.field_mapping.items()}
    created = source.created_timestamp_column
    return pull(
        config=store.config,
        data_source=source,
        join_key_columns=[in_file.get(key, key) for key in join_keys(view)],
        feature_name_columns=[in_file.get(column, column) for column in columns],
        timestamp_field=in_file.get(source.timestamp_field, source.timestamp_field),
        created_timestamp_column=in_file.get(created, created) or None,
        start_date=BEGINNING,
        end_date=known_at,
    )

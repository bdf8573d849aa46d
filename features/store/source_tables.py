"""Rows of the source tables of feature views, through the offline store."""

from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from feast import FeatureStore
from feast.infra.offline_stores.offline_store import RetrievalJob
from feast.infra.offline_stores.offline_utils import get_offline_store_from_config

from features.asof_store.retrieval_job import AsOfRetrievalJob
from features.asof_store.views import join_keys

# Before the first possible row: raw data before 1970 is rejected.
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
END_OF_TIME = datetime(9999, 1, 1, tzinfo=UTC)


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
    """
    table = _source(store, view_name, columns, known_at, latest=latest).to_arrow()
    return table.rename_columns(_served_names(store, view_name, table.column_names))


def write_source(store: FeatureStore, view_name: str, columns: list[str], path: Path, *, known_at: datetime) -> Path:
    """Write all rows of a view's source table to a Parquet file; the as-of store holds only a batch in memory."""
    job = _source(store, view_name, columns, known_at, latest=False)
    reader = job.to_arrow_batches() if isinstance(job, AsOfRetrievalJob) else job.to_arrow().to_reader()
    names = _served_names(store, view_name, reader.schema.names)
    schema = pa.schema([field.with_name(name) for field, name in zip(reader.schema, names, strict=True)])
    with pq.ParquetWriter(path, schema) as writer:
        for batch in reader:
            writer.write_batch(pa.RecordBatch.from_arrays(batch.columns, schema=schema))
    return path


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

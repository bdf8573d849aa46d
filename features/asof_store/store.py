"""A Feast offline store whose point-in-time join takes n log n steps, on DuckDB's native as-of join.

In `feature_store.yaml`:

    offline_store:
      type: features.asof_store.store.AsOfOfflineStore
      memory_limit: 8GB
      temp_directory: ../data/spill

Whatever is not defined here is inherited from Feast's own DuckDB store.
"""

import tempfile
from collections.abc import Sequence
from datetime import datetime
from functools import cache
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow as pa
from feast import FeatureView, FileSource
from feast.data_format import ParquetFormat
from feast.data_source import DataSource
from feast.infra.offline_stores.duckdb import (
    DuckDBOfflineStore,
    DuckDBOfflineStoreConfig,
    _read_data_source,
    _validate_lance_feature_views,
)
from feast.infra.registry.base_registry import BaseRegistry
from feast.on_demand_feature_view import OnDemandFeatureView
from feast.repo_config import RepoConfig

from features.asof_store.entities import entity_rows
from features.asof_store.join import view_queries
from features.asof_store.pull import between_sql, latest_sql
from features.asof_store.retrieval_job import AsOfRetrievalJob, JoinedRows, QueryRows
from features.asof_store.table import Table, parquet_table, types_of
from features.asof_store.views import (
    batch_source_of,
    check_columns,
    check_outputs,
    features_asked,
    keys_of,
    output_name,
    view_join,
)
from features.errors import InputError


class AsOfOfflineStoreConfig(DuckDBOfflineStoreConfig):  # type: ignore[misc]  # feast has no types
    """The `offline_store` section of `feature_store.yaml`.

    Attributes:
        type: import path of the store.
        memory_limit: how much DuckDB may hold in memory, such as "8GB"; what exceeds it goes to `temp_directory`.
            DuckDB's own default is 80% of the machine. The entity frame and the answer of `to_arrow` come on top.
        temp_directory: where to spill, relative to the feature repository; by default a folder of
            the process in the system's own.
        threads: how many threads DuckDB may use; all by default.
    """

    type: str = "features.asof_store.store.AsOfOfflineStore"
    memory_limit: str | None = None
    temp_directory: str | None = None
    threads: int | None = None


class AsOfOfflineStore(DuckDBOfflineStore):  # type: ignore[misc]  # feast has no types
    """Feast's DuckDB store with another join, which reads relative paths from the feature repository."""

    @staticmethod
    def get_historical_features(
        config: RepoConfig,
        feature_views: Sequence[FeatureView],
        feature_refs: Sequence[str],
        entity_df: pd.DataFrame | pa.Table | str | None,
        registry: BaseRegistry,
        project: str,
        full_feature_names: bool = False,
        filter_by_created_timestamp: bool = False,
        start_date: datetime | None = None,
        end_date: datetime | None = None,
    ) -> AsOfRetrievalJob:
        """Join features to entity rows, each as of the row's own moment.

        Args:
            config: of the feature store.
            feature_views: the views that `feature_refs` name.
            feature_refs: features as "view:feature".
            entity_df: a frame, an Arrow table, or an SQL query for DuckDB. Timestamps without zone are UTC.
            registry: of the feature store, for on-demand views.
            project: of the feature store.
            full_feature_names: whether to call a feature "view__feature".
            filter_by_created_timestamp: hide values created after the row's moment.
            start_date: not supported, nor is `end_date`: they are for a retrieval without entity rows.
            end_date: see `start_date`.

        Returns:
            A job for the entity rows, all of them and in their order, with the features beside them.

        Raises:
            InputError: a column or a file is missing, two features have one name, or a key's types do not fit.
        """
        del start_date, end_date  # without entity rows `entity_rows` says that there must be some
        _validate_lance_feature_views(feature_views)
        connection = _connect(config)
        entities = entity_rows(connection, entity_df)
        views = [(view, names) for view in feature_views if (names := features_asked(view, feature_refs))]
        outputs = [[output_name(view, name, full=full_feature_names) for name in names] for view, names in views]
        check_outputs([*entities.table.types, *(name for names in outputs for name in names)])
        columns = sorted({column for view, _ in views for column in keys_of(view).values()})
        probe_keys = {column: f"e{number}" for number, column in enumerate(columns)}
        joins = [
            view_join(
                view,
                names,
                _table(connection, config, batch_source_of(view)),
                entities.table,
                probe_keys,
                cut_off=filter_by_created_timestamp,
            )
            for view, names in views
        ]
        return AsOfRetrievalJob(
            JoinedRows(entities.rows, view_queries(connection, entities, probe_keys, joins), outputs),
            config,
            on_demand_feature_views=OnDemandFeatureView.get_requested_odfvs(list(feature_refs), project, registry),
            full_feature_names=full_feature_names,
            metadata=entities.metadata(connection, feature_refs),
        )

    @staticmethod
    def pull_latest_from_table_or_query(
        config: RepoConfig,
        data_source: DataSource,
        join_key_columns: Sequence[str],
        feature_name_columns: Sequence[str],
        timestamp_field: str,
        created_timestamp_column: str | None,
        start_date: datetime,
        end_date: datetime,
    ) -> AsOfRetrievalJob:
        """Read the last row of each key among those stamped from `start_date` to `end_date`, both included."""
        connection = _connect(config)
        table = _table(connection, config, data_source)
        columns = _pulled(join_key_columns, feature_name_columns, timestamp_field, created_timestamp_column)
        check_columns(table, columns, f"Source '{data_source.name}'")
        sql = latest_sql(
            table, columns, join_key_columns, timestamp_field, created_timestamp_column, start_date, end_date
        )
        return AsOfRetrievalJob(QueryRows(connection, sql), config)

    @staticmethod
    def pull_all_from_table_or_query(
        config: RepoConfig,
        data_source: DataSource,
        join_key_columns: Sequence[str],
        feature_name_columns: Sequence[str],
        timestamp_field: str,
        created_timestamp_column: str | None = None,
        start_date: datetime | None = None,
        end_date: datetime | None = None,
    ) -> AsOfRetrievalJob:
        """Read all rows stamped from `start_date` to `end_date`, both included; None is no limit."""
        connection = _connect(config)
        table = _table(connection, config, data_source)
        columns = _pulled(join_key_columns, feature_name_columns, timestamp_field, created_timestamp_column)
        check_columns(table, columns, f"Source '{data_source.name}'")
        return AsOfRetrievalJob(
            QueryRows(connection, between_sql(table, columns, timestamp_field, start_date, end_date)), config
        )


@cache
def _own_spill() -> tempfile.TemporaryDirectory[str]:
    """A folder of this process alone, which is gone with it."""
    return tempfile.TemporaryDirectory(prefix="feast_asof_")


def _connect(config: RepoConfig) -> duckdb.DuckDBPyConnection:
    store = config.offline_store
    spill = Path(store.temp_directory or _own_spill().name)
    settings: dict[str, str | bool | int | float | list[str]] = {
        "temp_directory": str(Path(config.repo_path or ".") / spill)
    }
    if store.memory_limit:
        settings["memory_limit"] = store.memory_limit
    if store.threads:
        settings["threads"] = store.threads
    connection = duckdb.connect(config=settings)
    connection.execute("SET GLOBAL TimeZone = 'UTC'")
    return connection


def _table(connection: duckdb.DuckDBPyConnection, config: RepoConfig, source: DataSource) -> Table:
    is_parquet = isinstance(source, FileSource) and isinstance(source.file_format, ParquetFormat | None)
    path = FileSource.get_uri_for_file_path(config.repo_path, source.path) if is_parquet else ""
    if is_parquet and "://" not in path:
        try:
            return parquet_table(connection, path)
        except duckdb.IOException as error:
            raise InputError(
                f"Source '{source.name}' has no readable Parquet files at {path}: write them, or correct the path and "
                f"run `feast apply`. DuckDB says: {error}"
            ) from error
    # Whatever else Feast's own store can read, it reads.
    name = f"source_{len(connection.sql('SHOW TABLES').fetchall())}"
    connection.register("incoming", _read_data_source(source, str(config.repo_path)).to_pyarrow_batches())
    connection.execute(f"CREATE TABLE {name} AS SELECT * FROM incoming")
    connection.unregister("incoming")
    return Table(name, types_of(connection, name), source.name, file="0", line="rowid")


def _pulled(keys: Sequence[str], features: Sequence[str], timestamp: str, created: str | None) -> list[str]:
    # Feast's own store drops __log_date, the partition of feature logs, as well.
    return [name for name in [*keys, *features, timestamp, *([created] if created else [])] if name != "__log_date"]

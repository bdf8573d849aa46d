"""A Feast offline store with a point-in-time join in O(n log n), on DuckDB's native as-of join.

In `feature_store.yaml`:

    offline_store:
      type: features.asof_store.store.AsOfOfflineStore
      memory_limit: 8GB
      temp_directory: ../data/spill

Everything else is inherited from Feast's DuckDB store.
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

from features.asof_store.entities import register_entities
from features.asof_store.join import view_queries
from features.asof_store.pull import latest_sql, range_sql
from features.asof_store.retrieval_job import AsOfRetrievalJob
from features.asof_store.rows import JoinedRows, QueryRows
from features.asof_store.table import Table, parquet_table, types_of
from features.asof_store.views import (
    batch_source,
    check_columns,
    check_output_names,
    join_keys,
    output_name,
    requested_features,
    view_join,
)
from features.errors import InputError, first_line


class AsOfOfflineStoreConfig(DuckDBOfflineStoreConfig):  # type: ignore[misc]  # feast has no types
    """The `offline_store` section of `feature_store.yaml`.

    Attributes:
        type: import path of the store.
        memory_limit: DuckDB's memory, such as "8GB", beyond which it spills to `temp_directory`; DuckDB's default is
            80% of the machine's. The entity rows and the result of `to_arrow` are not included.
        temp_directory: spill folder, relative to the feature repository; by default a private folder of the process
            in the system's temporary folder.
        threads: DuckDB's threads; all cores by default.
    """

    type: str = "features.asof_store.store.AsOfOfflineStore"
    memory_limit: str | None = None
    temp_directory: str | None = None
    threads: int | None = None


class AsOfOfflineStore(DuckDBOfflineStore):  # type: ignore[misc]  # feast has no types
    """Feast's DuckDB store with another point-in-time join; relative paths start at the feature repository."""

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
        """Join features to entity rows, each as of the row's event timestamp.

        Args:
            config: of the feature store.
            feature_views: the views of `feature_refs`.
            feature_refs: features as "view:feature".
            entity_df: a frame, an Arrow table, or an SQL query for DuckDB. Timestamps without zone are UTC.
            registry: of the feature store, for on-demand views.
            project: of the feature store.
            full_feature_names: whether to name a feature "view__feature".
            filter_by_created_timestamp: hide values created after the row's event timestamp.
            start_date: not supported: for retrieval without entity rows.
            end_date: not supported: for retrieval without entity rows.

        Returns:
            A job for all entity rows, in order, with the features appended.

        Raises:
            InputError: a column or file is missing, two features have one name, or the types of a key differ.
        """
        del start_date, end_date  # `register_entities` refuses a retrieval without entity rows
        _validate_lance_feature_views(feature_views)
        connection = _connect(config)
        entities = register_entities(connection, entity_df)
        views = [(view, names) for view in feature_views if (names := requested_features(view, feature_refs))]
        outputs = [[output_name(view, name, full=full_feature_names) for name in names] for view, names in views]
        check_output_names([*entities.table.types, *(name for names in outputs for name in names)])
        columns = sorted({column for view, _ in views for column in join_keys(view).values()})
        probe_keys = {column: f"e{number}" for number, column in enumerate(columns)}
        joins = [
            view_join(
                view,
                names,
                _table(connection, config, batch_source(view)),
                entities.table,
                probe_keys,
                hide_created_later=filter_by_created_timestamp,
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
        """Read the last row of each key with a timestamp from `start_date` to `end_date`, both included."""
        connection = _connect(config)
        table = _table(connection, config, data_source)
        columns = _pulled_columns(join_key_columns, feature_name_columns, timestamp_field, created_timestamp_column)
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
        """Read all rows with a timestamp from `start_date` to `end_date`, both included; None is no limit."""
        connection = _connect(config)
        table = _table(connection, config, data_source)
        columns = _pulled_columns(join_key_columns, feature_name_columns, timestamp_field, created_timestamp_column)
        check_columns(table, columns, f"Source '{data_source.name}'")
        return AsOfRetrievalJob(
            QueryRows(connection, range_sql(table, columns, timestamp_field, start_date, end_date)), config
        )


@cache
def _private_folder() -> tempfile.TemporaryDirectory[str]:
    """A folder that only this user can read and that is deleted when the process ends."""
    return tempfile.TemporaryDirectory(prefix="feast_asof_")


def _connect(config: RepoConfig) -> duckdb.DuckDBPyConnection:
    store = config.offline_store
    spill = Path(store.temp_directory or _private_folder().name)
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
        except (duckdb.IOException, duckdb.InvalidInputException, duckdb.SerializationException) as error:
            raise InputError(
                f"Source '{source.name}' has no readable Parquet files at {path} ({first_line(error)}): write them, or "
                "correct the path and run `feast apply`."
            ) from error
    # Feast's store reads all other kinds of sources.
    name = f"source_{len(connection.sql('SHOW TABLES').fetchall())}"
    connection.register("incoming", _read_data_source(source, str(config.repo_path)).to_pyarrow_batches())
    connection.execute(f"CREATE TABLE {name} AS SELECT * FROM incoming")
    connection.unregister("incoming")
    return Table(name, types_of(connection, name), source.name, file="0", row="rowid")


def _pulled_columns(keys: Sequence[str], features: Sequence[str], timestamp: str, created: str | None) -> list[str]:
    # Feast's store drops __log_date, the partition of feature logs, as well.
    return [name for name in [*keys, *features, timestamp, *([created] if created else [])] if name != "__log_date"]

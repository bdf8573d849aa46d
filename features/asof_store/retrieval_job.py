"""The result of a retrieval: one table, record batches, or a Parquet file."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import ibis  # type: ignore[import-untyped]
import pyarrow as pa
import pyarrow.parquet as pq
from feast.data_format import ParquetFormat
from feast.errors import SavedDatasetLocationAlreadyExists
from feast.infra.offline_stores.duckdb import _write_data_source
from feast.infra.offline_stores.file_source import FileSource
from feast.infra.offline_stores.ibis import IbisRetrievalJob
from feast.infra.offline_stores.offline_store import RetrievalMetadata
from feast.on_demand_feature_view import OnDemandFeatureView
from feast.repo_config import RepoConfig
from feast.saved_dataset import SavedDatasetStorage
from feast.types import from_feast_to_pyarrow_type

from features.asof_store.rows import Rows, TableRows
from features.errors import InputError
from features.files import atomic_write
from features.parquet_rows import ROWS_PER_BATCH

_PART: Final = "part-0.parquet"


class AsOfRetrievalJob(IbisRetrievalJob):  # type: ignore[misc]  # feast has no types
    """A retrieval job that also streams.

    `to_arrow` and `to_df` are Feast's. `to_arrow_batches` and `to_parquet` hold one batch in memory.
    """

    def __init__(
        self,
        rows: Rows,
        config: RepoConfig,
        *,
        on_demand_feature_views: Sequence[OnDemandFeatureView] = (),
        full_feature_names: bool = False,
        metadata: RetrievalMetadata | None = None,
    ) -> None:
        super().__init__(
            table=None,
            on_demand_feature_views=list(on_demand_feature_views),
            full_feature_names=full_feature_names,
            metadata=metadata,
            data_source_writer=_write_data_source,
            staging_location=config.offline_store.staging_location,
            staging_location_endpoint_override=config.offline_store.staging_location_endpoint_override,
            repo_path=str(config.repo_path),
        )
        self._rows = rows
        self._config = config

    def to_arrow(self, validation_reference: Any = None, timeout: int | None = None) -> pa.Table:
        """All rows at once, with on-demand features."""
        if self.on_demand_feature_views and validation_reference is None:
            return self._transformed(self._to_arrow_internal(timeout))
        return super().to_arrow(validation_reference, timeout)

    def _to_arrow_internal(self, timeout: int | None = None) -> pa.Table:
        del timeout  # Feast's DuckDB store ignores it as well
        return self._rows.table()

    def _to_df_internal(self, timeout: int | None = None) -> Any:
        return self._to_arrow_internal(timeout).to_pandas()

    def to_arrow_batches(self, rows_per_batch: int = ROWS_PER_BATCH) -> pa.RecordBatchReader:
        """The rows of `to_arrow`, in the same order, as a stream of batches of at most `rows_per_batch` rows.

        On-demand features are computed per batch; Feast defines them row by row. Their types are those of the first
        batch.
        """
        reader = self._rows.reader(rows_per_batch)
        if not self.on_demand_feature_views:
            return reader
        tables = (self._transformed(pa.Table.from_batches([batch])) for batch in reader)
        first = next(tables, None)
        if first is None:
            first = self._transformed(reader.schema.empty_table())
        schema = _typed(first.schema, self.on_demand_feature_views)
        return pa.RecordBatchReader.from_batches(schema, _batches(first.cast(schema), tables))

    def to_parquet(self, path: Path, rows_per_batch: int = ROWS_PER_BATCH) -> int:
        """Write the rows of `to_arrow` to one file, atomically, and return their number."""
        with atomic_write(path) as temporary:
            return self._write(temporary, rows_per_batch)

    def persist(self, storage: SavedDatasetStorage, allow_overwrite: bool = False, timeout: int | None = None) -> None:
        """Write the rows of `to_arrow` to a saved dataset: a file if its name ends in .parquet, else a folder.

        Raises:
            SavedDatasetLocationAlreadyExists: it exists, and `allow_overwrite` is false.
            InputError: the folder holds other files, which overwriting would delete.
        """
        del timeout
        source = storage.to_data_source()
        uri = FileSource.get_uri_for_file_path(repo_path=self.repo_path, uri=source.path)
        if "://" in uri or not isinstance(source.file_format, ParquetFormat | None):
            _write_data_source(ibis.memtable(self.to_arrow()), source, self.repo_path, "overwrite", allow_overwrite)
            return
        if Path(uri).exists() and not allow_overwrite:
            raise SavedDatasetLocationAlreadyExists(location=uri)
        if Path(uri).is_dir() and (others := [path.name for path in Path(uri).iterdir() if path.name != _PART]):
            raise InputError(
                f"{uri} holds {min(others)}, which would be deleted: use another folder for the saved dataset."
            )
        with atomic_write(Path(uri)) as temporary:
            if uri.endswith(".parquet"):
                self._write(temporary, ROWS_PER_BATCH)
            else:
                temporary.mkdir()
                self._write(temporary / _PART, ROWS_PER_BATCH)

    def to_remote_storage(self) -> list[str]:
        """Write the rows to the staging location, as Feast's DuckDB store does."""
        self.table = ibis.memtable(self.to_arrow())
        paths: list[str] = super().to_remote_storage()
        return paths

    def _write(self, path: Path, rows_per_batch: int) -> int:
        written = 0
        reader = self.to_arrow_batches(rows_per_batch)
        with pq.ParquetWriter(path, reader.schema) as writer:
            for batch in reader:
                writer.write_batch(batch)
                written += batch.num_rows
        return written

    def _transformed(self, table: pa.Table) -> pa.Table:
        """Append the on-demand features; only columns that their views declare as inputs are converted to pandas."""
        inputs = {name for view in self.on_demand_feature_views for name in _inputs(view)}
        narrow = table.select([name for name in table.column_names if name in inputs])
        job = AsOfRetrievalJob(
            TableRows(narrow),
            self._config,
            on_demand_feature_views=self.on_demand_feature_views,
            full_feature_names=self.full_feature_names,
            metadata=self.metadata,
        )
        computed = IbisRetrievalJob.to_arrow(job)
        for name in computed.column_names[narrow.num_columns :]:
            table = table.append_column(name, computed[name])
        return table


def _inputs(view: OnDemandFeatureView) -> set[str]:
    """The columns that an on-demand view reads, under their short and full names; Feast accepts either."""
    projections = view.source_feature_view_projections.values()
    features = [(projection, feature.name) for projection in projections for feature in projection.features]
    full = {f"{projection.name_to_use()}__{name}" for projection, name in features}
    full |= {f"{projection.name}__{name}" for projection, name in features}
    return full | {name for _, name in features} | set(view.get_request_data_schema())


def _typed(schema: pa.Schema, views: Sequence[OnDemandFeatureView]) -> pa.Schema:
    """The schema with declared types for on-demand features that are null throughout the first batch."""
    declared = {name: field for view in views for field in view.features for name in _names(view, field.name)}
    return pa.schema(
        [
            field.with_type(from_feast_to_pyarrow_type(declared[field.name].dtype))
            if pa.types.is_null(field.type) and field.name in declared
            else field
            for field in schema
        ]
    )


def _names(view: OnDemandFeatureView, name: str) -> tuple[str, str]:
    return name, f"{view.projection.name_to_use()}__{name}"


def _batches(first: pa.Table, others: Iterator[pa.Table]) -> Iterator[pa.RecordBatch]:
    yield from first.to_batches()
    for table in others:
        yield from table.cast(first.schema).to_batches()

"""Rows of a query, of an Arrow table, or of entity rows with joined features: as a table or in batches."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Protocol

import duckdb
import numpy as np
import pyarrow as pa

from features.asof_store.query import ROW
from features.errors import InputError, first_line

_DAMAGE: Final = (duckdb.InvalidInputException, duckdb.SerializationException)


class Rows(Protocol):
    """Rows that are computed on each call."""

    def table(self) -> pa.Table:
        """All rows at once."""

    def reader(self, rows_per_batch: int) -> pa.RecordBatchReader:
        """All rows, in batches of at most `rows_per_batch`."""


@contextmanager
def naming_damage() -> Iterator[None]:
    """Raise an InputError where DuckDB cannot decode a Parquet file whose footer is intact. It may name the file."""
    try:
        yield
    except duckdb.Error as error:
        # Damaged values raise these, or the base class; other errors have classes of their own.
        if not (isinstance(error, _DAMAGE) or type(error) is duckdb.Error):
            raise
        raise InputError(
            f"A table is damaged ({first_line(error)}): write it again; feature tables with `python "
            "jobs/build_features.py`."
        ) from error


@dataclass(frozen=True)
class QueryRows:
    """The rows of a query. Both methods raise InputError if a file is damaged."""

    connection: duckdb.DuckDBPyConnection
    sql: str

    def table(self) -> pa.Table:
        """All rows at once."""
        with naming_damage():
            return self.connection.cursor().sql(self.sql).to_arrow_table()

    def reader(self, rows_per_batch: int) -> pa.RecordBatchReader:
        """All rows, in batches; only one batch is in memory outside of DuckDB."""
        with naming_damage():
            return self.connection.cursor().sql(self.sql).to_arrow_reader(rows_per_batch)


@dataclass(frozen=True)
class TableRows:
    """The rows of an Arrow table."""

    rows: pa.Table

    def table(self) -> pa.Table:
        """All rows at once."""
        return self.rows

    def reader(self, rows_per_batch: int) -> pa.RecordBatchReader:
        """All rows, in batches."""
        return pa.RecordBatchReader.from_batches(self.rows.schema, self.rows.to_batches(rows_per_batch))


@dataclass(frozen=True)
class JoinedRows:
    """Entity rows with their features appended.

    The entity rows do not pass through the joins: each view's query returns features by row number, in order, which are
    appended as columns. Therefore every entity column is returned unchanged.

    Attributes:
        entities: the entity rows.
        views: one query per view, of `ROW` and the features.
        names: the features' names, per view.
    """

    entities: Rows
    views: Sequence[QueryRows]
    names: Sequence[Sequence[str]]

    def table(self) -> pa.Table:
        """All rows at once."""
        table = self.entities.table()
        for view, names in zip(self.views, self.names, strict=True):
            features = view.table()
            _check(features, 0, table.num_rows)
            for name, column in zip(names, features.columns[1:], strict=True):
                table = table.append_column(name, column)
        return table

    def reader(self, rows_per_batch: int) -> pa.RecordBatchReader:
        """All rows, in batches; DuckDB holds the sorted features, on disk beyond its memory limit."""
        readers = [rows.reader(rows_per_batch) for rows in (self.entities, *self.views)]
        fields = list(readers[0].schema)
        for reader, names in zip(readers[1:], self.names, strict=True):
            fields += [field.with_name(name) for field, name in zip(list(reader.schema)[1:], names, strict=True)]
        schema = pa.schema(fields, readers[0].schema.metadata)
        return pa.RecordBatchReader.from_batches(schema, _joined_batches(readers, schema))


def _joined_batches(readers: Sequence[pa.RecordBatchReader], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    heads = [_next(reader) for reader in readers]
    row = 0
    while any(head.num_rows for head in heads):
        rows = min(head.num_rows for head in heads)
        if rows == 0:
            raise RuntimeError(_mismatch(f"one view's features end after {row:,} rows, others continue"))
        columns = [column.slice(0, rows) for column in heads[0].columns]
        for head in heads[1:]:
            features = head.slice(0, rows)
            _check(features, row, rows)
            columns += features.columns[1:]
        yield pa.RecordBatch.from_arrays(columns, schema=schema)
        row += rows
        heads = [
            head.slice(rows) if head.num_rows > rows else _next(reader)
            for head, reader in zip(heads, readers, strict=True)
        ]


def _next(reader: pa.RecordBatchReader) -> pa.RecordBatch:
    for batch in reader:
        if batch.num_rows:
            return batch
    return pa.RecordBatch.from_pylist([], schema=reader.schema)


def _check(features: pa.Table | pa.RecordBatch, start: int, rows: int) -> None:
    if not np.array_equal(features[ROW].to_numpy(), np.arange(start, start + rows)):
        raise RuntimeError(
            _mismatch(
                f"{features.num_rows:,} rows for {rows:,} entity rows, or not in their order, from row {start:,} on"
            )
        )


def _mismatch(problem: str) -> str:
    return (
        f"The as-of join lost, added or moved rows: {problem}. Do not use its result. Set `offline_store: "
        "{type: duckdb}` in feature_store.yaml for now, and report the entity rows and views."
    )

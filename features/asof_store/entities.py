"""The entity rows of a point-in-time join: a pandas frame, an Arrow table or an SQL query."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
from feast.infra.offline_stores.offline_store import RetrievalMetadata
from feast.infra.offline_stores.offline_utils import infer_event_timestamp_from_entity_df

from features.asof_store.rows import QueryRows, Rows, TableRows
from features.asof_store.table import Table, types_of
from features.errors import InputError
from features.sql import identifier

_NAME: Final = "entities"


@dataclass(frozen=True)
class EntityRows:
    """Entity rows registered with a DuckDB connection.

    Attributes:
        rows: the rows, as they are returned beside the features.
        table: the same rows for SQL.
        timestamp: the event timestamp column. Text and dates are converted to timestamps, as in Feast's own stores;
            every other column is unchanged.
    """

    rows: Rows
    table: Table
    timestamp: str

    def metadata(self, connection: duckdb.DuckDBPyConnection, feature_refs: Sequence[str]) -> RetrievalMetadata:
        """Return Feast's metadata of a retrieval: feature references, keys, first and last timestamp."""
        moment = f"CAST({identifier(self.timestamp)} AS TIMESTAMPTZ)"
        [(first, last)] = connection.execute(f"SELECT min({moment}), max({moment}) FROM {self.table.sql}").fetchall()
        keys = [name for name in self.table.types if name != self.timestamp]
        return RetrievalMetadata(list(feature_refs), keys, first, last)


def register_entities(
    connection: duckdb.DuckDBPyConnection, entities: pd.DataFrame | pa.Table | str | None
) -> EntityRows:
    """Register entity rows with a connection.

    Raises:
        InputError: there are none, the query fails, or the event timestamps cannot be converted.
        EntityTimestampInferenceException: no column is named `event_timestamp`, and not exactly one is a timestamp.
    """
    if isinstance(entities, str):
        return _from_query(connection, entities)
    if isinstance(entities, pd.DataFrame):
        return _from_table(connection, *_from_frame(entities))
    if isinstance(entities, pa.Table):
        schema = {field.name: _dtype(is_time=pa.types.is_timestamp(field.type)) for field in entities.schema}
        return _from_table(connection, entities, infer_event_timestamp_from_entity_df(schema))
    raise InputError(
        f"Entity rows are a pandas frame, an Arrow table or an SQL query, not {type(entities).__name__}: this store "
        "does not retrieve by start_date and end_date."
    )


def _from_frame(frame: pd.DataFrame) -> tuple[pa.Table, str]:
    timestamp = infer_event_timestamp_from_entity_df(frame.dtypes.to_dict())
    if pd.api.types.is_object_dtype(frame[timestamp]) or pd.api.types.is_string_dtype(frame[timestamp]):
        frame = frame.assign(**{timestamp: _utc(frame[timestamp])})
    return pa.Table.from_pandas(frame, preserve_index=False), timestamp


def _from_table(connection: duckdb.DuckDBPyConnection, table: pa.Table, timestamp: str) -> EntityRows:
    if not pa.types.is_timestamp(table.schema.field(timestamp).type):
        moments = pa.Array.from_pandas(_utc(table[timestamp].to_pandas()))
        table = table.set_column(table.column_names.index(timestamp), timestamp, moments)
    connection.register(_NAME, table)
    return EntityRows(TableRows(table), Table(_NAME, types_of(connection, _NAME), "the entity rows"), timestamp)


def _from_query(connection: duckdb.DuckDBPyConnection, query: str) -> EntityRows:
    try:
        if len(connection.extract_statements(query)) != 1:
            raise InputError("The query for the entity rows must be one SELECT, not several statements.")
        connection.execute(f"CREATE TABLE {_NAME} AS {query}")
    except duckdb.Error as error:
        raise InputError(f"The query for the entity rows fails in DuckDB: {error}") from error
    types = types_of(connection, _NAME)
    schema = {name: _dtype(is_time=sql_type.startswith("TIMESTAMP")) for name, sql_type in types.items()}
    timestamp = infer_event_timestamp_from_entity_df(schema)
    if not types[timestamp].startswith("TIMESTAMP"):
        connection.execute(f"ALTER TABLE {_NAME} ALTER {identifier(timestamp)} TYPE TIMESTAMPTZ")
    table = Table(_NAME, types_of(connection, _NAME), "the entity rows")
    return EntityRows(QueryRows(connection, f"SELECT * FROM {_NAME}"), table, timestamp)


def _utc(moments: pd.Series) -> pd.Series:
    if pd.api.types.is_numeric_dtype(moments):
        raise InputError(f"Column '{moments.name}' of the entity rows holds numbers: pass timestamps, dates or text.")
    try:
        return pd.to_datetime(moments, utc=True)
    except (ValueError, TypeError) as error:
        raise InputError(f"Column '{moments.name}' of the entity rows does not hold timestamps: {error}") from error


def _dtype(*, is_time: bool) -> np.dtype:
    return np.dtype("datetime64[ns]" if is_time else "object")

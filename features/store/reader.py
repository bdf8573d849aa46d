"""Reads the features of a service, from the offline or the online store, in the same columns and types."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal

import pyarrow as pa
from feast import FeatureStore

from features.schema import REQUEST_TIMESTAMP
from features.store.historical_features import as_of, historical_features
from features.store.registry import feature_service, service_columns
from features.store.service_columns import ServiceColumns

IDS_PER_READ: Final = 1_000  # larger reads take SQLite longer per id


@dataclass(frozen=True)
class FeatureReader:
    """Reads features of users or items as a request at one moment sees them.

    Offline values are those known at the moment. Online values are those of the moment up to which the store was
    filled; only on-demand features depend on the moment that is passed. Both are equal if the two moments are.

    Attributes:
        store: an applied feature store.
        source: which of its two stores is read.
    """

    store: FeatureStore
    source: Literal["offline", "online"]
    _services: dict[str, ServiceColumns] = field(default_factory=dict, init=False, repr=False, compare=False)

    def read(self, service: str, ids: Sequence[str] | pa.Array, moment: datetime) -> pa.Table:
        """Read the features of `ids`.

        Args:
            service: name of a feature service that describes one entity.
            ids: of users or items, string (n,).
            moment: of the request, UTC.

        Returns:
            The entity key and the service's features, in the service's order and the types of
            `features.store.service_columns.ARROW_TYPES`: n rows, in the order of `ids`. Unknown values are null.

        Raises:
            InputError: the registry has no such service, or it cannot be read for one entity.
        """
        if service not in self._services:
            self._services[service] = service_columns(self.store, service)
        columns = self._services[service]
        keys = ids if isinstance(ids, pa.Array) else pa.array(ids, pa.string())
        if self.source == "offline":
            rows = historical_features(self.store, service, as_of(columns.entity_key, keys, moment))
            return rows.select(columns.arrow_schema.names)
        # Feast rejects a read without ids.
        parts = (self._read_online(columns, block, moment) for block in id_blocks(keys.to_pylist()))
        return pa.concat_tables([columns.arrow_schema.empty_table(), *parts])

    def _read_online(self, columns: ServiceColumns, ids: list[str], moment: datetime) -> pa.Table:
        rows = {columns.entity_key: ids, REQUEST_TIMESTAMP: [moment] * len(ids)}
        response = self.store.get_online_features(
            features=feature_service(self.store, columns.service), entity_rows=rows
        ).to_dict()
        values = (_array(response[column.name], column.arrow_type) for column in columns.columns)
        return pa.table([pa.array(ids, pa.string()), *values], columns.arrow_schema)


def id_blocks(ids: list[str]) -> Iterator[list[str]]:
    """Split ids into blocks of `IDS_PER_READ`: as many as one read of the online store takes."""
    for start in range(0, len(ids), IDS_PER_READ):
        yield ids[start : start + IDS_PER_READ]


def _array(values: list[Any], arrow_type: pa.DataType) -> pa.Array:
    """Convert Python values; numbers are rounded to float32 as they are offline."""
    exact = {pa.float32(): pa.float64(), pa.list_(pa.float32()): pa.list_(pa.float64())}.get(arrow_type, arrow_type)
    return pa.array(values, exact).cast(arrow_type, safe=False)

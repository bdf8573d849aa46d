"""The columns of a feature service: names, views and the Arrow types in which they are read."""

from dataclasses import dataclass
from functools import cached_property
from typing import Final, Self

import pyarrow as pa

from features.errors import InputError

# Feast serves timestamps online in whole seconds: the offline store's microseconds are cut to match.
ARROW_TYPES: Final = {
    "String": pa.string(),
    **dict.fromkeys(("Float32", "Float64", "Int32", "Int64", "Bool"), pa.float32()),
    "UnixTimestamp": pa.timestamp("s", tz="UTC"),
    "Array(String)": pa.list_(pa.string()),
    **dict.fromkeys(("Array(Float32)", "Array(Int64)"), pa.list_(pa.float32())),
}


@dataclass(frozen=True)
class ServiceColumn:
    """One feature of a service.

    Attributes:
        name: of the feature.
        view: the feature view it comes from.
        arrow_type: the Arrow type in which it is read. Numbers are float32, timestamps are in whole seconds.
    """

    name: str
    view: str
    arrow_type: pa.DataType

    @classmethod
    def from_field(cls, name: str, dtype: str, view: str, service: str) -> Self:
        """Build a column from a Feast field.

        Raises:
            InputError: the reader does not support the field's dtype.
        """
        if dtype not in ARROW_TYPES:
            raise InputError(
                f"Feature service '{service}' (view '{view}') contains '{name}' of dtype {dtype}, which cannot be "
                f"read: use one of {', '.join(sorted(ARROW_TYPES))}, or remove it from the service."
            )
        return cls(name, view, ARROW_TYPES[dtype])


@dataclass(frozen=True)
class ServiceColumns:
    """The ordered columns of a feature service that describes one entity.

    Attributes:
        service: name of the feature service.
        entity_key: join key of the entity, `user_id` or `item_id`.
        columns: the features, in the service's order.
    """

    service: str
    entity_key: str
    columns: tuple[ServiceColumn, ...]

    @cached_property
    def arrow_schema(self) -> pa.Schema:
        """Entity key and features, as they are read."""
        features = ((column.name, column.arrow_type) for column in self.columns)
        return pa.schema([(self.entity_key, pa.string()), *features])

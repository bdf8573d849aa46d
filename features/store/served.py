"""What a feature service hands over, for whoever reads it: a name, a key and typed columns.

`features.store.service_schema` says more, for towers, and takes only what a tower can take. `PlainService` takes
moments as well, and leaves numbers what they are: it is for readers that are no towers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol, Self

import pyarrow as pa

from features.errors import InputError


class ServedColumn(Protocol):
    """One feature of a service."""

    @property
    def name(self) -> str:
        """Of the feature."""

    @property
    def view(self) -> str:
        """The feature view it comes from."""

    @property
    def arrow_type(self) -> pa.DataType:
        """The Arrow type in which it is handed over."""


class Served(Protocol):
    """A service that describes users or items."""

    @property
    def service(self) -> str:
        """Its name."""

    @property
    def entity_key(self) -> str:
        """The join key of what it describes, `user_id` or `item_id`."""

    @property
    def columns(self) -> Sequence[ServedColumn]:
        """Its features, in order."""


# Moments in whole seconds, because Feast hands them over no finer than that online.
_ARROW: Final = {
    "String": pa.string(),
    "Int64": pa.int64(),
    "Float32": pa.float32(),
    "Float64": pa.float32(),
    "UnixTimestamp": pa.timestamp("s", tz="UTC"),
    "Array(String)": pa.list_(pa.string()),
}


@dataclass(frozen=True)
class PlainColumn:
    """One feature as it is.

    Attributes:
        name: of the feature.
        view: the feature view it comes from.
        arrow_type: the Arrow type in which it is handed over; numbers with a fraction lose the digits that float32 does
            not hold, moments what is below a second.
    """

    name: str
    view: str
    arrow_type: pa.DataType

    @classmethod
    def declared(cls, name: str, dtype: str, view: str, service: str) -> Self:
        """Build a column from its declaration.

        Raises:
            InputError: its dtype is not known here.
        """
        if dtype not in _ARROW:
            raise InputError(
                f"Feature service '{service}' (view '{view}') holds '{name}' of dtype {dtype}, which is not read: "
                f"use one of {', '.join(sorted(_ARROW))}, or leave it out of the service."
            )
        return cls(name, view, _ARROW[dtype])


@dataclass(frozen=True)
class PlainService:
    """The ordered features of one service, as they are.

    Attributes:
        service: name of the feature service.
        entity_key: join key of the entity it describes.
        columns: the features.
    """

    service: str
    entity_key: str
    columns: tuple[PlainColumn, ...]

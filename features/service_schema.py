"""What a feature service hands over, as plain data: read once from the registry, recorded in every release.

Nothing here knows Feast: the towers are built from these classes, and a release brings them back from JSON.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

import pyarrow as pa

from features.errors import InputError

EncodingKind = Literal["embedding", "one_hot", "number", "log", "items"]

_STRING = "String"
_STRINGS = "Array(String)"
_NUMBERS = frozenset({"Float32", "Float64", "Int32", "Int64", "Bool"})
_CHOICES: dict[str, tuple[EncodingKind, ...]] = {
    _STRING: ("embedding", "one_hot"),
    _STRINGS: ("items",),
    **dict.fromkeys(_NUMBERS, ("number", "log")),
}


@dataclass(frozen=True)
class FeatureColumn:
    """One feature: its name, Feast dtype, how a tower takes it, and the feature view it comes from."""

    name: str
    dtype: str
    encoding: EncodingKind
    view: str = ""

    @classmethod
    def declared(cls, name: str, dtype: str, tag: str | None, view: str, service: str) -> Self:
        """Build a column from its declaration; without a tag the first encoding its dtype allows is taken.

        Raises:
            InputError: no tower can take this dtype, or not with this tag.
        """
        where = f"Feature service '{service}' (view '{view}')"
        choices = _CHOICES.get(dtype)
        if choices is None:
            raise InputError(
                f"{where} holds '{name}' of dtype {dtype}, which no tower can take: "
                f"use one of {', '.join(sorted(_CHOICES))}, or leave it out of the service."
            )
        if tag is not None and tag not in choices:
            raise InputError(
                f"{where} tags '{name}' ({dtype}) with encoding '{tag}': {dtype} allows {' or '.join(choices)}."
            )
        return cls(name, dtype, next(choice for choice in choices if tag in {None, choice}), view)

    @property
    def arrow_type(self) -> pa.DataType:
        """The Arrow type the tower is handed: string, list<string>, or float32 for every number."""
        if self.dtype == _STRING:
            return pa.string()
        return pa.list_(pa.string()) if self.dtype == _STRINGS else pa.float32()


@dataclass(frozen=True)
class ServiceSchema:
    """The ordered features of one feature service.

    Attributes:
        service: name of the feature service.
        entity_key: join key of the entity it describes, `user_id` or `item_id`.
        embeds_key: whether the id itself is a feature.
        columns: the features, in the order in which a tower concatenates them.
    """

    service: str
    entity_key: str
    embeds_key: bool
    columns: tuple[FeatureColumn, ...]

    @property
    def inputs(self) -> tuple[FeatureColumn, ...]:
        """Everything the tower is called with: the embedded key, if any, and the features."""
        key = FeatureColumn(self.entity_key, _STRING, "embedding")
        return (key, *self.columns) if self.embeds_key else self.columns

    @property
    def fingerprint(self) -> str:
        """SHA-256 over names, dtypes, encodings and their order, first 16 hex digits."""
        return hashlib.sha256(json.dumps(self.to_json(), sort_keys=True).encode()).hexdigest()[:16]

    def to_json(self) -> dict[str, Any]:
        """Return the schema as JSON-ready values; `from_json` brings it back."""
        return asdict(self)

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Self:
        """Read what `to_json` wrote."""
        columns = tuple(FeatureColumn(**column) for column in content["columns"])
        return cls(content["service"], content["entity_key"], content["embeds_key"], columns)


@dataclass(frozen=True)
class TowerSchemas:
    """The services of both towers."""

    query: ServiceSchema
    item: ServiceSchema

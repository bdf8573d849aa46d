"""The schema of a tower: the columns of its feature service, and how each is encoded.

A schema is read from the registry once per training and recorded in the release. This module does not import Feast:
towers are built from these classes, and a release restores them from JSON.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

import pyarrow as pa

from features.errors import InputError
from features.schema import ITEM_ID, MAX_RECENT_ITEMS, MAX_TASTES
from features.store.service_columns import ARROW_TYPES

EncodingKind = Literal["embedding", "one_hot", "number", "log", "items", "categories", "aligned"]

_STRING = "String"
_STRINGS = "Array(String)"
_NUMBERS = frozenset({"Float32", "Float64", "Int32", "Int64", "Bool"})
_NUMBER_LISTS = frozenset({"Array(Float32)", "Array(Int64)"})
_CHOICES: dict[str, tuple[EncodingKind, ...]] = {
    _STRING: ("embedding", "one_hot"),
    _STRINGS: ("categories", "items"),
    **dict.fromkeys(_NUMBER_LISTS, ("aligned",)),
    **dict.fromkeys(_NUMBERS, ("number", "log")),
}


@dataclass(frozen=True)
class FeatureColumn:
    """One input of a tower.

    Attributes:
        name: of the feature.
        dtype: Feast's name of its type.
        encoding: how the tower encodes it.
        view: the feature view it comes from.
        refers_to: for a list of categories, the input of the item tower that has the same categories; for a list of
            item ids, `item_id`; for a list of numbers, the list with which it is aligned, one number per element.
        code: fingerprint of the code of an on-demand feature; empty for a stored one.
    """

    name: str
    dtype: str
    encoding: EncodingKind
    view: str = ""
    refers_to: str = ""
    code: str = ""

    @classmethod
    def from_field(
        cls, name: str, dtype: str, tag: str | None, view: str, service: str, refers_to: str = "", code: str = ""
    ) -> Self:
        """Build a column from a Feast field; without a tag its encoding is the first one that its dtype allows.

        Raises:
            InputError: towers do not support the dtype, or not with this tag.
        """
        where = f"Feature service '{service}' (view '{view}')"
        choices = _CHOICES.get(dtype)
        if choices is None:
            raise InputError(
                f"{where} contains '{name}' of dtype {dtype}, which towers do not support: "
                f"use one of {', '.join(sorted(_CHOICES))}, or remove it from the service."
            )
        if tag is not None and tag not in choices:
            raise InputError(
                f"{where} tags '{name}' ({dtype}) with encoding '{tag}': {dtype} allows {' or '.join(choices)}."
            )
        kind = next(choice for choice in choices if tag in {None, choice})
        return cls(name, dtype, kind, view, ITEM_ID if kind == "items" else refers_to, code)

    @property
    def arrow_type(self) -> pa.DataType:
        """The Arrow type of the tower's input: string, float32, or a list of either."""
        return ARROW_TYPES[self.dtype]

    @property
    def is_list(self) -> bool:
        """Whether a row holds any number of values."""
        return self.is_string_list or self.dtype in _NUMBER_LISTS

    @property
    def is_string_list(self) -> bool:
        """Whether a row holds any number of categories or item ids."""
        return self.dtype == _STRINGS


@dataclass(frozen=True)
class ServiceSchema:
    """The ordered inputs of one tower.

    Attributes:
        service: name of the feature service.
        entity_key: join key of the entity, `user_id` or `item_id`.
        embeds_key: whether the id itself is an input.
        columns: the features, in the order in which the tower concatenates them.
    """

    service: str
    entity_key: str
    embeds_key: bool
    columns: tuple[FeatureColumn, ...]

    def __post_init__(self) -> None:
        lists = [column.name for column in self.columns if column.is_string_list]
        for column in self.columns:
            if column.encoding == "aligned" and column.refers_to not in lists:
                raise InputError(
                    f"Feature service '{self.service}' aligns '{column.name}' with '{column.refers_to}', which is no "
                    f"list of categories or items in it: tag the field with `refers_to` and one of "
                    f"{', '.join(lists) or 'its lists'}, or remove it from the service."
                )

    @property
    def inputs(self) -> tuple[FeatureColumn, ...]:
        """All inputs of the tower: the embedded key, if any, and the features."""
        key = FeatureColumn(self.entity_key, _STRING, "embedding")
        return (key, *self.columns) if self.embeds_key else self.columns

    @property
    def string_lists(self) -> tuple[FeatureColumn, ...]:
        """The inputs that are lists of categories or item ids."""
        return tuple(column for column in self.columns if column.is_string_list)

    @property
    def scalar_inputs(self) -> tuple[FeatureColumn, ...]:
        """The inputs that are one string or one number."""
        return tuple(column for column in self.inputs if not column.is_list)

    def aligned_with(self, name: str) -> tuple[FeatureColumn, ...]:
        """The lists of numbers that are aligned with the list `name`."""
        return tuple(column for column in self.columns if column.encoding == "aligned" and column.refers_to == name)

    def max_length(self, column: FeatureColumn) -> int:
        """The number of elements of a list that the tower uses; aligned lists have the same."""
        strings = next(each for each in self.string_lists if each.name in {column.name, column.refers_to})
        return MAX_RECENT_ITEMS if strings.refers_to == ITEM_ID else MAX_TASTES

    @property
    def fingerprint(self) -> str:
        """SHA-256 over names, dtypes, encodings, code and their order, first 16 hex digits."""
        return hashlib.sha256(json.dumps(self.to_json(), sort_keys=True).encode()).hexdigest()[:16]

    def to_json(self) -> dict[str, Any]:
        """Return the schema as JSON-ready values, without empty `refers_to` and `code`; `from_json` restores it."""
        content = asdict(self)
        content["columns"] = [_without_empty(column) for column in content["columns"]]
        return content

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Self:
        """Restore a schema from the values of `to_json`."""
        columns = tuple(FeatureColumn(**column) for column in content["columns"])
        return cls(content["service"], content["entity_key"], content["embeds_key"], columns)


def _without_empty(column: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in column.items() if value or name not in {"refers_to", "code"}}


@dataclass(frozen=True)
class TowerSchemas:
    """The schemas of both towers.

    Raises:
        InputError: a list of the query tower has categories that are no input of the item tower.
    """

    query: ServiceSchema
    item: ServiceSchema

    def __post_init__(self) -> None:
        strings = {column.name for column in self.item.inputs if column.arrow_type == pa.string()}
        for column in self.query.string_lists:
            if column.refers_to not in strings:
                raise InputError(
                    f"Feature service '{self.query.service}' contains the list '{column.name}' of categories of "
                    f"'{column.refers_to}', which is no string in '{self.item.service}': tag the field with "
                    f"`refers_to` and one of {', '.join(sorted(strings))}."
                )

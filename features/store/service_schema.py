"""What a feature service hands over, as plain data: read once from the registry, recorded in every release.

Nothing here knows Feast: the towers are built from these classes, and a release brings them back from JSON.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

import pyarrow as pa

from features.errors import InputError
from features.schema import ITEM_ID, MAX_RECENT_ITEMS, MAX_TASTES

EncodingKind = Literal["embedding", "one_hot", "number", "log", "items", "words", "aligned"]

_STRING = "String"
_STRINGS = "Array(String)"
_NUMBERS = frozenset({"Float32", "Float64", "Int32", "Int64", "Bool"})
_LISTS_OF_NUMBERS = frozenset({"Array(Float32)", "Array(Int64)"})
_CHOICES: dict[str, tuple[EncodingKind, ...]] = {
    _STRING: ("embedding", "one_hot"),
    _STRINGS: ("words", "items"),
    **dict.fromkeys(_LISTS_OF_NUMBERS, ("aligned",)),
    **dict.fromkeys(_NUMBERS, ("number", "log")),
}


@dataclass(frozen=True)
class FeatureColumn:
    """One feature.

    Attributes:
        name: of the feature.
        dtype: Feast's word for its type.
        encoding: how a tower takes it.
        view: the feature view it comes from.
        of: for numbers that are aligned with a list, one for each of its elements, the name of that list; for a list
            of words, the input of the item tower whose words they are.
        code: fingerprint of the code that reckons it at the moment of a request; empty if it is stored.
    """

    name: str
    dtype: str
    encoding: EncodingKind
    view: str = ""
    of: str = ""
    code: str = ""

    @classmethod
    def declared(
        cls, name: str, dtype: str, tag: str | None, view: str, service: str, of: str = "", code: str = ""
    ) -> Self:
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
        kind = next(choice for choice in choices if tag in {None, choice})
        return cls(name, dtype, kind, view, ITEM_ID if kind == "items" else of, code)

    @property
    def arrow_type(self) -> pa.DataType:
        """The Arrow type the tower is handed: string or float32 for every number, or a list of either."""
        kind = pa.string() if self.dtype in {_STRING, _STRINGS} else pa.float32()
        return pa.list_(kind) if self.is_list else kind

    @property
    def is_list(self) -> bool:
        """Whether a row holds any number of values."""
        return self.is_words or self.dtype in _LISTS_OF_NUMBERS

    @property
    def is_words(self) -> bool:
        """Whether a row holds any number of words."""
        return self.dtype == _STRINGS


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

    def __post_init__(self) -> None:
        lists = [column.name for column in self.columns if column.dtype == _STRINGS]
        for column in self.columns:
            if column.encoding == "aligned" and column.of not in lists:
                raise InputError(
                    f"Feature service '{self.service}' aligns '{column.name}' with '{column.of}', which is no list of "
                    f"words or items in it: tag the field with `of` and one of {', '.join(lists) or 'its lists'}, or "
                    "leave it out of the service."
                )

    @property
    def inputs(self) -> tuple[FeatureColumn, ...]:
        """Everything the tower is called with: the embedded key, if any, and the features."""
        key = FeatureColumn(self.entity_key, _STRING, "embedding")
        return (key, *self.columns) if self.embeds_key else self.columns

    @property
    def lists(self) -> tuple[FeatureColumn, ...]:
        """The lists of words among the inputs."""
        return tuple(column for column in self.columns if column.is_words)

    @property
    def single_inputs(self) -> tuple[FeatureColumn, ...]:
        """The inputs that are one word or one number."""
        return tuple(column for column in self.inputs if not column.is_list)

    def beside(self, name: str) -> tuple[FeatureColumn, ...]:
        """The numbers that are aligned with the list `name`."""
        return tuple(column for column in self.columns if column.encoding == "aligned" and column.of == name)

    def length(self, column: FeatureColumn) -> int:
        """How many elements of a list column are looked at; lists that belong together are equally long."""
        words = next(words for words in self.lists if words.name in {column.name, column.of})
        return MAX_RECENT_ITEMS if words.of == ITEM_ID else MAX_TASTES

    @property
    def fingerprint(self) -> str:
        """SHA-256 over names, dtypes, encodings, code and their order, first 16 hex digits."""
        return hashlib.sha256(json.dumps(self.to_json(), sort_keys=True).encode()).hexdigest()[:16]

    def to_json(self) -> dict[str, Any]:
        """Return the schema as JSON-ready values; `from_json` brings it back.

        What a column does not have is left out: a service without lists, or without views on demand, keeps the
        fingerprint that it had before columns had either.
        """
        content = asdict(self)
        content["columns"] = [_without_empty(column) for column in content["columns"]]
        return content

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Self:
        """Read what `to_json` wrote."""
        columns = tuple(FeatureColumn(**column) for column in content["columns"])
        return cls(content["service"], content["entity_key"], content["embeds_key"], columns)


def _without_empty(column: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in column.items() if value or name not in {"of", "code"}}


@dataclass(frozen=True)
class TowerSchemas:
    """The services of both towers.

    Raises:
        InputError: a list of the query tower speaks of words that the item tower does not know.
    """

    query: ServiceSchema
    item: ServiceSchema

    def __post_init__(self) -> None:
        known = {column.name for column in self.item.inputs if column.arrow_type == pa.string()}
        for column in self.query.lists:
            if column.of not in known:
                raise InputError(
                    f"Feature service '{self.query.service}' holds the list '{column.name}', whose words are those of "
                    f"'{column.of}', which is no word of '{self.item.service}': tag the field with `of` and one of "
                    f"{', '.join(sorted(known))}."
                )

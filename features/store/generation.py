"""The generation of an online store: what it was filled from, and whether it is complete and unchanged.

The record of a generation is a row of the online store itself, written after all others and through Feast's interface
like all others. Feast's registry holds declarations only.

An SQLite store is a file, and each generation a new one, which takes the place of the previous one when it is complete:
a process reads the file that it opened. Any other store is filled in place, and its record says that it is incomplete
until the last row is written.
"""

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, Self

from feast import Entity, FeatureStore, FeatureView, Field, FileSource
from feast.infra.provider import Provider, get_provider
from feast.protos.feast.types.EntityKey_pb2 import EntityKey
from feast.protos.feast.types.Value_pb2 import Value
from feast.types import String
from feast.value_type import ValueType
from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from features.errors import InputError
from features.store.registry import online_views, view_fingerprint
from features.store.sqlite_file import OpenFile, count_changes, count_rows, has_table, sqlite_path
from features.store.store_errors import naming_store_errors
from features.text import counted

_FILL: Final = "run `python jobs/materialize.py`"
_REFILL: Final = "run `python jobs/materialize.py --from-scratch`"
_KEY: Final = "store"
_FEATURE: Final = "generation"
_VIEW: Final = FeatureView(
    name="online_generation",
    entities=[Entity(name=_KEY, join_keys=[_KEY], value_type=ValueType.STRING)],
    schema=[Field(name=_KEY, dtype=String), Field(name=_FEATURE, dtype=String)],
    source=FileSource(path="none", timestamp_field="event_timestamp"),  # required, never read
)
_ROW: Final = EntityKey(join_keys=[_KEY], entity_values=[Value(string_val="online")])


class Generation(BaseModel):
    """The record of a generation.

    Attributes:
        project: name of the Feast project.
        as_of: moment up to which all views are filled, UTC.
        tables: SHA-256 of the feature table of each view, online or in the catalogue snapshot.
        past: digest of the rows up to `as_of` of the tables of some online views, see `PastRows`.
        declarations: fingerprint of the declaration of each online view.
        services: fingerprint of each feature service of the catalogue snapshot.
        catalogue: SHA-256 of the catalogue snapshot; None if none was written.
        rows: rows of each online view, one for each feature of a key; empty for stores that cannot count them.
        changes: how many transactions the SQLite file has seen, that of this record included; None in other stores.
        windows: the end of the last materialization of each view by Feast's own commands, before this one.
        complete: whether all rows are written.
    """

    model_config = ConfigDict(frozen=True)

    project: str
    as_of: AwareDatetime
    tables: dict[str, str]
    past: dict[str, str] = {}
    declarations: dict[str, str]
    services: dict[str, str]
    catalogue: str | None = None
    rows: dict[str, int] = {}
    changes: int | None = None
    windows: dict[str, AwareDatetime] = {}
    complete: bool = False

    @property
    def name(self) -> str:
        """A digest of what determines the rows, 16 hex digits."""
        contents = self.model_dump_json(include={"project", "as_of", "tables", "declarations", "services"})
        return hashlib.sha256(contents.encode()).hexdigest()[:16]

    def write(self, provider: Provider) -> None:
        """Write the record to the online store of a provider, with the number of changes of an SQLite file."""
        config = provider.repo_config
        provider.online_store.update(config, [], [_VIEW], [], [], partial=True)
        changes = count_changes(provider)
        record = self.model_copy(update={"changes": None if changes is None else changes + 1})
        value = {_FEATURE: Value(string_val=record.model_dump_json())}
        provider.online_write_batch(config, _VIEW, [(_ROW, value, self.as_of, None)], None)

    @classmethod
    def read(cls, provider: Provider) -> Self | None:
        """Read the record; None if there is none.

        Raises:
            InputError: the store cannot be read.
        """
        with naming_store_errors():
            [(_, features)] = provider.online_read(provider.repo_config, _VIEW, [_ROW], [_FEATURE])
        # Some stores return empty messages for a key that they do not have.
        if features is None or features[_FEATURE].WhichOneof("val") is None:
            return None
        try:
            return cls.model_validate_json(features[_FEATURE].string_val)
        except ValidationError as error:
            raise InputError(f"The online store's record of what it holds is damaged: {_REFILL}.") from error


@dataclass(frozen=True, eq=False)
class OpenGeneration:
    """A generation, opened for reading.

    Attributes:
        store: an applied feature store.
        provider: reads the rows; those of the file that was opened, if the store is an SQLite file.
        record: of the generation.
    """

    store: FeatureStore
    provider: Provider
    record: Generation
    _file: OpenFile | None = field(repr=False)

    @classmethod
    def open(cls, store: FeatureStore) -> Self:
        """Open the online store for requests.

        Raises:
            InputError: it was not filled, or see `check`.
        """
        opened = cls.find(store)
        if opened is None:
            raise InputError(f"The online store{_place(store)} is empty: {_REFILL}.")
        opened.check()
        return opened

    @classmethod
    def find(cls, store: FeatureStore) -> Self | None:
        """Open the online store without a check of its rows; None if there is none, or it has no record.

        Raises:
            InputError: it cannot be read.
        """
        path = sqlite_path(store)
        while True:
            if path is not None and not path.is_file():  # Feast would create it
                return None
            file, provider = None if path is None else OpenFile(path), get_provider(store.config)
            known = file is None or has_table(provider, f"{store.project}_{_VIEW.name}")
            record = Generation.read(provider) if known else None
            if path is None or file is None or file.is_at(path):  # otherwise it has just been replaced
                break
        return None if record is None else cls(store, provider, record, file)

    def check(self) -> None:
        """Check that requests can be served.

        Raises:
            InputError: see `check_intact`; or a view is declared differently since the store was filled.
        """
        self.check_intact()
        for view in online_views(self.store):
            if self.record.declarations.get(view.name) != view_fingerprint(view):
                raise InputError(
                    f"Feature view '{view.name}' is declared differently since the online store was filled: {_FILL}."
                )

    def check_intact(self) -> None:
        """Check that all rows are there, and that nothing else has written any or changed the file.

        Raises:
            InputError: the store was not filled completely, rows are missing, something else wrote to it, or bytes of
                its file were changed.
        """
        self.check_unchanged()
        store, record = self.store, self.record
        if not record.complete:
            raise InputError(f"The online store{_place(store)} was not filled completely: {_FILL} again.")
        for view, expected in record.rows.items():
            found = count_rows(store, self.provider, view)
            if found != expected:
                raise InputError(
                    f"Feature view '{view}' has {counted(found, 'row')} in the online store{_place(store)}, and "
                    f"{expected:,} were written: {_REFILL}."
                )
        if self._file is not None and not self._file.has_its_checksum:
            raise InputError(
                f"The online store{_place(store)} is damaged, its bytes are not those that were written: {_REFILL}."
            )
        for view, end in registry_windows(store).items():
            if end > max(record.windows.get(view, record.as_of), record.as_of):
                raise InputError(
                    f"`feast materialize` was run for feature view '{view}' up to {end:%Y-%m-%d %H:%M} UTC, but the "
                    f"online store is filled up to {record.as_of:%Y-%m-%d %H:%M}: {_FILL}, which fills all views from "
                    "the same tables and up to the same moment."
                )

    @property
    def is_verified(self) -> bool:
        """Whether its rows are certainly those that were written; only a file can be compared with its checksum."""
        return self._file is not None

    @property
    def is_current(self) -> bool:
        """Whether it is still the one that a process would open now. For SQLite this takes a few microseconds.

        Raises:
            InputError: the store cannot be read.
        """
        path = sqlite_path(self.store)
        if self._file is None or path is None:
            return Generation.read(self.provider) == self.record
        return self._file.is_at(path)

    def check_unchanged(self) -> None:
        """Check that the store is as it was when it was filled. For SQLite this takes a few microseconds.

        Raises:
            InputError: something else wrote to it, or it was filled again in place.
        """
        if self._file is None:
            changed = Generation.read(self.provider) != self.record
        else:
            changed = self._file.changes != self.record.changes
        if changed:
            raise InputError(
                f"The online store{_place(self.store)} was changed after it was filled, by `feast materialize` or "
                f"another program: {_REFILL}."
            )


def registry_windows(store: FeatureStore) -> dict[str, datetime]:
    """The end of the last materialization of each online view that Feast's registry knows, UTC."""
    return {
        view.name: max(end.astimezone(UTC) for _, end in view.materialization_intervals)
        for view in online_views(store)
        if view.materialization_intervals
    }


def _place(store: FeatureStore) -> str:
    path = sqlite_path(store)
    return "" if path is None else f" {path}"

"""Reads the features of a service, from the offline or the online store, in the same columns and types."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import Final, Literal, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc
from feast import FeatureStore

from features.schema import USER_ID
from features.store.catalogue import USER_PROFILE, user_ids
from features.store.generation import OpenGeneration
from features.store.historical_features import as_of, historical_features
from features.store.online_keys import entity_keys
from features.store.online_service import OnlineService, read_rows
from features.store.pushed_rows import PushedRows
from features.store.redis_client import limit_waiting
from features.store.registry import service_columns
from features.store.request_services import request_views
from features.store.service_columns import ServiceColumns
from features.store.table_digests import TableDigests

Source: TypeAlias = Literal["offline", "online"]

IDS_PER_READ: Final = 1_000  # larger reads take SQLite longer per id


@dataclass(frozen=True)
class FeatureReader:
    """Reads features of users or items as a request at one moment sees them.

    Offline values are those known at the moment. Online values are those of the moment up to which the store was
    filled; only on-demand features depend on the moment that is passed. Both are equal if the two moments are. With
    `read_pushed`, users with pushed rows are read as of the moments of these rows instead.

    Attributes:
        store: an applied feature store.
        source: which of its two stores is read.
    """

    store: FeatureStore
    source: Source
    _offline: dict[str, ServiceColumns] = field(default_factory=dict, init=False, repr=False, compare=False)
    _online: dict[str, OnlineService] = field(default_factory=dict, init=False, repr=False, compare=False)
    _pushed: list[PushedRows] = field(default_factory=list, init=False, repr=False, compare=False)

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
            InputError: the registry has no such service, or it cannot be read for one entity; or the online store was
                not filled, or changed since.
        """
        keys = ids if isinstance(ids, pa.Array) else pa.array(ids, pa.string())
        if self.source == "offline":
            if service not in self._offline:
                self._offline[service] = service_columns(self.store, service)
            columns = self._offline[service]
            rows = historical_features(self.store, service, as_of(columns.entity_key, keys, moment))
            return rows.select(columns.arrow_schema.names)
        if service not in self._online:
            resolved = OnlineService.resolve(self.store, service)
            pushed = self._pushed[0] if self._pushed and resolved.columns.entity_key == USER_ID else None
            self._online[service] = replace(resolved, provider=self.generation.provider, pushed=pushed)
        online = self._online[service]
        parts = [online.read(block, moment) for block in id_blocks(keys.to_pylist())]
        self.generation.check_unchanged()
        # For one user, a concatenation would be a noticeable part of the read.
        return parts[0] if len(parts) == 1 else pa.concat_tables([online.columns.arrow_schema.empty_table(), *parts])

    def unknown_users(self, users: Sequence[str], moment: datetime) -> list[str]:
        """Return the users without a profile, in their order: offline at the moment, online in the store.

        Online, only these users are read, and no feature table.

        Args:
            users: ids.
            moment: of the request, UTC.

        Raises:
            InputError: see `read`; or offline, no user has a profile at the moment.
        """
        if self.source == "offline":
            ids = pa.array(users, pa.string())
            unknown: list[str] = ids.filter(pc.invert(pc.is_in(ids, user_ids(self.store, moment)))).to_pylist()
            return unknown
        provider, view = self.generation.provider, self.store.get_feature_view(USER_PROFILE)
        names = [view.features[0].name]
        rows = [
            (user, features)
            for block in id_blocks([*users])
            for user, features in zip(block, read_rows(provider, view, entity_keys(USER_ID, block), names), strict=True)
        ]
        self.generation.check_unchanged()
        return [user for user, features in rows if features is None]

    def read_pushed(self, rows: PushedRows) -> None:
        """Read pushed rows of users from now on, where there are any, instead of those of the generation."""
        self._pushed[:] = [rows]
        self._online.clear()

    def moments_of(self, user_ids: Sequence[str], moment: datetime) -> list[datetime] | None:
        """The moments as of which users are read in a request of `moment`, UTC: later ones with pushed rows.

        Returns:
            (n,), or None if `moment` is that of all users.
        """
        pushed = self._pushed[0].moments if self._pushed else {}
        if not pushed or pushed.keys().isdisjoint(user_ids):
            return None
        return [pushed.get(user, moment) for user in user_ids]

    def limit_waiting(self, seconds: float) -> None:
        """Let each command to an online store in another process end within a time: `redis_client.limit_waiting`."""
        for provider in (self.generation.provider, *(pushed.provider for pushed in self._pushed)):
            limit_waiting(provider, seconds)

    @property
    def tables(self) -> dict[str, str]:
        """SHA-256 of the feature table that each view is read from, online as of the materialization, by view."""
        return self.generation.record.tables if self.source == "online" else self._digests.by_view

    def check_unchanged(self, result: str) -> None:
        """Check that the online store or the feature tables are those of the first call or read of `tables`.

        Args:
            result: for the message, see `TableDigests.check_unchanged`.

        Raises:
            InputError: they were changed.
        """
        if self.source == "online":
            self.generation.check_unchanged()
        else:
            self._digests.check_unchanged(self.store, result)

    @cached_property
    def _digests(self) -> TableDigests:
        return TableDigests.compute(self.store, request_views(self.store))

    @cached_property
    def generation(self) -> OpenGeneration:
        """The generation of the online store that is read; opened once, also if another one takes its place.

        Raises:
            InputError: see `OpenGeneration.open`.
        """
        return OpenGeneration.open(self.store)


def id_blocks(ids: list[str]) -> Iterator[list[str]]:
    """Split ids into blocks of `IDS_PER_READ`: as many as one read of the online store takes."""
    for start in range(0, len(ids), IDS_PER_READ):
        yield ids[start : start + IDS_PER_READ]

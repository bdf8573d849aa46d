"""Rows of users that were pushed after the online store was filled, in a place of their own in the same store.

The rows of a generation are never changed: a process that reads one, such as the nightly job, finds all users as of one
moment. Pushed rows are read by the process that pushed them, instead of those of the generation.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final, Self

import pyarrow as pa
from feast import FeatureStore, FeatureView
from feast.data_source import PushSource
from feast.infra.provider import Provider, get_provider

from features.errors import InputError
from features.schema import EVENT_TIMESTAMP, USER_ID
from features.store.sqlite_file import at_path, execute_script, sqlite_path
from features.store.store_errors import naming_store_errors

_PROJECT: Final = "{project}_pushed"


@dataclass(frozen=True, eq=False)
class PushedRows:
    """Pushed rows, and the moments from which they are valid.

    Attributes:
        provider: of the online store that holds the rows.
        views: that have a push source, by the name of their table.
        moments: of the rows of each user with pushed rows, UTC.
    """

    provider: Provider
    views: Mapping[str, FeatureView]
    moments: dict[str, datetime] = field(default_factory=dict)

    @classmethod
    def open(cls, store: FeatureStore, folder: Path) -> Self:
        """Open a place without rows: a new file for SQLite, a project of its own in other stores.

        Rows that an earlier process has left there are replaced or never read.

        Args:
            store: an applied feature store.
            folder: for the file; it must exist as long as the result is used.

        Raises:
            InputError: the registry has no view with a push source, or the store does not answer.
        """
        views = {view.name: view for view in store.list_feature_views() if isinstance(view.stream_source, PushSource)}
        if not views:
            raise InputError("No feature view has a push source: run `feast apply` with the present feature_repo.")
        config = store.config.model_copy(update={"project": _PROJECT.format(project=store.project)})
        path = folder / "pushed.db"
        in_file = sqlite_path(store) is not None
        if in_file:
            config = at_path(config, path)
        provider = get_provider(config)
        if in_file:  # it lasts as long as this process, and the event log has what it is computed from
            execute_script(provider, "pragma synchronous = off; pragma journal_mode = off")
        with naming_store_errors():
            provider.online_store.update(config, [], [*views.values()], [], [], partial=True)
        return cls(provider, views)

    def push(self, tables: Mapping[str, pa.Table]) -> None:
        """Write rows: `user_id`, `event_timestamp` and features, by the name of the view; at most one for each user.

        Raises:
            OnlineStoreUnavailableError: the online store does not answer.
        """
        with naming_store_errors():
            for name, table in tables.items():
                if table.num_rows:
                    self.provider.ingest_df(self.views[name], table.to_pandas())
        for table in tables.values():
            moments = table[EVENT_TIMESTAMP].to_pylist()
            for user, moment in zip(table[USER_ID].to_pylist(), moments, strict=True):
                self.moments[user] = max(moment, self.moments.get(user, moment))

    def forget(self, users: Sequence[str]) -> None:
        """Read the rows of the generation again for these users."""
        for user in users:
            self.moments.pop(user, None)

"""Rows of users that were pushed after the online store was filled, in a place of their own in the same store.

The rows of a generation are never changed: a process that reads one, such as the nightly job, finds all users as of one
moment. Pushed rows are read by the process that pushed them, instead of those of the generation.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Self

from feast import FeatureStore, FeatureView
from feast.data_source import PushSource
from feast.infra.provider import Provider, get_provider

from features.errors import InputError
from features.schema import EVENT_TIMESTAMP, USER_ID
from features.store.online_keys import entity_keys
from features.store.online_values import online_message
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
        in_file = sqlite_path(store) is not None
        if in_file:
            config = at_path(config, folder / "pushed.db")
        provider = get_provider(config)
        if in_file:  # it lasts as long as this process, and the event log has what it is computed from
            execute_script(provider, "pragma synchronous = off; pragma journal_mode = off")
        with naming_store_errors():
            provider.online_store.update(config, [], [*views.values()], [], [], partial=True)
        return cls(provider, views)

    def push(self, rows: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
        """Write rows: `user_id`, `event_timestamp` and features, by the name of the view.

        Raises:
            OnlineStoreUnavailableError: the online store does not answer; the same rows can be pushed again.
        """
        moments: dict[str, datetime] = {}
        for name, of_view in rows.items():
            view = self.views[name]
            keys = entity_keys(USER_ID, [row[USER_ID] for row in of_view])
            written = []
            for key, row in zip(keys, of_view, strict=True):
                features = {each.name: online_message(row[each.name], each.dtype) for each in view.features}
                moment = row[EVENT_TIMESTAMP]
                written.append((key, features, moment, None))
                moments[row[USER_ID]] = max(moment, moments.get(row[USER_ID], moment))
            with naming_store_errors():
                self.provider.online_write_batch(self.provider.repo_config, view, written, None)
        self.moments.update(moments)

    def forget(self, users: Sequence[str]) -> None:
        """Read the rows of the generation again for these users."""
        for user in users:
            self.moments.pop(user, None)

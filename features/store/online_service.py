"""A feature service in the online store: resolved once, then read with one call of the online store per stored view.

Feast's `get_online_features` resolves the service in each call, and converts each value to Python, to Arrow and back to
a message: most of its time. This reads the same values through the same interface of the online store,
`OnlineStore.online_read`, and computes on-demand features with the transformation of their view.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Self, TypeAlias

import pyarrow as pa
from feast import FeatureStore, FeatureView, OnDemandFeatureView
from feast.infra.provider import Provider
from feast.protos.feast.types.EntityKey_pb2 import EntityKey
from feast.protos.feast.types.Value_pb2 import Value
from feast.types import from_feast_to_pyarrow_type
from feast.utils import _get_online_request_context

from features.errors import InputError
from features.schema import REQUEST_TIMESTAMP
from features.store.online_keys import entity_keys
from features.store.online_values import online_array
from features.store.pushed_rows import PushedRows
from features.store.registry import feature_service, service_columns
from features.store.service_columns import ServiceColumns
from features.store.store_errors import naming_store_errors

_Messages: TypeAlias = dict[tuple[str, str], list[Any]]
_Features: TypeAlias = dict[str, pa.Array]

_NO_ROW: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MODES: Final = ("pandas", "python")


def read_rows(
    provider: Provider, view: FeatureView, keys: list[EntityKey], names: list[str]
) -> list[dict[str, Value] | None]:
    """Read features of a view from the online store; None for a key without a row.

    Raises:
        OnlineStoreUnavailableError: the online store does not answer.
        InputError: the online store has no tables.
    """
    with naming_store_errors():
        rows = provider.online_read(provider.repo_config, view, keys, names)
    # Some stores return a row of empty messages, of the beginning of time, for a key that they do not have.
    return [None if moment == _NO_ROW else features for moment, features in rows]


@dataclass(frozen=True, eq=False)
class OnlineService:
    """A feature service of one entity, as Feast resolves it for online reads.

    Attributes:
        store: an applied feature store.
        provider: of the online store that is read.
        columns: the service's columns.
        views: the stored views, and of each the features that the service or its on-demand views need.
        on_demand: the on-demand views, by name.
        request_data: of each on-demand view, what it takes from the request.
        pushed: rows that are read instead of those of the provider; None if there are none.
    """

    store: FeatureStore
    provider: Provider
    columns: ServiceColumns
    views: tuple[tuple[FeatureView, list[str]], ...]
    on_demand: dict[str, OnDemandFeatureView]
    request_data: dict[str, tuple[str, ...]]
    pushed: PushedRows | None = None
    _of_moment: dict[str, tuple[datetime, _Features]] = field(default_factory=dict, init=False, repr=False)

    @classmethod
    def resolve(cls, store: FeatureStore, name: str) -> Self:
        """Resolve the feature service `name`.

        Raises:
            InputError: the registry has no such service, it cannot be read for one entity, or a view is not online.
        """
        columns, service = service_columns(store, name), feature_service(store, name)
        # What `get_online_features` resolves: views with the features to read, checked for the state of each view.
        _, on_demand, *_, views, _, request_data, _ = _get_online_request_context(
            store.registry, store.project, service, full_feature_names=False
        )
        for view, _ in views:
            if not view.online:
                raise InputError(
                    f"Feature service '{name}' cannot be read online: feature view '{view.name}' has online=False. Set "
                    "online=True in feature_views.py, then run `feast apply` and `python jobs/materialize.py`."
                )
        for view in on_demand:
            if view.mode not in _MODES or view.singleton or view.aggregations:
                raise InputError(
                    f"On-demand view '{view.name}' of feature service '{name}' cannot be read: declare it with mode "
                    f"{' or '.join(_MODES)}, without singleton and aggregations."
                )
        if request_data - {REQUEST_TIMESTAMP}:
            raise InputError(
                f"Feature service '{name}' needs {', '.join(sorted(request_data))} with each request, which provides "
                f"{REQUEST_TIMESTAMP} only."
            )
        by_name = {view.projection.name: view for view in on_demand}
        request_names = {name: tuple(view.get_request_data_schema()) for name, view in by_name.items()}
        return cls(store, store.provider, columns, tuple(views), by_name, request_names)

    def read(self, ids: list[str], moment: datetime) -> pa.Table:
        """Read the features of `ids`.

        Args:
            ids: of the service's entity, (n,); each is read once, even if it is repeated.
            moment: of the request, UTC; on-demand features depend on it. That of ids with pushed rows is theirs.

        Returns:
            The entity key and the service's features, n rows in the order of `ids`. Unknown values are null.

        Raises:
            InputError: the online store has no tables.
        """
        unique = list(dict.fromkeys(ids))
        pushed = self.pushed.moments if self.pushed else {}
        later = [id_ for id_ in unique if id_ in pushed] if pushed else []
        if not later and len(unique) == len(ids):
            return self._read_unique(unique, moment, self.provider)
        tables = [self._read_pushed(id_) for id_ in later]
        others = [id_ for id_ in unique if id_ not in pushed]
        if others or not tables:
            tables.append(self._read_unique(others, moment, self.provider))
        places = {id_: place for place, id_ in enumerate([*later, *others])}
        return pa.concat_tables(tables).take(pa.array([places[id_] for id_ in ids], pa.int64()))

    def _read_pushed(self, id_: str) -> pa.Table:
        assert self.pushed is not None  # noqa: S101 - for mypy
        return self._read_unique([id_], self.pushed.moments[id_], self.pushed.provider)

    def _read_unique(self, ids: list[str], moment: datetime, provider: Provider) -> pa.Table:
        messages = self._read_messages(ids, provider)
        computed = {name: self._compute(name, messages, len(ids), moment) for name in self.on_demand}
        arrays = [
            computed[column.view][column.name]
            if column.view in computed
            else online_array(messages[column.view, column.name], column.arrow_type)
            for column in self.columns.columns
        ]
        return pa.table([pa.array(ids, pa.string()), *arrays], self.columns.arrow_schema)

    def _read_messages(self, ids: list[str], provider: Provider) -> _Messages:
        """Read the views of a provider; those that it lacks, because they are never pushed, from the generation."""
        keys, messages = entity_keys(self.columns.entity_key, ids), {}
        for view, names in self.views:
            has_view = self.pushed is None or view.name in self.pushed.views
            rows = read_rows(provider if has_view else self.provider, view, keys, names)
            for name in names:
                messages[view.name, name] = [None if features is None else features.get(name) for features in rows]
        return messages

    def _compute(self, name: str, messages: _Messages, rows: int, moment: datetime) -> _Features:
        """The features of an on-demand view that the service contains, (rows,) each.

        Those of a view without stored features depend on the moment alone, and are computed once for the last one.
        """
        if self.on_demand[name].source_feature_view_projections:
            return self._transform(name, messages, rows, moment)
        known_moment, known = self._of_moment.get(name, (None, {}))
        if known_moment != moment:
            known = self._transform(name, messages, 1, moment)
            self._of_moment[name] = moment, known
        return {feature: pa.repeat(value[0], rows) for feature, value in known.items()}

    def _transform(self, name: str, messages: _Messages, rows: int, moment: datetime) -> _Features:
        """Call the transformation of an on-demand view. Its inputs have the types that they have offline."""
        view, second = self.on_demand[name], pa.scalar(moment.replace(microsecond=0), pa.timestamp("us", tz="UTC"))
        inputs = {of_request: pa.repeat(second, rows) for of_request in self.request_data[name]}
        for projection in view.source_feature_view_projections.values():
            for feature in projection.features:
                values = messages[projection.name, feature.name]
                array = online_array(values, from_feast_to_pyarrow_type(feature.dtype))
                # Feast offers inputs under both names.
                inputs[feature.name] = inputs[f"{projection.name}__{feature.name}"] = array
        table = pa.table(inputs)
        if view.mode == "python":
            transformed: Mapping[str, Any] = view.transform_dict(table.to_pydict())
        else:
            # Threads gain nothing for a block of users, and one user waits for them.
            transformed = view.feature_transformation.transform(table.to_pandas(use_threads=False))
        return {
            column.name: pa.array(transformed[column.name], column.arrow_type, from_pandas=True)
            for column in self.columns.columns
            if column.view == name
        }

"""The registry of a feature store: its services and views."""

import ast
import hashlib
import json
import os
import re
import textwrap
import warnings
from pathlib import Path

from feast import FeatureService, FeatureStore, FeatureView, OnDemandFeatureView
from feast.errors import FeastObjectNotFoundException
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

from features.errors import InputError
from features.schema import ITEM_ID, USER_ID
from features.store.service_columns import ServiceColumn, ServiceColumns
from features.store.service_schema import FeatureColumn, ServiceSchema, TowerSchemas

_EMBEDDED_KEY = "embedded_key"
_ENCODING = "encoding"
_REFERS_TO = "refers_to"

# Users can do nothing about either: Feast's DuckDB store calls a method that ibis has renamed; Feast calls on-demand
# views experimental at each use. Tests of this project require equal on-demand values offline and online.
warnings.filterwarnings("ignore", message="fetch_arrow_table")
warnings.filterwarnings("ignore", message="On demand feature view is an experimental feature")


def open_feature_store(repo: Path) -> FeatureStore:
    """Open the feature store that is declared in the folder `repo`.

    As for Feast's own commands, `FEAST_FS_YAML_FILE_PATH` may name another yaml file.

    Raises:
        InputError: the folder has no feature_store.yaml, the yaml needs an environment variable that is not set, or
            `feast apply` was not run.
    """
    if not (repo / "feature_store.yaml").is_file():
        raise InputError(f"{repo} has no feature_store.yaml: pass the feature repository with --repo.")
    _check_variables(repo)
    try:
        store = FeatureStore(repo_path=str(repo))
        services = store.list_feature_services()
    except DecodeError as error:
        # Feast empties the file before it writes it, and reports no error if the disk is full.
        raise InputError(
            f"The registry of {repo} is damaged, as after `feast apply` on a full disk: free some space, delete the "
            f"file that `registry` in feature_store.yaml names, and run `feast -c {repo} apply`."
        ) from error
    if not services:
        raise InputError(f"The registry of {repo} is empty: run `feast -c {repo} apply` first.")
    _check_features(store, services, repo)
    return store


def _check_features(store: FeatureStore, services: list[FeatureService], repo: Path) -> None:
    """`feast apply` refuses services whose features are not declared: such a registry is damaged."""
    views = views_by_name(store)
    for service in services:
        for projection in service.feature_view_projections:
            declared = {field.name for field in views[projection.name].features} if projection.name in views else set()
            missing = [field.name for field in projection.features if field.name not in declared]
            if missing:
                raise InputError(
                    f"The registry of {repo} is damaged: feature view '{projection.name}' lacks the feature "
                    f"{missing[0]!r} of service '{service.name}'. Run `feast -c {repo} apply`; if the error stays, "
                    "delete the file that `registry` in feature_store.yaml names first."
                )


def _check_variables(repo: Path) -> None:
    """Feast leaves `${…}` unchanged if the variable is not set, and would create a folder of that name."""
    path = Path(os.environ.get("FEAST_FS_YAML_FILE_PATH", repo / "feature_store.yaml"))
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    for name in re.findall(r"\$\{(\w+)\}", "\n".join(line for line in lines if not line.lstrip().startswith("#"))):
        if name not in os.environ:
            raise InputError(f"{path} needs the environment variable {name}, which is not set.")


def feature_service(store: FeatureStore, name: str) -> FeatureService:
    """Return a feature service by name.

    Raises:
        InputError: the registry has no service of this name.
    """
    try:
        return store.get_feature_service(name)
    except FeastObjectNotFoundException as error:
        declared = ", ".join(sorted(service.name for service in store.list_feature_services()))
        raise InputError(
            f"The registry has no feature service '{name}' (it has {declared}): declare it in feature_services.py and "
            "run `feast apply`."
        ) from error


def service_schema(store: FeatureStore, name: str, entity_key: str) -> ServiceSchema:
    """Read the schema of a tower, whose service describes the entity with the join key `entity_key`.

    Raises:
        InputError: the registry has no such service, the service embeds another key, or towers do not support a field.
    """
    service = feature_service(store, name)
    embedded = service.tags.get(_EMBEDDED_KEY)
    if embedded not in {None, entity_key}:
        raise InputError(f"Feature service '{name}' embeds the key '{embedded}', but describes '{entity_key}'.")
    views, columns = views_by_name(store), []
    for projection in service.feature_view_projections:
        view = views[projection.name]
        code = code_fingerprint(view)
        for field in projection.features:
            # Fields of on-demand views have no tags of their own: the view's tags name the field.
            encoding, refers_to = (
                field.tags.get(tag) or view.tags.get(f"{tag}:{field.name}") for tag in (_ENCODING, _REFERS_TO)
            )
            columns.append(
                FeatureColumn.from_field(
                    field.name, str(field.dtype), encoding, projection.name, name, refers_to or "", code
                )
            )
    return ServiceSchema(name, entity_key, embedded is not None, tuple(columns))


def service_columns(store: FeatureStore, name: str) -> ServiceColumns:
    """Read the columns of the feature service `name` from the registry.

    Raises:
        InputError: the registry has no such service, it describes no entity or several, or a dtype is not supported.
    """
    keys = {key for view in views_of_service(store, name) for key in view.join_keys}
    if len(keys) != 1:
        raise InputError(
            f"Feature service '{name}' describes {' and '.join(sorted(keys)) or 'no entity'}: only services of one "
            "entity can be read by its ids."
        )
    columns = tuple(
        ServiceColumn.from_field(field.name, str(field.dtype), projection.name, name)
        for projection in feature_service(store, name).feature_view_projections
        for field in projection.features
    )
    return ServiceColumns(name, keys.pop(), columns)


def tower_schemas(store: FeatureStore, query_service: str, item_service: str) -> TowerSchemas:
    """Read the schemas of both towers."""
    return TowerSchemas(
        query=service_schema(store, query_service, USER_ID), item=service_schema(store, item_service, ITEM_ID)
    )


def online_views(store: FeatureStore) -> list[FeatureView]:
    """Return the feature views that are materialized: stored, declared online, and read by some feature service."""
    views = views_by_name(store)
    names = {name for service in store.list_feature_services() for name in _stored_views(views, service)}
    return [views[name] for name in sorted(names) if views[name].online]


def views_of_service(store: FeatureStore, name: str) -> list[FeatureView]:
    """Return the stored feature views that the feature service `name` reads, directly or through an on-demand view."""
    views = views_by_name(store)
    return [views[view] for view in sorted(_stored_views(views, feature_service(store, name)))]


def _stored_views(views: dict[str, FeatureView | OnDemandFeatureView], service: FeatureService) -> set[str]:
    names: set[str] = set()
    for projection in service.feature_view_projections:
        view = views[projection.name]
        if isinstance(view, OnDemandFeatureView):
            names.update(source.name for source in view.source_feature_view_projections.values())
        else:
            names.add(view.name)
    return names


def views_by_name(store: FeatureStore) -> dict[str, FeatureView | OnDemandFeatureView]:
    """Return all views of the registry, stored and on demand."""
    return {view.name: view for view in (*store.list_feature_views(), *store.list_on_demand_feature_views())}


def view_fingerprint(view: FeatureView) -> str:
    """SHA-256 over what determines the online rows of a stored view, first 16 hex digits.

    Where the table lies, descriptions and tags are not part of it.
    """
    source = view.batch_source
    declaration = [
        sorted(view.join_keys),
        [[field.name, str(field.dtype)] for field in view.features],
        view.ttl.total_seconds() if view.ttl else 0,
        [source.timestamp_field, source.created_timestamp_column or "", sorted(source.field_mapping.items())],
    ]
    return hashlib.sha256(json.dumps(declaration).encode()).hexdigest()[:16]


def code_fingerprint(view: FeatureView | OnDemandFeatureView) -> str:
    """SHA-256 over the code of an on-demand view, first 16 hex digits; empty for a stored view.

    Comments, docstring, layout, description and tags are not part of it.
    """
    if not isinstance(view, OnDemandFeatureView):
        return ""
    code = _function_code(textwrap.dedent(view.feature_transformation.udf_string))
    return hashlib.sha256(code.encode()).hexdigest()[:16]


def _function_code(source: str) -> str:
    """Arguments and body of a function without its docstring; any other source as it is."""
    (function,) = ast.parse(source).body
    if not isinstance(function, ast.FunctionDef):
        return source
    body = function.body[1:] if ast.get_docstring(function, clean=False) is not None else function.body
    return "\n".join([ast.unparse(function.args), *(ast.unparse(statement) for statement in body)])

"""The registry: opens a feature store, and looks up its services, views and source tables."""

import ast
import hashlib
import os
import re
import textwrap
import warnings
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from feast import FeatureService, FeatureStore, FeatureView, OnDemandFeatureView
from feast.errors import FeastObjectNotFoundException
from feast.infra.offline_stores.offline_store import RetrievalJob
from feast.infra.offline_stores.offline_utils import get_offline_store_from_config

from features.asof_store.retrieval_job import AsOfRetrievalJob
from features.asof_store.views import join_keys
from features.errors import InputError
from features.schema import ITEM_ID, USER_ID
from features.store.service_columns import ServiceColumn, ServiceColumns
from features.store.service_schema import FeatureColumn, ServiceSchema, TowerSchemas

# Earlier than every stamp: the door refuses purchases before it.
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
END_OF_TIME = datetime(9999, 1, 1, tzinfo=UTC)

_EMBEDDED_KEY = "embedded_key"
_ENCODING = "encoding"
_OF = "of"

# Neither is for who runs a job to mend: Feast's DuckDB store calls a method that ibis has renamed, and Feast calls
# on-demand views experimental every time; this project's tests hold them to equal values offline and online.
warnings.filterwarnings("ignore", message="fetch_arrow_table")
warnings.filterwarnings("ignore", message="On demand feature view is an experimental feature")


def open_feature_store(repo: Path) -> FeatureStore:
    """Open the feature store declared in the folder `repo`, after `feast apply`.

    `FEAST_FS_YAML_FILE_PATH` may name another yaml, as it does for Feast's own commands.

    Raises:
        InputError: the folder has no feature_store.yaml, or nothing was applied.
    """
    if not (repo / "feature_store.yaml").is_file():
        raise InputError(f"{repo} has no feature_store.yaml: pass the feature repository with --repo.")
    _check_variables(repo)
    store = FeatureStore(repo_path=str(repo))
    if not store.list_feature_services():
        raise InputError(f"The registry of {repo} is empty: run `feast -c {repo} apply` first.")
    return store


def _check_variables(repo: Path) -> None:
    """Feast leaves `${…}` as it is if the variable is not set, and would make a folder of that name."""
    path = Path(os.environ.get("FEAST_FS_YAML_FILE_PATH", repo / "feature_store.yaml"))
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    for name in re.findall(r"\$\{(\w+)\}", "\n".join(line for line in lines if not line.lstrip().startswith("#"))):
        if name not in os.environ:
            raise InputError(f"{path} needs the environment variable {name}, which is not set.")


def feature_service(store: FeatureStore, name: str) -> FeatureService:
    """Return a feature service by name.

    Raises:
        InputError: the registry has none of this name.
    """
    try:
        return store.get_feature_service(name)
    except FeastObjectNotFoundException as error:
        known = ", ".join(sorted(service.name for service in store.list_feature_services()))
        raise InputError(
            f"The registry has no feature service '{name}' (it has {known}): declare it in feature_services.py and "
            "run `feast apply`."
        ) from error


def service_schema(store: FeatureStore, name: str, entity_key: str) -> ServiceSchema:
    """Read from the registry what the feature service `name` hands over about `entity_key`."""
    service = feature_service(store, name)
    embedded = service.tags.get(_EMBEDDED_KEY)
    if embedded not in {None, entity_key}:
        raise InputError(f"Feature service '{name}' embeds the key '{embedded}', but describes '{entity_key}'.")
    views, columns = views_by_name(store), []
    for projection in service.feature_view_projections:
        view = views[projection.name]
        code = code_fingerprint(view)
        for field in projection.features:
            tag, of = (field.tags.get(word) or view.tags.get(f"{word}:{field.name}") for word in (_ENCODING, _OF))
            columns.append(
                FeatureColumn.declared(field.name, str(field.dtype), tag, projection.name, name, of or "", code)
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
    """Read both towers' feature services from the registry."""
    return TowerSchemas(
        query=service_schema(store, query_service, USER_ID), item=service_schema(store, item_service, ITEM_ID)
    )


def views_in_services(store: FeatureStore) -> list[FeatureView]:
    """Return the stored feature views that some feature service reads, directly or through an on-demand view."""
    views = views_by_name(store)
    names = {name for service in store.list_feature_services() for name in _stored_views(views, service)}
    return [views[name] for name in sorted(names)]


def views_of_service(store: FeatureStore, name: str) -> list[FeatureView]:
    """Return the stored feature views that the feature service `name` reads, directly or through an on-demand view."""
    views = views_by_name(store)
    return [views[view] for view in sorted(_stored_views(views, feature_service(store, name)))]


def read_source(
    store: FeatureStore, view_name: str, columns: list[str], *, known_at: datetime, latest: bool = False
) -> pa.Table:
    """Read rows of a feature view's own source through the offline store.

    Args:
        store: an applied feature store.
        view_name: name of the feature view.
        columns: feature columns to read beside the join keys and timestamps.
        known_at: rows stamped later are left out.
        latest: only the last row of every key instead of all rows.
    """
    table = _source(store, view_name, columns, known_at, latest=latest).to_arrow()
    return table.rename_columns(_served_names(store, view_name, table.column_names))


def write_source(store: FeatureStore, view_name: str, columns: list[str], path: Path, *, known_at: datetime) -> Path:
    """Write all rows of a feature view's own source to a Parquet file; the as-of store holds only a batch in memory."""
    job = _source(store, view_name, columns, known_at, latest=False)
    reader = job.to_arrow_batches() if isinstance(job, AsOfRetrievalJob) else job.to_arrow().to_reader()
    names = _served_names(store, view_name, reader.schema.names)
    schema = pa.schema([field.with_name(name) for field, name in zip(reader.schema, names, strict=True)])
    with pq.ParquetWriter(path, schema) as writer:
        for batch in reader:
            writer.write_batch(pa.RecordBatch.from_arrays(batch.columns, schema=schema))
    return path


def created_column(store: FeatureStore, view_name: str) -> str | None:
    """The column that says when a row of a view's source was written, if there is one."""
    return store.get_feature_view(view_name).batch_source.created_timestamp_column or None


def _served_names(store: FeatureStore, view_name: str, names: list[str]) -> list[str]:
    """The names under which Feast serves a file's columns."""
    mapping = store.get_feature_view(view_name).batch_source.field_mapping
    return [mapping.get(name, name) for name in names]


def _source(
    store: FeatureStore, view_name: str, columns: list[str], known_at: datetime, *, latest: bool
) -> RetrievalJob:
    view = store.get_feature_view(view_name)
    source = view.batch_source
    offline = get_offline_store_from_config(store.config.offline_store)
    pull = offline.pull_latest_from_table_or_query if latest else offline.pull_all_from_table_or_query
    in_file = {served: name for name, served in source.field_mapping.items()}
    created = source.created_timestamp_column
    return pull(
        config=store.config,
        data_source=source,
        join_key_columns=[in_file.get(key, key) for key in join_keys(view)],
        feature_name_columns=[in_file.get(column, column) for column in columns],
        timestamp_field=in_file.get(source.timestamp_field, source.timestamp_field),
        created_timestamp_column=in_file.get(created, created) or None,
        start_date=BEGINNING,
        end_date=known_at,
    )


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

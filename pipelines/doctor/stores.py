"""Checks of the registry, the current release and the online store, and whether they fit together."""

import os
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from feast import FeatureStore
from feast.repo_config import RepoConfig, load_repo_config

from features.errors import InputError
from features.store.catalogue_snapshot import CatalogueSnapshot, snapshot_path
from features.store.data_end import data_end
from features.store.generation import OpenGeneration
from features.store.registry import online_views, open_feature_store, tower_schemas
from features.store.request_services import request_service_fingerprints
from features.store.sqlite_file import sqlite_path
from features.text import counted
from models.config import DEFAULT
from models.release.integrity import MANIFEST, read_verified_manifest
from models.release.manifest import REQUEST_SERVICES
from pipelines.doctor.finding import Finding, Found, minute

_FRESH: Final = timedelta(days=7)


def check_registry(repo: Path, found: Found) -> Finding:
    """Open the feature store; check the services that a training reads and the files of the sources."""
    if not (repo / "feature_store.yaml").is_file():
        return Finding("broken", f"{repo} has no feature_store.yaml: pass the feature repository with --repo.")
    apply = f"feast -c {repo} apply"
    config = load_repo_config(repo, Path(os.environ.get("FEAST_FS_YAML_FILE_PATH", repo / "feature_store.yaml")))
    path = _local_path(config, config.registry if isinstance(config.registry, str) else config.registry.path)
    if path is not None and not path.is_file():  # opening the store would create the file
        return Finding("missing", f"There is no registry {path}.", apply)
    try:
        store = found.store = open_feature_store(repo)
    except InputError as error:
        return Finding("missing" if error.__cause__ is None else "broken", str(error), apply)  # empty, or damaged
    try:
        tower_schemas(store, DEFAULT.query_service, DEFAULT.item_service)
        request_service_fingerprints(store)
    except InputError as error:
        return Finding("outdated", str(error), apply)
    views = store.list_feature_views()
    files = [Path(view.batch_source.path) for view in views if "://" not in view.batch_source.path]
    absent = sorted({str(file) for file in files if not file.exists()})
    if absent:
        return Finding("broken", f"The registry reads {absent[0]}, which does not exist.", apply)
    services = counted(len(store.list_feature_services()), "service")
    return Finding(
        "ok",
        f"{path or 'registry'}: {counted(len(views), 'view')}, {services}; offline store "
        f"{_type_of(config.offline_store)}, online store {_type_of(config.online_store)}",
    )


def _local_path(config: RepoConfig, path: str) -> Path | None:
    """Return a path of a configuration as an absolute path, or None if it is a URL."""
    return None if "://" in path else (Path(config.repo_path) / path).resolve()


def _type_of(config: Any) -> str:
    return str(config["type"] if isinstance(config, Mapping) else config.type)


def check_release(releases: Path, found: Found) -> Finding:
    """Verify the files of the current release, and compare its feature services with the registry."""
    latest, command = releases / "LATEST", "python jobs/train.py"
    if not latest.is_file():
        return Finding("missing", f"There is no release in {releases}.", command)
    version = latest.read_text(encoding="utf-8").strip()
    folder = releases / version
    if not (folder / MANIFEST).is_file():
        return Finding("broken", f"{latest} names {version}, which is not in {releases}.", command)
    manifest = read_verified_manifest(folder, version, ())
    as_of = datetime.fromisoformat(manifest["as_of"])
    details = f"{folder}: format {manifest['format']}, as of {minute(as_of)}, all files verified"
    found.release = manifest
    if found.store is None:
        return Finding("ok", f"{details}; not compared with a registry")
    differing = _differing_services(found.store, manifest)
    if differing:
        return Finding("broken", f"{details}; the registry declares {', '.join(differing)} differently", command)
    days = (data_end(found.store) - as_of) // timedelta(days=1)
    if days > _FRESH.days:
        return Finding("outdated", f"{details}; the feature tables are {counted(days, 'day')} newer", command)
    return Finding("ok", f"{details}, fits the registry")


def _differing_services(store: FeatureStore, manifest: Mapping[str, Any]) -> list[str]:
    """Return the feature services whose declarations differ from those that a release was trained with."""
    towers = manifest["services"]
    current = tower_schemas(store, towers["query"]["service"], towers["item"]["service"])
    declared = request_service_fingerprints(store)
    declared |= {schema.service: schema.fingerprint for schema in (current.query, current.item)}
    expected = manifest[REQUEST_SERVICES] | {side["service"]: side["fingerprint"] for side in towers.values()}
    return sorted(name for name, fingerprint in declared.items() if expected.get(name) != fingerprint)


def check_online_store(found: Found) -> Finding:
    """Find the moment up to which the online store is materialized, and compare it with release and feature tables."""
    store, command = found.store, "python jobs/materialize.py"
    if store is None:
        return Finding("missing", "It is declared by the registry.")
    views, opened = online_views(store), OpenGeneration.find(store)
    if opened is None:
        return Finding("missing", "No feature view was materialized.", command)
    opened.check()
    generation = found.generation = opened.record
    until, rows, path = generation.as_of, sum(generation.rows.values()), sqlite_path(store)
    details = f"{_type_of(store.config.online_store)}, {counted(len(views), 'view')} as of {minute(until)}"
    details = details if path is None else f"{path.resolve()}: {details}, {counted(rows, 'row')}"
    if found.release is not None and until < (released := datetime.fromisoformat(found.release["as_of"])):
        return Finding("broken", f"{details}; older than the release ({minute(released)})", command)
    if until < (end := data_end(store)):
        return Finding("outdated", f"{details}; the feature tables are known until {minute(end)}", command)
    return Finding("ok", details)


def check_catalogue(found: Found) -> Finding:
    """Verify the catalogue snapshot, and compare it with the online store and the registry."""
    if found.store is None or found.generation is None:
        return Finding("missing", "It is written with the online store.")
    path = snapshot_path(found.store, found.generation)
    if not path.is_file():
        return Finding("missing", f"There is no file {path}.", "python jobs/materialize.py")
    snapshot = CatalogueSnapshot.open(found.store, found.generation)
    return Finding("ok", f"{path}: {counted(len(snapshot.item_ids), 'item')} as of {minute(snapshot.moment)}")

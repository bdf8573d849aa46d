"""The state of a project: which parts exist, whether they fit together, and the next command."""

import json
import os
import platform
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import pyarrow.parquet as pq
from feast import FeatureStore
from feast.repo_config import RepoConfig, load_repo_config
from features.store.service_fingerprints import service_fingerprints

from candidates.candidate_file import CANDIDATES
from features.errors import InputError
from features.raw.raw_files import find_raw_files
from features.schema import EVENT_TIMESTAMP
from features.store.data_end import data_end
from features.store.materialization import filled_until
from features.store.registry import open_feature_store, tower_schemas, views_in_services
from features.tables.feature_tables import TABLES
from features.text import counted
from models.config import DEFAULT
from models.release.integrity import read_verified_manifest
from models.release.manifest import REQUEST_SERVICES

State: TypeAlias = Literal["ok", "missing", "outdated", "broken"]
_LIBRARIES: Final = ("feast", "tensorflow", "tensorflow-recommenders", "duckdb", "numpy")
_FRESH: Final = timedelta(days=7)
_DAY_FORMAT: Final = "%Y-%m-%d"
_MINUTE_FORMAT: Final = "%Y-%m-%d %H:%M UTC"


@dataclass(frozen=True)
class Project:
    """Where the parts of a project are.

    Attributes:
        raw_dir: folder of the raw tables.
        tables: folder of the feature tables.
        repo: Feast feature repository.
        releases: folder of the releases.
        candidates: candidate file.
    """

    raw_dir: Path
    tables: Path
    repo: Path
    releases: Path
    candidates: Path


@dataclass(frozen=True)
class Finding:
    """The state of one part.

    Attributes:
        part: its name.
        state: "missing" if its step was not run yet, "outdated" if its step should be run again, "broken" if it cannot
            be used.
        details: what it holds, or what is wrong.
        command: the command that creates or repairs it; None if another part comes first.
    """

    part: str
    state: State
    details: str
    command: str | None = None


@dataclass
class Diagnosis:
    """The state of all parts, in the order of the data flow."""

    findings: list[Finding] = field(default_factory=list)

    @property
    def broken(self) -> bool:
        """Whether a part cannot be used."""
        return any(finding.state == "broken" for finding in self.findings)

    @property
    def next_command(self) -> str:
        """The command of the first part that is not ok, or the one that shows the result."""
        commands = (finding.command for finding in self.findings if finding.state != "ok" and finding.command)
        return next(commands, "python jobs/show_candidates.py")

    def add(self, part: str, check: Callable[[], Finding]) -> Finding:
        """Add the finding of a check; if the check fails, the part is broken."""
        try:
            finding = check()
        except InputError as error:
            finding = Finding(part, "broken", str(error))
        except Exception as error:  # noqa: BLE001 - a damaged part must not hide the state of the others
            finding = Finding(part, "broken", f"{type(error).__name__}: {' '.join(str(error).split())[:300]}")
        self.findings.append(finding)
        return finding


def diagnose(project: Project, commit: str | None) -> Diagnosis:
    """Check all parts of a project without changing any.

    Args:
        project: where the parts are.
        commit: of the code, if it is known.
    """
    diagnosis, found = Diagnosis(), _Found()
    diagnosis.add("versions", lambda: _versions(commit))
    diagnosis.add("raw tables", lambda: _raw_tables(project.raw_dir, project.tables))
    diagnosis.add("feature tables", lambda: _feature_tables(project.tables))
    diagnosis.add("registry", lambda: _registry(project.repo, found))
    diagnosis.add("release", lambda: _release(project.releases, found))
    diagnosis.add("online store", lambda: _online_store(found))
    diagnosis.add("candidates", lambda: _candidates(project.candidates, found))
    return diagnosis


@dataclass
class _Found:
    """What earlier checks found, for later ones."""

    store: FeatureStore | None = None
    release: dict[str, Any] | None = None
    online_until: datetime | None = None

    @property
    def released_as_of(self) -> datetime | None:
        return None if self.release is None else datetime.fromisoformat(self.release["as_of"])


def _versions(commit: str | None) -> Finding:
    versions = [f"Python {platform.python_version()}", *(f"{name} {version(name)}" for name in _installed())]
    absent = [name for name in _LIBRARIES if name not in _installed()]
    details = f"{', '.join(versions)}; commit {commit or 'unknown'}"
    if absent:
        return Finding("versions", "broken", f"{details}; not installed: {', '.join(absent)}", "make setup")
    return Finding("versions", "ok", details)


def _installed() -> list[str]:
    installed = []
    for name in _LIBRARIES:
        try:
            version(name)
        except PackageNotFoundError:
            continue
        installed.append(name)
    return installed


def _raw_tables(raw_dir: Path, tables: Path) -> Finding:
    try:
        files = find_raw_files(raw_dir)
    except InputError as error:
        # Built feature tables no longer need the raw tables.
        command = None if tables.is_dir() else "python jobs/fetch_demo_data.py"
        return Finding("raw tables", "missing", str(error), command)
    sizes = ", ".join(f"{file.path.name} ({file.path.stat().st_size / 1e6:,.1f} MB)" for file in files)
    return Finding("raw tables", "ok", f"{raw_dir}: {sizes}")


def _feature_tables(tables: Path) -> Finding:
    command = "python jobs/build_features.py"
    absent = [name for name in TABLES if not (tables / f"{name}.parquet").is_file()]
    if len(absent) == len(TABLES):
        return Finding("feature tables", "missing", f"{tables} has no feature tables.", command)
    if absent:
        return Finding("feature tables", "broken", f"{tables} lacks {', '.join(absent)}.", command)
    rows = sum(pq.read_metadata(tables / f"{name}.parquet").num_rows for name in TABLES)
    details = f"{tables}: {counted(len(TABLES), 'table')}, {counted(rows, 'row')}"
    return Finding("feature tables", "ok", f"{details}, known until {_last_stamp(tables):{_DAY_FORMAT}}")


def _last_stamp(tables: Path) -> datetime:
    """The last moment at which the sales of an item changed, from the statistics of the file."""
    metadata = pq.read_metadata(tables / "item_sales_daily.parquet")
    position = metadata.schema.names.index(EVENT_TIMESTAMP)
    groups = (metadata.row_group(number) for number in range(metadata.num_row_groups))
    last: datetime = max(group.column(position).statistics.max for group in groups)
    return last


def _registry(repo: Path, found: _Found) -> Finding:
    if not (repo / "feature_store.yaml").is_file():
        return Finding(
            "registry", "broken", f"{repo} has no feature_store.yaml: pass the feature repository with --repo."
        )
    apply = f"feast -c {repo} apply"
    config = _config(repo)
    path = _local_path(config, config.registry.path if hasattr(config.registry, "path") else str(config.registry))
    if path is not None and not path.is_file():  # opening the store would create it
        return Finding("registry", "missing", f"{path} does not exist: nothing was applied yet.", apply)
    store = open_feature_store(repo)
    found.store = store
    views, services = store.list_feature_views(), store.list_feature_services()
    details = (
        f"{config.registry.path if path is None else path}: {counted(len(views), 'view')}, "
        f"{counted(len(services), 'service')}; offline store {_type_of(config.offline_store)}, "
        f"online store {_type_of(config.online_store)}"
    )
    try:
        tower_schemas(store, DEFAULT.query_service, DEFAULT.item_service)
        service_fingerprints(store, ranked=True)
    except InputError as error:
        return Finding("registry", "outdated", str(error), apply)
    sources = sorted({view.batch_source.path for view in views})
    absent = [source for source in sources if "://" not in source and not Path(source).exists()]
    if absent:
        return Finding("registry", "broken", f"{details}; the source {absent[0]} does not exist.", apply)
    return Finding("registry", "ok", details)


def _config(repo: Path) -> RepoConfig:
    yaml = Path(os.environ.get("FEAST_FS_YAML_FILE_PATH", repo / "feature_store.yaml"))
    return load_repo_config(repo, yaml)


def _local_path(config: RepoConfig, path: str) -> Path | None:
    """A path in a configuration as an absolute path; None if it is in no local file."""
    return None if "://" in path else (Path(config.repo_path) / path).resolve()


def _type_of(store_config: Any) -> str:
    kind = store_config["type"] if isinstance(store_config, Mapping) else store_config.type
    return str(kind)


def _release(releases: Path, found: _Found) -> Finding:
    latest, command = releases / "LATEST", "python jobs/train.py"
    if not latest.is_file():
        return Finding("release", "missing", f"{releases} has no release.", command)
    name = latest.read_text(encoding="utf-8").strip()
    if not (releases / name / "manifest.json").is_file():
        return Finding("release", "broken", f"{latest} names {name}, which has no manifest.json.", command)
    try:
        manifest = read_verified_manifest(releases / name, name, ())
        as_of = datetime.fromisoformat(manifest["as_of"])
        differing = _differing_services(found.store, manifest) if found.store is not None else []
    except (InputError, KeyError, TypeError, ValueError) as error:
        return Finding("release", "broken", f"{releases / name}: {error}", command)
    found.release = manifest
    details = f"{releases / name}: format {manifest['format']}, as of {as_of:{_MINUTE_FORMAT}}, integrity verified"
    if differing:
        return Finding(
            "release", "broken",
            f"{details}; the registry declares differently: {', '.join(differing)}. Train again, or apply the feature "
            "repository of the release.",
            command,
        )  # fmt: skip
    if found.store is not None and (end := data_end(found.store)) > as_of + _FRESH:
        days = counted((end - as_of).days, "day")
        return Finding("release", "outdated", f"{details}; the feature tables are {days} newer.", command)
    return Finding("release", "ok", details)


def _differing_services(store: FeatureStore, manifest: Mapping[str, Any]) -> list[str]:
    """Names of the feature services whose declaration is not the one that a release was trained with."""
    towers = manifest["services"]
    current = tower_schemas(store, towers["query"]["service"], towers["item"]["service"])
    ranked = any(manifest["files"].get(name) for name in manifest["files"] if name.startswith("ranker_"))
    expected = {side["service"]: side["fingerprint"] for side in towers.values()} | manifest[REQUEST_SERVICES]
    declared = {schema.service: schema.fingerprint for schema in (current.query, current.item)}
    declared |= service_fingerprints(store, ranked=ranked)
    return sorted(name for name, fingerprint in declared.items() if expected.get(name) != fingerprint)


def _online_store(found: _Found) -> Finding:
    store, command = found.store, "python jobs/materialize.py"
    if store is None:
        return Finding("online store", "missing", "The registry must be applied first.")
    views = views_in_services(store)
    if not any(view.materialization_intervals for view in views):
        return Finding("online store", "missing", "No feature view was materialized yet.", command)
    try:
        until = filled_until(store)
    except InputError as error:
        return Finding("online store", "broken", str(error), command)
    details = f"{_type_of(store.config.online_store)}: {counted(len(views), 'view')} as of {until:{_MINUTE_FORMAT}}"
    if _type_of(store.config.online_store) == "sqlite":
        path = _local_path(store.config, store.config.online_store.path)
        if path is None or not path.is_file():
            return Finding("online store", "broken", f"{path} does not exist.", f"{command} --from-scratch")
        details = f"{path}, {details}, {counted(_sqlite_rows(store, path), 'row')}"
    found.online_until = until
    released = found.released_as_of
    if released is not None and until < released:
        details = f"{details}; older than the release ({released:{_MINUTE_FORMAT}})."
        return Finding("online store", "broken", details, command)
    if until < (end := data_end(store)):
        return Finding(
            "online store", "outdated", f"{details}; the feature tables end {end:{_MINUTE_FORMAT}}.", command
        )
    return Finding("online store", "ok", details)


def _sqlite_rows(store: FeatureStore, path: Path) -> int:
    """Keys in all views of an SQLite online store, which keeps a row for each feature of a key."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        counts = [
            connection.execute(f'select count(distinct entity_key) from "{store.project}_{view.name}"').fetchone()[0]
            for view in views_in_services(store)
        ]
    return sum(counts)


def _candidates(path: Path, found: _Found) -> Finding:
    command = "python jobs/generate_candidates.py"
    if not path.is_file():
        return Finding("candidates", "missing", f"{path} does not exist.", command)
    file = pq.ParquetFile(path)
    if file.schema_arrow.names != CANDIDATES.names:
        return Finding("candidates", "broken", f"{path} has other columns than a candidate file.", command)
    details = f"{path}: {counted(file.metadata.num_rows, 'candidate')}"
    description = path.with_suffix(".json")
    if not description.is_file():
        return Finding("candidates", "ok", f"{details}, without {description.name}")
    facts = json.loads(description.read_text(encoding="utf-8"))
    as_of = datetime.fromisoformat(facts["as_of"]).astimezone(UTC)
    details = (
        f"{details} of {counted(facts['users'], 'user')}, release {facts['release']}, as of {as_of:{_MINUTE_FORMAT}}"
    )
    if found.release is not None and facts["release"] != found.release["version"]:
        return Finding("candidates", "outdated", f"{details}; the current release is another one.", command)
    if found.online_until is not None and as_of < found.online_until:
        return Finding("candidates", "outdated", f"{details}; the online store is newer.", command)
    return Finding("candidates", "ok", details)

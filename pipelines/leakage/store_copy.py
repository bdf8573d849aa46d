"""A copy of a feature store that can be materialized and read without changing the original."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from feast import FeatureStore
from feast.protos.feast.core.DataSource_pb2 import DataSource
from feast.repo_config import RepoConfig
from google.protobuf.message import Message  # type: ignore[import-untyped]


def store_copy(store: FeatureStore, folder: Path, tables: Path | None = None) -> FeatureStore:
    """Open a store with the same declarations, and a registry and an empty online store of its own.

    The copy writes and spills to `folder` only. Offline it reads the same files with the same offline store.

    Args:
        store: the original, which stays unchanged.
        folder: of the copy; it must not exist yet.
        tables: a folder of feature tables; sources are read from the file of the same name in it, if there is one.
    """
    folder.mkdir(parents=True)
    registry = type(store.registry.proto())()
    registry.CopyFrom(store.registry.proto())
    replaced = {path.name: path for path in tables.iterdir()} if tables else {}
    for source in _data_sources(registry):
        name = source.file_options.uri.rsplit("/", 1)[-1]
        if name in replaced:
            source.file_options.uri = str(replaced[name])
    (folder / "registry.db").write_bytes(registry.SerializeToString())
    config = store.config
    return FeatureStore(
        repo_path=str(config.repo_path),
        config=RepoConfig(
            project=config.project,
            provider=config.provider,
            registry=str(folder / "registry.db"),
            offline_store=_spilling(config.offline_config, folder),
            online_store={"type": "sqlite", "path": str(folder / "online.db")},
            catalogue_snapshot=str(folder / "catalogue.parquet"),
            entity_key_serialization_version=config.entity_key_serialization_version,
            materialization=config.materialization_config,
            repo_path=config.repo_path,
        ),
    )


def _spilling(offline_store: Any, folder: Path) -> Any:
    """Return the offline store's configuration, with a temporary folder in `folder` if it has one."""
    if isinstance(offline_store, Mapping) and "temp_directory" in offline_store:
        return {**offline_store, "temp_directory": str(folder / "spill")}
    return offline_store


def _data_sources(message: Message) -> Iterator[DataSource]:
    """Yield every data source of a registry: views contain them, and services and on-demand views repeat them."""
    for _, value in message.ListFields():
        parts = value.values() if isinstance(value, Mapping) else [value] if isinstance(value, Message) else value
        for part in parts if not isinstance(parts, str | bytes | int | float) else ():
            if isinstance(part, DataSource):
                yield part
            if isinstance(part, Message):
                yield from _data_sources(part)

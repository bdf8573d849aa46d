"""The catalogue snapshot: the features of all items as of one moment, in one file.

Requests need the features of all items at once, which an online store reads one key and one value at a time. The
snapshot is the offline store's point-in-time join at the moment up to which the online store is filled, with the same
values. It is written before a new generation of the online store takes its place, and named after it; the store's
record holds the SHA-256 of the file.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Self

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from feast import FeatureStore

from features.errors import InputError
from features.files import atomic_write, sha256
from features.schema import ITEM_ID
from features.store.catalogue import catalogue_ids
from features.store.generation import Generation
from features.store.reader import FeatureReader
from features.store.registry import service_columns
from features.store.request_services import CANDIDATE_ITEMS, ITEM_CARD, service_fingerprint

SERVICES: Final = (CANDIDATE_ITEMS, ITEM_CARD)

_SETTING: Final = "catalogue_snapshot"
_WRITE: Final = "run `python jobs/materialize.py`"


@dataclass(frozen=True, eq=False)
class CatalogueSnapshot:
    """The features of all items as of one moment.

    Attributes:
        moment: UTC.
        item_ids: every item in the catalogue at the moment, ascending, string (items,).
        features: for each of `SERVICES` what `FeatureReader` reads of these items, (items,).
    """

    moment: datetime
    item_ids: pa.Array
    features: dict[str, pa.Table]

    @classmethod
    def join(cls, store: FeatureStore, moment: datetime) -> Self:
        """Join the features of all items as of a moment, through the offline store.

        Raises:
            InputError: the catalogue is empty at that moment.
        """
        item_ids, reader = catalogue_ids(store, moment), FeatureReader(store, "offline")
        return cls(moment, item_ids, {service: reader.read(service, item_ids, moment) for service in SERVICES})

    @classmethod
    def open(cls, store: FeatureStore, generation: Generation) -> Self:
        """Read the snapshot that was written with a generation of the online store.

        Raises:
            InputError: the file is missing or damaged, or feature services are declared differently now.
        """
        path = snapshot_path(store, generation)
        _verify(store, path, generation)
        table = pq.ParquetFile(path).read().combine_chunks()
        features = {}
        for service in SERVICES:
            rows = pa.Table.from_struct_array(table[service]).add_column(0, ITEM_ID, table[ITEM_ID])
            # Parquet has no timestamps in seconds.
            features[service] = rows.cast(service_columns(store, service).arrow_schema)
        return cls(generation.as_of, table[ITEM_ID].combine_chunks(), features)

    def write(self, path: Path) -> str:
        """Write the snapshot, and return the SHA-256 of the file.

        The file has the column `item_id` and for each service a struct of its features.
        """
        structs = {name: table.drop_columns([ITEM_ID]).to_struct_array() for name, table in self.features.items()}
        with atomic_write(path) as fresh:
            pq.write_table(pa.table({ITEM_ID: self.item_ids, **structs}), fresh, compression="zstd")
        return sha256(path)

    def read(self, service: str, ids: Sequence[str] | pa.Array) -> pa.Table:
        """Return the features of some items, as `FeatureReader.read` does: in the order of `ids`, null if unknown."""
        keys = ids if isinstance(ids, pa.Array) else pa.array(ids, pa.string())
        rows = self.features[service].take(pc.index_in(keys, self.item_ids))
        return rows.set_column(0, ITEM_ID, keys)


def snapshot_path(store: FeatureStore, generation: Generation) -> Path:
    """The snapshot's file: `catalogue_snapshot` in feature_store.yaml, with the generation's name before the suffix.

    Raises:
        InputError: see `configured_path`.
    """
    path = configured_path(store)
    return path.with_stem(f"{path.stem}-{generation.name}")


def configured_path(store: FeatureStore) -> Path:
    """`catalogue_snapshot` in feature_store.yaml, relative to the feature repository.

    Raises:
        InputError: the setting is missing, or no local Parquet file.
    """
    path = getattr(store.config, _SETTING, None)
    if not path or "://" in path or not path.endswith(".parquet"):
        raise InputError(
            f"`{_SETTING}` in feature_store.yaml is {path or 'missing'}: set it to a local Parquet file, such as "
            "../data/catalogue.parquet."
        )
    return Path(store.config.repo_path, path).absolute()


def remove_earlier_snapshots(store: FeatureStore, current: Generation, previous: Generation | None) -> None:
    """Remove the snapshots of all generations but two: a process may just have opened the previous one."""
    kept = {snapshot_path(store, generation) for generation in (current, previous) if generation is not None}
    path = configured_path(store)
    name = re.compile(re.escape(path.stem) + r"-[0-9a-f]{16}\.parquet")
    for file in path.parent.iterdir():
        if name.fullmatch(file.name) and path.parent / file.name not in kept:
            file.unlink(missing_ok=True)


def snapshot_services(store: FeatureStore) -> dict[str, str]:
    """The fingerprints of the feature services of a snapshot, by name.

    Raises:
        InputError: the registry lacks one of them.
    """
    return {service: service_fingerprint(store, service) for service in SERVICES}


def _verify(store: FeatureStore, path: Path, generation: Generation) -> None:
    if not path.is_file():
        raise InputError(f"The catalogue snapshot {path} does not exist: {_WRITE}.")
    if sha256(path) != generation.catalogue:
        raise InputError(f"The catalogue snapshot {path} was changed after it was written: {_WRITE}.")
    for service, fingerprint in snapshot_services(store).items():
        if generation.services.get(service) != fingerprint:
            raise InputError(
                f"The catalogue snapshot {path} has other features than feature service '{service}' declares now: "
                f"{_WRITE}."
            )

"""The catalogue snapshot: the features of all items as of one moment, in one file.

Requests need the features of all items at once, which an online store reads one key and one value at a time. The
snapshot is the offline store's point-in-time join at the moment up to which the online store is filled, with the same
values. It is written when the online store is filled, and refused if it is not of that moment.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Self

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from feast import FeatureStore

from features.errors import InputError
from features.files import atomic_write, write_json
from features.schema import ITEM_ID
from features.store.catalogue import catalogue_ids
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
    def open(cls, store: FeatureStore, moment: datetime) -> Self:
        """Read the snapshot of a store that is filled up to `moment`.

        Raises:
            InputError: the file is missing, damaged, of another moment, or of other feature services.
        """
        path = snapshot_path(store)
        _verify(path, _description(store, moment))
        table = pq.ParquetFile(path).read().combine_chunks()
        features = {}
        for service in SERVICES:
            rows = pa.Table.from_struct_array(table[service]).add_column(0, ITEM_ID, table[ITEM_ID])
            # Parquet has no timestamps in seconds.
            features[service] = rows.cast(service_columns(store, service).arrow_schema)
        return cls(moment, table[ITEM_ID].combine_chunks(), features)

    def write(self, store: FeatureStore) -> Path:
        """Write the snapshot to the path of the store's configuration, and a description beside it; return the path.

        The file has the column `item_id` and for each service a struct of its features. The description holds its
        SHA-256: a file that is not the described one is refused.
        """
        path = snapshot_path(store)
        structs = {name: table.drop_columns([ITEM_ID]).to_struct_array() for name, table in self.features.items()}
        with atomic_write(path) as fresh:
            pq.write_table(pa.table({ITEM_ID: self.item_ids, **structs}), fresh, compression="zstd")
        with atomic_write(path.with_suffix(".json")) as fresh:
            write_json(fresh, {**_description(store, self.moment), "sha256": _digest(path)})
        return path

    def read(self, service: str, ids: Sequence[str] | pa.Array) -> pa.Table:
        """Return the features of some items, as `FeatureReader.read` does: in the order of `ids`, null if unknown."""
        keys = ids if isinstance(ids, pa.Array) else pa.array(ids, pa.string())
        rows = self.features[service].take(pc.index_in(keys, self.item_ids))
        return rows.set_column(0, ITEM_ID, keys)


def snapshot_path(store: FeatureStore) -> Path:
    """The snapshot's file: `catalogue_snapshot` in feature_store.yaml, relative to the feature repository.

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


def _description(store: FeatureStore, moment: datetime) -> dict[str, Any]:
    return {
        "project": store.project,
        "as_of": moment.isoformat(),
        "services": {service: service_fingerprint(store, service) for service in SERVICES},
    }


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _verify(path: Path, expected: dict[str, Any]) -> None:
    description = path.with_suffix(".json")
    if not (path.is_file() and description.is_file()):
        missing = description if path.is_file() else path
        raise InputError(f"The catalogue snapshot {missing} does not exist: {_WRITE}.")
    try:
        found = json.loads(description.read_text(encoding="utf-8"))
        named = {name: found[name] for name in ("sha256", *expected)}
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{description} is no description of a catalogue snapshot: {_WRITE}.") from error
    if named.pop("sha256") != _digest(path):
        raise InputError(f"The catalogue snapshot {path} is not the file that {description} describes: {_WRITE}.")
    if named["project"] != expected["project"]:
        raise InputError(
            f"The catalogue snapshot {path} belongs to project '{named['project']}', and feature_store.yaml declares "
            f"'{expected['project']}': set `{_SETTING}` to another file, and {_WRITE}."
        )
    if named["as_of"] != expected["as_of"]:
        raise InputError(
            f"The catalogue snapshot {path} is as of {named['as_of']}, and the online store as of {expected['as_of']}: "
            f"{_WRITE}, which writes both (`feast materialize` fills the online store only)."
        )
    differing = [name for name, value in expected["services"].items() if named["services"].get(name) != value]
    if differing:
        raise InputError(
            f"The catalogue snapshot {path} has other features than feature service '{differing[0]}' declares now: "
            f"{_WRITE}."
        )

"""A release: one folder with everything that serving needs, under one version.

    <version>/
      manifest.json      what this is, what it was made from, and the SHA-256 of every other file
      query_tower/       SavedModel: raw query features to vectors
      item_tower/        SavedModel: raw item features to vectors
      vocabularies.json  the words that each tower knew at the cut
      scales.json        mean and deviation of each number, by which the towers standardise it
      weights.npz        what the towers had learned at the cut, as they were judged; a later training goes on from it
      item_ids.npy       the catalogue as of the release, ascending
      item_vectors.npy   float32 (items, dimensions), in the order of item_ids
      sales_7d.npy       float32 (items,), units sold in the 7 days before the release: the popularity list
      sales_28d.npy      float32 (items,), units sold in the 28 days before it
      repurchase_rates.npy  float32 (items,), repurchases in these 28 days per user who has bought the item
      garment_groups.npy int32 (items,), a code for each garment group, -1 where it is unknown
      neighbours.npy     int32 (items, width), items bought by the same people, -1 where there are no more
      similarities.npy   float32 (items, width), how similar they are
      blender.json        the weights of the candidate sources, with and without what a user bought before
      ranker_keep/       trees that order the candidates, if they do it better than these weights
      ranker_drop/       the same for candidates without what a user bought before
      metrics.json       the training curve and the simple lists beside it, how various the released vectors are, and
                         what the rankers are worth

`LATEST`, beside the releases, names the current one.
"""

import logging
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from candidates.ranking.ranker import Ranker
from features.errors import InputError
from features.store.service_schema import ServiceSchema, TowerSchemas
from models.release.integrity import MANIFEST, read_verified_manifest
from models.release.manifest import RANKER_TRAINED_UNTIL, REQUEST_SERVICES
from models.release.release_models import BLENDER, read_release_models
from models.release.saved_models import SavedTower

LATEST = "LATEST"
ARRAYS = ("sales_7d", "sales_28d", "repurchase_rates", "garment_groups", "neighbours", "similarities")
REQUIRED_FILES = (
    *("query_tower/saved_model.pb", "item_tower/saved_model.pb", "vocabularies.json", "scales.json", "weights.npz"),
    *(f"{name}.npy" for name in ("item_ids", "item_vectors", *ARRAYS)),
    *(BLENDER, "metrics.json"),
)
_FRESH = timedelta(days=7)
_VERSION = re.compile(r"[0-9]{8}-[a-z0-9_]{1,40}-[0-9a-f]{8}")

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Release:
    """A release that was read and verified.

    Attributes:
        version: its name.
        manifest: all of manifest.json.
        schemas: the feature services its towers follow.
        query_tower: turns query features into vectors.
        item_ids: str (items,), ascending.
        item_vectors: float32 (items, dimensions).
        arrays: what is known of the items otherwise, see `ARRAYS`, each (items, …).
        blender: weights of the candidate sources, by policy for items bought before.
        rankers: what orders the candidates, by policy; where there is none the weights do.
    """

    version: str
    manifest: dict[str, Any]
    schemas: TowerSchemas
    query_tower: SavedTower
    item_ids: NDArray[np.str_]
    item_vectors: NDArray[np.float32]
    arrays: dict[str, NDArray[Any]]
    blender: dict[str, Any]
    rankers: dict[str, Ranker]

    @property
    def as_of(self) -> datetime:
        """The moment of which the item vectors and sales are, UTC."""
        return datetime.fromisoformat(self.manifest["as_of"])

    def ranker_trained_until(self, policy: str) -> datetime:
        """The moment up to which a ranker of this release has learned, UTC; that of the release if it does not say."""
        return datetime.fromisoformat(self.manifest.get(RANKER_TRAINED_UNTIL, {}).get(policy, self.manifest["as_of"]))

    def check_moment(self, moment: datetime) -> None:
        """Refuse query features that are older than the release, and say aloud if they are much newer.

        Raises:
            InputError: the item vectors know more than the query features.
        """
        if moment < self.as_of:
            raise InputError(
                f"Release {self.version} is as of {self.as_of:%Y-%m-%d %H:%M} UTC, later than the online store "
                f"({moment:%Y-%m-%d %H:%M}): run `python jobs/materialize.py`, or pass an earlier --release."
            )
        if moment > self.as_of + _FRESH:
            _logger.warning(
                "release %s is %d days older than the online features: train again soon",
                self.version,
                (moment - self.as_of).days,
            )

    def check_tower_services(self, current: TowerSchemas) -> None:
        """Refuse a feature store whose services are not those the release was trained on.

        Raises:
            InputError: names the service that differs.
        """
        for mine, theirs in ((self.schemas.query, current.query), (self.schemas.item, current.item)):
            if mine.fingerprint != theirs.fingerprint:
                raise InputError(
                    f"Release {self.version} was trained on feature service '{mine.service}' "
                    f"({mine.fingerprint}), which the registry now declares differently ({theirs.fingerprint}): "
                    "train again, or apply the feature repository of the release."
                )

    def check_request_services(self, current: dict[str, str]) -> None:
        """Refuse a feature store whose services beside the towers' are not those for which the release was made.

        Args:
            current: fingerprints of all services that are asked for candidates, by name, as they are declared now.

        Raises:
            InputError: names the service that differs.
        """
        if REQUEST_SERVICES not in self.manifest:
            raise InputError(
                f"The {MANIFEST} of release {self.version} does not say which feature services are asked beside its "
                "towers': train again."
            )
        for name, fingerprint in current.items():
            mine = self.manifest[REQUEST_SERVICES].get(name)
            if mine is None:
                raise InputError(
                    f"Release {self.version} was made without feature service '{name}', which is asked now: train "
                    "again."
                )
            if mine != fingerprint:
                raise InputError(
                    f"Release {self.version} was made for feature service '{name}' ({mine}), which the registry now "
                    f"declares differently ({fingerprint}): train again, or apply the feature repository of the "
                    "release."
                )


def load_item_tower(releases: Path, release: Release) -> SavedTower:
    """The item tower of a verified release."""
    return SavedTower(releases / release.version / "item_tower", release.schemas.item)


def load_release(releases: Path, version: str | None = None) -> Release:
    """Read and verify a release, the latest one if no version is given.

    Raises:
        InputError: there is none of this name, it is of another format, or a file is missing, added or changed.
    """
    version = version or _latest(releases)
    if not _VERSION.fullmatch(version):
        raise InputError(f"'{version}' is not the name of a release: they look like 20171225-default-0a1b2c3d.")
    folder = releases / version
    if not (folder / MANIFEST).is_file():
        raise InputError(f"There is no release {version} in {releases}: run `python jobs/train.py` first.")
    try:
        manifest = read_verified_manifest(folder, version, REQUIRED_FILES)
        schemas = TowerSchemas(*(ServiceSchema.from_json(manifest["services"][side]) for side in ("query", "item")))
    except (KeyError, TypeError) as error:
        raise InputError(f"The {MANIFEST} of release {version} lacks {error}: train again.") from error
    item_ids, item_vectors, *others = (
        np.load(folder / f"{name}.npy", allow_pickle=False) for name in ("item_ids", "item_vectors", *ARRAYS)
    )
    if {len(array) for array in (item_ids, item_vectors, *others)} != {manifest["items"]}:
        raise InputError(f"Release {version} holds arrays of different lengths: train again.")
    tower = SavedTower(folder / "query_tower", schemas.query)
    blender, rankers = read_release_models(folder, version)
    arrays = dict(zip(ARRAYS, others, strict=True))
    return Release(version, manifest, schemas, tower, item_ids, item_vectors, arrays, blender, rankers)


def _latest(releases: Path) -> str:
    if not (releases / LATEST).is_file():
        raise InputError(f"There is no release in {releases}: run `python jobs/train.py` first.")
    return (releases / LATEST).read_text(encoding="utf-8").strip()

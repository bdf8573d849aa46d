"""A release: everything that serving needs, in one folder under one version.

    <version>/
      manifest.json      what the release is, what it was trained on, and the SHA-256 of every other file
      served/            checkpoint of the towers that are served, with these files:
        vocabularies.json  values of each id and category
        scales.json        mean and standard deviation of each number
        layers.npz         kernels and biases of the dense layers
        embeddings/        a table for each id and category, and the item memory
      validated/         the same files as validated, before the refit, from which a warm start continues
      item_ids.parquet   string (items,), the catalogue as of the release, ascending; numpy would store each id with the
                         length of the longest
      item_contents.npy  float32 (items, content dimensions), the content part of the item vectors, in the order of
                         item_ids; their item-memory part is in served/embeddings
      sales_7d.npy       float32 (items,), units sold in the 7 days before the release: the popularity list
      sales_28d.npy      float32 (items,), units sold in the 28 days before the release
      repurchase_rates.npy  float32 (items,), repurchases in these 28 days per user who has bought the item
      garment_groups.npy int32 (items,), a code for each garment group, -1 if unknown
      neighbours.npy     int32 (items, width), item-kNN neighbours by position, padded with -1
      similarities.npy   float32 (items, width), their similarities
      blender.json       weights of the candidate sources, with ("keep") and without ("drop") items bought before
      ranker_keep/       ranker of the lists with items bought before, if it beats the blender
      ranker_drop/       the same for lists without items bought before
      golden_queries.parquet  features of queries, and the best candidates that they had when the release was written
      metrics.json       training history, baselines, diversity of the released vectors, selection of the rankers

`LATEST`, beside the releases, names the current one.
"""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from candidates.ranking.ranker import Ranker
from candidates.ranking.user_neighbours import UserNeighbours
from features.errors import InputError
from features.schema import ITEM_ID
from features.store.service_schema import ServiceSchema, TowerSchemas
from models.config import Config
from models.release.checkpoint import CHECKPOINT_FILES, SCALES, Checkpoint
from models.release.find_release import find_release
from models.release.integrity import MANIFEST, check_finite, read_verified_manifest
from models.release.manifest import RANKER_TRAINED_UNTIL, REQUEST_SERVICES
from models.release.release_models import BLENDER, read_release_models
from models.serving_tower import ServingQueryTower
from models.vocabulary import FIRST_TOKEN

METRICS: Final = "metrics.json"
GOLDEN_QUERIES: Final = "golden_queries.parquet"
SERVED: Final = "served"
VALIDATED: Final = "validated"
ITEM_IDS: Final = "item_ids.parquet"
ITEM_CONTENTS: Final = "item_contents"
ARRAYS: Final = ("sales_7d", "sales_28d", "repurchase_rates", "garment_groups", "neighbours", "similarities")
USER_NEIGHBOURS: Final = "user_neighbours.npz"
REQUIRED_FILES: Final = (
    *(f"{checkpoint}/{name}" for checkpoint in (SERVED, VALIDATED) for name in CHECKPOINT_FILES),
    *(BLENDER, ITEM_IDS, METRICS, USER_NEIGHBOURS),
    *(f"{name}.npy" for name in (ITEM_CONTENTS, *ARRAYS)),
)
_REQUIRED_KEYS = ("as_of", "config", "cut", "filters", "items", "services", RANKER_TRAINED_UNTIL, REQUEST_SERVICES)
_FRESH = timedelta(days=7)

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Release:
    """A verified release.

    Attributes:
        version: its name.
        manifest: content of manifest.json.
        schemas: the feature services of its towers.
        config: settings of its towers.
        served: checkpoint of the towers that are served.
        query_tower: computes query vectors from query features, with the weights in `served`.
        item_ids: string (items,), ascending.
        item_vectors: float32 (items, dimensions).
        arrays: other data of the items, (items, …) each, by the names in `ARRAYS`.
        blender: weights of the candidate sources, by policy.
        rankers: by policy; the blender's order stands where there is none.
        neighbours: the users to whom users are compared by the rankers.
        golden_queries: see `pipelines.golden_queries`; None if the release was written without.
    """

    version: str
    manifest: dict[str, Any]
    schemas: TowerSchemas
    config: Config
    served: Checkpoint
    query_tower: ServingQueryTower
    item_ids: pa.StringArray
    item_vectors: NDArray[np.float32]
    arrays: dict[str, NDArray[Any]]
    blender: dict[str, Any]
    rankers: dict[str, Ranker]
    neighbours: UserNeighbours
    golden_queries: pa.Table | None = None

    @property
    def as_of(self) -> datetime:
        """Moment of the item vectors and of the sales, UTC."""
        return datetime.fromisoformat(self.manifest["as_of"])

    @property
    def cut(self) -> datetime:
        """Moment before which lie all training data of the checkpoint, UTC."""
        return datetime.fromisoformat(self.manifest["cut"])

    def ranker_trained_until(self, policy: str) -> datetime:
        """Return the moment before which lie all training data of a ranker, UTC; `as_of` if none is recorded."""
        return datetime.fromisoformat(self.manifest[RANKER_TRAINED_UNTIL].get(policy, self.manifest["as_of"]))

    def check_moment(self, moment: datetime) -> None:
        """Refuse query features older than the release, and log a warning if they are much newer.

        Args:
            moment: of the query features, UTC.

        Raises:
            InputError: the item vectors are newer than the query features.
        """
        if moment < self.as_of:
            raise InputError(
                f"Release {self.version} is as of {self.as_of:%Y-%m-%d %H:%M} UTC, later than the features "
                f"({moment:%Y-%m-%d %H:%M}): run `python jobs/materialize.py`, pass a later --as-of, or an earlier "
                "--release."
            )
        if moment > self.as_of + _FRESH:
            days = (moment - self.as_of).days
            _logger.warning(
                "release %s is %d days older than the online features: train again, or refresh its items with "
                "`python jobs/index_items.py --refresh`",
                self.version,
                days,
            )

    def check_tower_services(self, current: TowerSchemas) -> None:
        """Refuse a feature store whose tower services differ from those of the release.

        Raises:
            InputError: names the service that differs.
        """
        for recorded, declared in ((self.schemas.query, current.query), (self.schemas.item, current.item)):
            if recorded.fingerprint != declared.fingerprint:
                raise InputError(
                    f"Release {self.version} was trained on feature service '{recorded.service}' "
                    f"({recorded.fingerprint}), which the registry now declares differently ({declared.fingerprint}): "
                    "train again, or apply the feature repository of the release."
                )

    def check_request_services(self, current: dict[str, str]) -> None:
        """Refuse a feature store whose request services differ from those of the release.

        Args:
            current: fingerprints, by name, of the feature services that requests read besides the towers' own.

        Raises:
            InputError: names the service that differs.
        """
        for name, fingerprint in current.items():
            recorded = self.manifest[REQUEST_SERVICES].get(name)
            if recorded is None:
                raise InputError(
                    f"Release {self.version} was made without feature service '{name}', which requests read: train "
                    "again."
                )
            if recorded != fingerprint:
                raise InputError(
                    f"Release {self.version} was made for feature service '{name}' ({recorded}), which the registry "
                    f"now declares differently ({fingerprint}): train again, or apply the feature repository of the "
                    "release."
                )


def load_release(releases: Path, version: str | None = None) -> Release:
    """Read and verify a release, the current one if no version is given.

    Raises:
        InputError: there is no such release, it has another format, or a file is missing, added, changed or invalid.
    """
    folder = find_release(releases, version)
    version = folder.name
    try:
        manifest = read_verified_manifest(folder, version, REQUIRED_FILES)
        missing = [f"'{name}'" for name in _REQUIRED_KEYS if name not in manifest]
        if missing:
            raise InputError(f"The {MANIFEST} of release {version} lacks {', '.join(missing)}: train again.")
        schemas = TowerSchemas(*(ServiceSchema.from_json(manifest["services"][side]) for side in ("query", "item")))
    except (KeyError, TypeError) as error:
        raise InputError(f"The {MANIFEST} of release {version} lacks {error}: train again.") from error
    config = Config.from_json(manifest["config"], str(folder / MANIFEST))
    item_ids = pq.read_table(folder / ITEM_IDS)[ITEM_ID].combine_chunks()
    contents, *others = (np.load(folder / f"{name}.npy", allow_pickle=False) for name in (ITEM_CONTENTS, *ARRAYS))
    if {len(array) for array in (item_ids, contents, *others)} != {manifest["items"]}:
        raise InputError(f"Release {version} holds arrays of different lengths: train again.")
    served = Checkpoint.read(folder / SERVED, schemas)
    blender, rankers = read_release_models(folder, version)
    numbers = {f"{name}.npy": array for name, array in zip((ITEM_CONTENTS, *ARRAYS), (contents, *others), strict=True)}
    numbers |= {f"{SERVED} ({name})": weights for name, weights in served.weights.items()}
    numbers |= {
        f"{SERVED}/{SCALES} ({name})": np.array([scale.mean, scale.deviation])
        for encoding in (served.query, served.item)
        for name, scale in encoding.scales.items()
    }
    numbers |= {f"the ranker for '{policy}'": ranker.values for policy, ranker in rankers.items()}
    for name, values in {**numbers, BLENDER: blender}.items():
        check_finite(values, version, name)
    return Release(
        version=version,
        manifest=manifest,
        schemas=schemas,
        config=config,
        served=served,
        query_tower=ServingQueryTower.from_checkpoint(served, config),
        item_ids=item_ids,
        item_vectors=_append_item_memory(contents, item_ids, served),
        arrays=dict(zip(ARRAYS, others, strict=True)),
        blender=blender,
        rankers=rankers,
        neighbours=UserNeighbours.read(folder / USER_NEIGHBOURS, len(item_ids)),
        golden_queries=pq.read_table(golden) if (golden := folder / GOLDEN_QUERIES).is_file() else None,
    )


def _append_item_memory(
    contents: NDArray[np.float32], item_ids: pa.StringArray, served: Checkpoint
) -> NDArray[np.float32]:
    """Return item vectors as the item tower computes them, from their content part and the item-memory embeddings."""
    memory = served.weights.get("item_memory")
    if memory is None:
        return contents
    codes = served.item.vocabularies[ITEM_ID].encode(item_ids)
    vectors = np.empty((len(contents), contents.shape[1] + memory.shape[1]), np.float32)
    vectors[:, : contents.shape[1]] = contents
    vectors[:, contents.shape[1] :] = memory[codes]
    vectors[codes < FIRST_TOKEN, contents.shape[1] :] = 0
    return vectors

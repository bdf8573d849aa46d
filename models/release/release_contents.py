"""The contents of a release, and their digest, from which its version is derived."""

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from candidates.ranking.ranker import Ranker
from candidates.ranking.user_neighbours import UserNeighbours
from features.time_split import TimeSplit
from models.release.checkpoint import Checkpoint
from models.release.integrity import FORMAT
from models.release.manifest import REQUEST_SERVICES


@dataclass(frozen=True)
class ReleaseContents:
    """The contents of a release.

    Attributes:
        served: checkpoint of the towers that are served.
        validated: checkpoint of the towers as validated, before the refit.
        item_ids: string (items,), ascending.
        item_vectors: float32 (items, dimensions).
        arrays: other data of the items, (items, …) each, by the names in `models.release.release.ARRAYS`.
        blender: JSON-ready weights of the candidate sources, by policy for items bought before.
        rankers: rankers that beat the blender, by the same policies.
        neighbours: the users to whom users are compared by the rankers.
        split: moments that separate training, validation and release.
        metrics: JSON-ready content of metrics.json.
        manifest_fields: JSON-ready values for the manifest, see `models.release.manifest`.
    """

    served: Checkpoint
    validated: Checkpoint
    item_ids: pa.StringArray
    item_vectors: NDArray[np.float32]
    arrays: dict[str, NDArray[Any]]
    blender: dict[str, Any]
    rankers: dict[str, Ranker]
    neighbours: UserNeighbours
    split: TimeSplit
    metrics: dict[str, Any]
    manifest_fields: dict[str, Any]


def content_digest(contents: ReleaseContents) -> str:
    """Return the SHA-256, in hex digits, of everything that determines how a release behaves.

    The record of the training does not count: seed, commit, durations, metrics.
    """
    rankers = sorted(contents.rankers.items())
    checkpoints = (contents.served, contents.validated)
    settings = {
        "format": FORMAT,
        "item_ids": contents.item_ids.to_pylist(),
        "split": [str(moment) for moment in (contents.split.start, contents.split.cut, contents.split.as_of)],
        "encodings": [asdict(encoding) for each in checkpoints for encoding in (each.query, each.item)],
        "weights": [sorted(each.weights) for each in checkpoints],
        "blender": contents.blender,
        "rankers": [[policy, ranker.sources, asdict(ranker.boosting), ranker.trees] for policy, ranker in rankers],
        "manifest": {name: contents.manifest_fields.get(name) for name in ("config", "filters", REQUEST_SERVICES)},
    }
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
    weights = [each.weights[name] for each in checkpoints for name in sorted(each.weights)]
    arrays = [contents.arrays[name] for name in sorted(contents.arrays)]
    neighbours = contents.neighbours
    vectors = (neighbours.bought.offsets, neighbours.bought.positions, neighbours.weights)
    for array in (contents.item_vectors, *arrays, *weights, *vectors):
        digest.update(f"{array.dtype} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()

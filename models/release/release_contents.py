"""What goes into a release, and the digest that tells releases apart."""

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from candidates.ranking.ranker import Ranker
from evaluation.diagnostics import VectorDiversity
from evaluation.validation_window import WindowMetrics
from features.time_split import TimeSplit
from models.release.checkpoint import Checkpoint
from models.release.integrity import FORMAT
from models.release.manifest import REQUEST_SERVICES
from models.towers import Towers
from models.training.history import TrainingHistory


@dataclass(frozen=True)
class ReleaseContents:
    """What goes into a release beside the towers.

    Attributes:
        checkpoint: what the towers had learned before the cut, as they were judged.
        item_ids: str (items,), ascending.
        item_vectors: float32 (items, dimensions).
        arrays: the other arrays of the release, see `models.release.release.ARRAYS`, each (items, …).
        blender: JSON-ready weights of the candidate sources, by policy for items bought before.
        rankers: those that are worth their place, by the same policies.
        ranking: JSON-ready values, what was found of them.
        split: the moments that parted training, validation and the release.
        training_history: the epochs of the training.
        diversities: of the released query vectors, by what they ask for.
        baselines: what the simple lists were worth, by name.
        manifest_fields: JSON-ready values for the manifest, see `models.release.manifest`.
    """

    checkpoint: Checkpoint
    item_ids: NDArray[np.str_]
    item_vectors: NDArray[np.float32]
    arrays: dict[str, NDArray[Any]]
    blender: dict[str, Any]
    rankers: dict[str, Ranker]
    ranking: dict[str, Any]
    split: TimeSplit
    training_history: TrainingHistory
    diversities: dict[str, VectorDiversity]
    baselines: dict[str, WindowMetrics]
    manifest_fields: dict[str, Any]


def content_digest(towers: Towers, contents: ReleaseContents) -> str:
    """SHA-256 over everything by which a release answers or is refused, in hex digits.

    What tells how it came about does not count: seed, commit, seconds, what was judged.
    """
    rankers = sorted(contents.rankers.items())
    told = {
        "format": FORMAT,
        "split": [str(moment) for moment in (contents.split.start, contents.split.cut, contents.split.as_of)],
        "encodings": [
            asdict(side) for checkpoint in (towers, contents.checkpoint) for side in (checkpoint.query, checkpoint.item)
        ],
        "orders": [contents.blender, [[policy, ranker.sources, asdict(ranker.boosting)] for policy, ranker in rankers]],
        "manifest_fields": {
            name: contents.manifest_fields.get(name) for name in ("config", "filters", REQUEST_SERVICES)
        },
    }
    digest = hashlib.sha256(json.dumps(told, sort_keys=True).encode())
    weights = (*towers.checkpoint.weights, *contents.checkpoint.weights)
    trees = [array for _, ranker in rankers for array in ranker.trees.arrays]
    arrays = [contents.arrays[name] for name in sorted(contents.arrays)]
    for array in (contents.item_ids, contents.item_vectors, *arrays, *weights, *trees):
        digest.update(f"{array.dtype} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()

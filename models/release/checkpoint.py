"""What a training learned, in files from which a later one goes on: words, scales and weights."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from features.files import write_json
from features.store.service_schema import ServiceSchema, TowerSchemas
from models.encoding import Encoding, Scale
from models.vocabulary import Vocabulary

_VOCABULARIES: Final = "vocabularies.json"
_SCALES: Final = "scales.json"
_WEIGHTS: Final = "weights.npz"


@dataclass(frozen=True)
class Checkpoint:
    """Two fitted encodings, and the weights that were learned under them.

    Attributes:
        query: encoding of the query tower's inputs.
        item: encoding of the item tower's inputs.
        weights: of the model's trainable variables, in their order, which settings and services decide.
    """

    query: Encoding
    item: Encoding
    weights: tuple[NDArray[np.float32], ...]

    def write(self, folder: Path) -> None:
        """Write the files into a folder that is there."""
        sides = (self.query, self.item)
        words = {
            side.schema.service: {name: list(vocabulary.tokens) for name, vocabulary in side.vocabularies.items()}
            for side in sides
        }
        scales = {side.schema.service: {name: asdict(scale) for name, scale in side.scales.items()} for side in sides}
        write_json(folder / _VOCABULARIES, words)
        write_json(folder / _SCALES, scales)
        np.savez(folder / _WEIGHTS, *self.weights, allow_pickle=False)

    @classmethod
    def read(cls, folder: Path, schemas: TowerSchemas) -> Self:
        """Read what `write` wrote, of towers with these services."""
        query, item = read_encodings(folder, schemas)
        with np.load(folder / _WEIGHTS, allow_pickle=False) as file:
            return cls(query, item, tuple(file[f"arr_{place}"] for place in range(len(file.files))))


def read_encodings(folder: Path, schemas: TowerSchemas) -> tuple[Encoding, Encoding]:
    """Read the encodings of the query tower and of the item tower, without the weights."""
    words, scales = (json.loads((folder / name).read_text(encoding="utf-8")) for name in (_VOCABULARIES, _SCALES))

    def encoding(schema: ServiceSchema) -> Encoding:
        told: dict[str, Any] = words[schema.service]
        vocabularies = {name: Vocabulary(tuple(of)) for name, of in told.items()}
        return Encoding(schema, vocabularies, {name: Scale(**of) for name, of in scales[schema.service].items()})

    return encoding(schemas.query), encoding(schemas.item)

"""The checkpoint of a training: encodings and weights, from which a warm start continues."""

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

VOCABULARIES: Final = "vocabularies.json"
SCALES: Final = "scales.json"
WEIGHTS: Final = "weights.npz"


@dataclass(frozen=True)
class Checkpoint:
    """Two fitted encodings, and the weights trained under them.

    Attributes:
        query: encoding of the query tower's inputs.
        item: encoding of the item tower's inputs.
        weights: of the model's trainable variables, by position. Settings and feature services determine the order.
    """

    query: Encoding
    item: Encoding
    weights: tuple[NDArray[np.float32], ...]

    def write(self, folder: Path) -> None:
        """Write the files into an existing folder."""
        encodings = {encoding.schema.service: encoding for encoding in (self.query, self.item)}
        vocabularies = {
            service: {name: list(vocabulary.tokens) for name, vocabulary in encoding.vocabularies.items()}
            for service, encoding in encodings.items()
        }
        scales = {
            service: {name: asdict(scale) for name, scale in encoding.scales.items()}
            for service, encoding in encodings.items()
        }
        write_json(folder / VOCABULARIES, vocabularies)
        write_json(folder / SCALES, scales)
        np.savez(folder / WEIGHTS, *self.weights, allow_pickle=False)

    @classmethod
    def read(cls, folder: Path, schemas: TowerSchemas) -> Self:
        """Read the files that `write` wrote, of towers with these feature services."""
        query, item = read_encodings(folder, schemas)
        with np.load(folder / WEIGHTS, allow_pickle=False) as file:
            return cls(query, item, tuple(file[f"arr_{number}"] for number in range(len(file.files))))


def read_encodings(folder: Path, schemas: TowerSchemas) -> tuple[Encoding, Encoding]:
    """Read the encodings of the query tower and of the item tower, without the weights."""
    vocabularies: dict[str, Any] = json.loads((folder / VOCABULARIES).read_text(encoding="utf-8"))
    scales: dict[str, Any] = json.loads((folder / SCALES).read_text(encoding="utf-8"))

    def encoding(schema: ServiceSchema) -> Encoding:
        return Encoding(
            schema,
            {name: Vocabulary(tuple(tokens)) for name, tokens in vocabularies[schema.service].items()},
            {name: Scale(**scale) for name, scale in scales[schema.service].items()},
        )

    return encoding(schemas.query), encoding(schemas.item)

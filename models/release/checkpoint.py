"""A checkpoint: the encodings and the weights of two towers, from which they are served, or trained further."""

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
LAYERS: Final = "layers.npz"
EMBEDDINGS: Final = "embeddings"
CHECKPOINT_FILES: Final = (VOCABULARIES, SCALES, LAYERS)
_LAYER_SUFFIXES: Final = (".kernel", ".bias")


@dataclass(frozen=True)
class Checkpoint:
    """Two fitted encodings, and the weights trained under them.

    Attributes:
        query: encoding of the query tower's inputs.
        item: encoding of the item tower's inputs.
        weights: float32, by name, see `models.two_tower.TwoTower.named_variables`.
    """

    query: Encoding
    item: Encoding
    weights: dict[str, NDArray[np.float32]]

    def write(self, folder: Path) -> None:
        """Write the files into an existing folder.

        `vocabularies.json` has the values of each id and category, `scales.json` the mean and the standard deviation of
        each number, `layers.npz` the kernels and biases of all dense layers, and `embeddings/` a file for each table.
        """
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
        layers = {name: array for name, array in self.weights.items() if name.endswith(_LAYER_SUFFIXES)}
        np.savez(folder / LAYERS, allow_pickle=False, **layers)
        (folder / EMBEDDINGS).mkdir()
        for name in self.weights.keys() - layers.keys():
            np.save(folder / EMBEDDINGS / f"{name}.npy", self.weights[name], allow_pickle=False)

    @classmethod
    def read(cls, folder: Path, schemas: TowerSchemas) -> Self:
        """Read the files that `write` wrote, of towers with these feature services; embeddings are memory-mapped."""
        query, item = read_encodings(folder, schemas)
        with np.load(folder / LAYERS, allow_pickle=False) as file:
            weights: dict[str, NDArray[np.float32]] = dict(file)
        for path in sorted((folder / EMBEDDINGS).glob("*.npy")):
            weights[path.stem] = np.load(path, mmap_mode="r", allow_pickle=False)
        return cls(query, item, weights)


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

"""SavedModels of the towers: raw feature values in, vectors out, without this project's code."""

from pathlib import Path

import pyarrow as pa
import tensorflow as tf

from features.errors import InputError
from features.files import atomic_write
from features.store.service_schema import FeatureColumn
from models.encoding import Encoding
from models.item_tower import ItemTower
from models.query_tower import QueryTower
from models.towers import Towers
from models.vocabulary import FIRST_TOKEN, MISSING, UNKNOWN

SIGNATURE = "embed"
VECTOR = "vector"
NEW_ITEM_VECTOR = "new_item_vector"


def export_towers(towers: Towers, folder: Path) -> None:
    """Write the SavedModels `query_tower` and `item_tower` into a new folder.

    Raises:
        InputError: the folder exists.
    """
    with atomic_write(folder) as temporary:  # also removes what a killed export of these towers left
        if folder.exists():
            raise InputError(f"{folder} exists: pass another --output, or delete it.")
        temporary.mkdir()
        SavedTower(towers.model.query_tower, towers.query).save(temporary / "query_tower")
        SavedTower(towers.model.item_tower, towers.item).save(temporary / "item_tower")


class SavedTower(tf.Module):
    """A tower behind look-up tables, to be saved as a SavedModel.

    Its signature `embed` takes one tensor per input, by name:
    - ids and categories: strings (rows,), "" if missing;
    - numbers: float32 (rows,), NaN if missing;
    - lists: strings (rows, any length), padded with "";
    - numbers aligned with a list: float32 of the same shape, with any value at the padding.
    It returns `vector`, float32 (rows, dimensions). A query tower also returns `new_item_vector`, float32 (rows,
    content dimensions), the query vector for items the user has never bought. Its score of an item is the inner
    product with the first dimensions of the item vector.
    """

    def __init__(self, tower: QueryTower | ItemTower, encoding: Encoding) -> None:
        super().__init__(name=tower.name)
        self._tower = tower
        self._schema = encoding.schema
        tables = {vocabulary.tokens: _build_table(vocabulary.tokens) for vocabulary in encoding.vocabularies.values()}
        self._tables = {name: tables[vocabulary.tokens] for name, vocabulary in encoding.vocabularies.items()}
        self._embed = tf.function(self._call, autograph=False)

    def save(self, path: Path) -> None:
        """Write the SavedModel."""
        specs = {column.name: _build_spec(column) for column in self._schema.inputs}
        # Save the variables instead of the Keras tower: Keras would also trace each layer separately, which is unused.
        module = tf.Module(name=self.name)
        module.weights, module.tables = list(self._tower.variables), list(self._tables.values())
        tf.saved_model.save(module, str(path), signatures={SIGNATURE: self._embed.get_concrete_function(**specs)})

    def _call(self, **inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        codes = {column.name: self._encode(column, inputs[column.name]) for column in self._schema.inputs}
        vectors = self._tower(codes, training=False)
        if isinstance(self._tower, QueryTower):
            return dict(zip((VECTOR, NEW_ITEM_VECTOR), vectors, strict=True))
        return {VECTOR: vectors}

    def _encode(self, column: FeatureColumn, values: tf.Tensor) -> tf.Tensor:
        if column.is_list:
            values = values[:, : self._schema.max_length(column)]
        return self._tables[column.name].lookup(values) if column.name in self._tables else values


def _build_table(tokens: tuple[str, ...]) -> tf.lookup.StaticHashTable:
    keys = tf.constant(["", *tokens])
    codes = tf.constant([MISSING, *range(FIRST_TOKEN, FIRST_TOKEN + len(tokens))], tf.int32)
    return tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(keys, codes), UNKNOWN)


def _build_spec(column: FeatureColumn) -> tf.TensorSpec:
    is_number = column.arrow_type in {pa.float32(), pa.list_(pa.float32())}
    shape = (None, None) if pa.types.is_list(column.arrow_type) else (None,)
    return tf.TensorSpec(shape, tf.float32 if is_number else tf.string, column.name)

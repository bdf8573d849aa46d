"""SavedModels of the towers: raw feature values in, vectors out, without this project's code."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import tensorflow as tf
from numpy.typing import NDArray

from features.store.service_schema import FeatureColumn, ServiceSchema
from models.encoding import Encoding
from models.item_tower import ItemTower
from models.query_tower import QueryTower
from models.vocabulary import FIRST_TOKEN, MISSING, UNKNOWN, pad_lists

SIGNATURE = "embed"
VECTOR = "vector"
NEW_ITEM_VECTOR = "new_item_vector"
_ROWS_PER_CALL = 8_192  # a million users in one call would not fit in memory


class ServingTower(tf.Module):
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


class SavedTower:
    """A tower loaded from a SavedModel, called with Arrow tables of features."""

    def __init__(self, path: Path, schema: ServiceSchema) -> None:
        self._model = tf.saved_model.load(str(path))
        self._schema = schema

    def vectors(self, rows: pa.Table) -> NDArray[np.float32]:
        """Return item vectors, or query vectors, of rows with the schema's inputs, float32 (rows, dimensions)."""
        return self._embed(rows)[VECTOR]

    def query_vectors(self, rows: pa.Table) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return query vectors and new-item query vectors; of query towers only.

        Returns:
            float32 (rows, dimensions) and float32 (rows, content dimensions).
        """
        vectors = self._embed(rows)
        return vectors[VECTOR], vectors[NEW_ITEM_VECTOR]

    def _embed(self, rows: pa.Table) -> dict[str, NDArray[np.float32]]:
        parts = [
            self._call(rows.slice(start, _ROWS_PER_CALL)) for start in range(0, rows.num_rows or 1, _ROWS_PER_CALL)
        ]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def _call(self, rows: pa.Table) -> dict[str, NDArray[np.float32]]:
        inputs = {column.name: _to_tensor(self._schema, column, rows[column.name]) for column in self._schema.inputs}
        return {name: vectors.numpy() for name, vectors in self._model.signatures[SIGNATURE](**inputs).items()}


def _build_table(tokens: tuple[str, ...]) -> tf.lookup.StaticHashTable:
    keys = tf.constant(["", *tokens])
    codes = tf.constant([MISSING, *range(FIRST_TOKEN, FIRST_TOKEN + len(tokens))], tf.int32)
    return tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(keys, codes), UNKNOWN)


def _build_spec(column: FeatureColumn) -> tf.TensorSpec:
    is_number = column.arrow_type in {pa.float32(), pa.list_(pa.float32())}
    shape = (None, None) if pa.types.is_list(column.arrow_type) else (None,)
    return tf.TensorSpec(shape, tf.float32 if is_number else tf.string, column.name)


def _to_tensor(schema: ServiceSchema, column: FeatureColumn, values: pa.ChunkedArray) -> tf.Tensor:
    if column.arrow_type == pa.float32():
        return tf.constant(values.to_numpy().astype(np.float32))
    if column.arrow_type == pa.string():
        return tf.constant(values.fill_null("").to_pylist(), tf.string)
    if column.encoding == "aligned":
        return tf.constant(pad_lists(values, schema.max_length(column), np.float32(0)))
    lists: list[list[Any]] = [elements or [] for elements in values.to_pylist()]
    return tf.ragged.constant(lists, dtype=tf.string, ragged_rank=1).to_tensor(
        "", shape=(None, schema.max_length(column))
    )

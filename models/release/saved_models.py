"""A tower that anybody can call: raw feature values in, vectors out, as a SavedModel without this project's code."""

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
NEW_VECTOR = "new_vector"
_ROWS_PER_CALL = 8_192  # a million users at once would not fit


class ServingTower(tf.Module):
    """A tower behind lookup tables.

    Its signature `embed` takes one tensor per input by name: strings (rows,), "" for a missing one; numbers float32
    (rows,), NaN for a missing one; lists of words as strings (rows, any width), padded with "", and the numbers that
    go with them as float32 of the same shape, padded with anything. It returns `vector`, float32 (rows, dimensions);
    a query tower also returns `new_vector`, which asks for items that the user has never bought.
    """

    def __init__(self, tower: QueryTower | ItemTower, encoding: Encoding) -> None:
        super().__init__(name=tower.name)
        self._tower = tower
        self._asks = isinstance(tower, QueryTower)
        self._schema = encoding.schema
        tables = {vocabulary.tokens: _table(vocabulary.tokens) for vocabulary in encoding.vocabularies.values()}
        self._tables = {name: tables[vocabulary.tokens] for name, vocabulary in encoding.vocabularies.items()}
        self._embed = tf.function(self._call, autograph=False)

    def save(self, path: Path) -> None:
        """Write the SavedModel."""
        specs = {column.name: _spec(column) for column in self._schema.inputs}
        # Not the tower itself: Keras would trace each of its layers, to rebuild them where nobody asks for them.
        held = tf.Module(name=self.name)
        held.weights, held.tables = list(self._tower.variables), list(self._tables.values())
        tf.saved_model.save(held, str(path), signatures={SIGNATURE: self._embed.get_concrete_function(**specs)})

    def _call(self, **inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        codes = {column.name: self._codes(column, inputs[column.name]) for column in self._schema.inputs}
        vectors = self._tower(codes, training=False)
        return dict(zip((VECTOR, NEW_VECTOR), vectors, strict=True)) if self._asks else {VECTOR: vectors}

    def _codes(self, column: FeatureColumn, values: tf.Tensor) -> tf.Tensor:
        if column.is_list:
            values = values[:, : self._schema.length(column)]
        return self._tables[column.name].lookup(values) if column.name in self._tables else values


class SavedTower:
    """A tower read back from a SavedModel, called with Arrow tables of features."""

    def __init__(self, path: Path, schema: ServiceSchema) -> None:
        self._model = tf.saved_model.load(str(path))
        self._schema = schema

    def vectors(self, rows: pa.Table) -> NDArray[np.float32]:
        """Vectors of rows that hold the schema's inputs, float32 (rows, dimensions)."""
        return self._embed(rows)[VECTOR]

    def query_vectors(self, rows: pa.Table) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """A query tower's vectors for anything and for something new, float32 (rows, dimensions) each."""
        vectors = self._embed(rows)
        return vectors[VECTOR], vectors[NEW_VECTOR]

    def _embed(self, rows: pa.Table) -> dict[str, NDArray[np.float32]]:
        parts = [
            self._call(rows.slice(start, _ROWS_PER_CALL)) for start in range(0, rows.num_rows or 1, _ROWS_PER_CALL)
        ]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def _call(self, rows: pa.Table) -> dict[str, NDArray[np.float32]]:
        inputs = {column.name: _raw(self._schema, column, rows[column.name]) for column in self._schema.inputs}
        return {name: vectors.numpy() for name, vectors in self._model.signatures[SIGNATURE](**inputs).items()}


def _table(words: tuple[str, ...]) -> tf.lookup.StaticHashTable:
    keys = tf.constant(["", *words])
    codes = tf.constant([MISSING, *range(FIRST_TOKEN, FIRST_TOKEN + len(words))], tf.int32)
    return tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(keys, codes), UNKNOWN)


def _spec(column: FeatureColumn) -> tf.TensorSpec:
    is_number = column.arrow_type in {pa.float32(), pa.list_(pa.float32())}
    shape = (None, None) if pa.types.is_list(column.arrow_type) else (None,)
    return tf.TensorSpec(shape, tf.float32 if is_number else tf.string, column.name)


def _raw(schema: ServiceSchema, column: FeatureColumn, values: pa.ChunkedArray) -> tf.Tensor:
    if column.arrow_type == pa.float32():
        return tf.constant(values.to_numpy().astype(np.float32))
    if column.arrow_type == pa.string():
        return tf.constant(values.fill_null("").to_pylist(), tf.string)
    if column.encoding == "aligned":
        return tf.constant(pad_lists(values, schema.length(column), np.float32(0)))
    lists: list[list[Any]] = [items or [] for items in values.to_pylist()]
    return tf.ragged.constant(lists, dtype=tf.string, ragged_rank=1).to_tensor("", shape=(None, schema.length(column)))

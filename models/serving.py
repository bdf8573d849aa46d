"""A tower that anybody can call: raw feature values in, vectors out, as a SavedModel without this project's code."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import tensorflow as tf
from numpy.typing import NDArray

from features.schema import RECENT_ITEMS_KEPT
from features.service_schema import FeatureColumn, ServiceSchema
from models.encoding import Encoding
from models.tower import Tower
from models.vocabulary import FIRST_WORD, MISSING, UNKNOWN

SIGNATURE = "embed"
VECTOR = "vector"


class ServingTower(tf.Module):
    """A tower behind lookup tables.

    Its signature `embed` takes one tensor per input by name: strings (rows,), "" for a missing one; numbers float32
    (rows,), NaN for a missing one; lists of item ids as strings (rows, any width), padded with "". It returns
    `vector`, float32 (rows, dimensions).
    """

    def __init__(self, tower: Tower, encoding: Encoding) -> None:
        super().__init__(name=tower.name)
        self._tower = tower
        self._columns = encoding.schema.inputs
        tables = {vocabulary.words: _table(vocabulary.words) for vocabulary in encoding.vocabularies.values()}
        self._tables = {name: tables[vocabulary.words] for name, vocabulary in encoding.vocabularies.items()}
        self._embed = tf.function(self._call)

    def save(self, path: Path) -> None:
        """Write the SavedModel."""
        specs = {column.name: _spec(column) for column in self._columns}
        # Keras complains that it could not rebuild the layers from this file; the signature is all that counts.
        logging.getLogger("tensorflow").setLevel(logging.ERROR)
        tf.saved_model.save(self, str(path), signatures={SIGNATURE: self._embed.get_concrete_function(**specs)})

    def _call(self, **inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        codes = {column.name: self._codes(column, inputs[column.name]) for column in self._columns}
        return {VECTOR: self._tower(codes, training=False)}

    def _codes(self, column: FeatureColumn, values: tf.Tensor) -> tf.Tensor:
        if column.name not in self._tables:
            return values
        if column.encoding == "items":
            values = values[:, :RECENT_ITEMS_KEPT]
        return self._tables[column.name].lookup(values)


class SavedTower:
    """A tower read back from a SavedModel, called with Arrow tables of features."""

    def __init__(self, path: Path, schema: ServiceSchema) -> None:
        self._model = tf.saved_model.load(str(path))
        self._schema = schema

    def vectors(self, rows: pa.Table) -> NDArray[np.float32]:
        """Vectors of rows that hold the schema's inputs, float32 (rows, dimensions)."""
        inputs = {column.name: _raw(column, rows[column.name]) for column in self._schema.inputs}
        vectors: NDArray[np.float32] = self._model.signatures[SIGNATURE](**inputs)[VECTOR].numpy()
        return vectors


def _table(words: tuple[str, ...]) -> tf.lookup.StaticHashTable:
    keys = tf.constant(["", *words])
    codes = tf.constant([MISSING, *range(FIRST_WORD, FIRST_WORD + len(words))], tf.int32)
    return tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(keys, codes), UNKNOWN)


def _spec(column: FeatureColumn) -> tf.TensorSpec:
    shape = (None, None) if column.encoding == "items" else (None,)
    return tf.TensorSpec(shape, tf.float32 if column.arrow_type == pa.float32() else tf.string, column.name)


def _raw(column: FeatureColumn, values: pa.ChunkedArray) -> tf.Tensor:
    if column.arrow_type == pa.float32():
        return tf.constant(values.to_numpy().astype(np.float32))
    if column.encoding != "items":
        return tf.constant(values.fill_null("").to_pylist(), tf.string)
    lists: list[list[Any]] = [items or [] for items in values.to_pylist()]
    return tf.ragged.constant(lists, dtype=tf.string, ragged_rank=1).to_tensor("")

"""The query tower in serving: the function of `models.query_tower`, computed from arrays, without TensorFlow."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from features.schema import ITEM_ID
from features.store.service_schema import FeatureColumn
from models.config import Config
from models.encoding import Encoding, Scale
from models.flat_lists import FlatLists, ListInput
from models.pooling import add_item_memory, add_pooled_lists, apply_dense, position_weights
from models.release.checkpoint import Checkpoint

Vectors = NDArray[np.float32]
Weights = Mapping[str, Vectors]

_ROWS_PER_CALL = 8_192  # the inputs of a million users would not fit in memory


@dataclass(frozen=True, eq=False)
class _PositionWeights:
    """Parameters of `models.layers.PositionWeights` for one list, in each of h heads.

    Attributes:
        hidden_kernels: (h, numbers, units).
        hidden_biases: (h, units).
        output_kernels: (h, units).
        output_biases: (h,).
    """

    hidden_kernels: Vectors
    hidden_biases: Vectors
    output_kernels: Vectors
    output_biases: Vectors

    @classmethod
    def read(cls, weights: Weights, prefixes: Sequence[str]) -> Self:
        """Read them from the weights of a checkpoint, with a prefix for each head."""

        def stack(name: str) -> Vectors:
            return np.stack([weights[f"{prefix}.{name}"] for prefix in prefixes])

        outputs = stack("output.kernel"), stack("output.bias")
        return cls(
            stack("hidden.kernel"), stack("hidden.bias"), *(np.ascontiguousarray(each[..., 0]) for each in outputs)
        )

    def weigh(self, numbers: Vectors) -> Vectors:
        """Return the weights of known elements, (positions, h), from `FlatLists.numbers`."""
        weights = np.empty((len(numbers), len(self.output_biases)), np.float32)
        position_weights(
            numbers, self.hidden_kernels, self.hidden_biases, self.output_kernels, self.output_biases, weights
        )
        return weights


@dataclass(frozen=True, eq=False)
class _PooledList:
    """A list that the content heads pool.

    Attributes:
        inputs: the list.
        weights: its position weights, of all heads.
        vectors: embeddings of its elements, (codes, content dimensions).
    """

    inputs: ListInput
    weights: _PositionWeights
    vectors: Vectors

    def add_to(self, contents: Vectors, lists: FlatLists) -> None:
        """Add the pooled vectors of n lists to (heads, n, content dimensions)."""
        weights = self.weights.weigh(lists.numbers)
        add_pooled_lists(lists.starts, lists.counts, lists.codes, weights, self.vectors, contents)


@dataclass(frozen=True, eq=False)
class _ItemMemory:
    """The item memory.

    Attributes:
        name: of the list of items.
        weights: its position weights, of a single head.
        repeat_log_weights: (codes, 1).
        vectors: embeddings of the items, (codes, item-memory dimensions).
    """

    name: str
    weights: _PositionWeights
    repeat_log_weights: Vectors
    vectors: Vectors

    def embed(self, lists: FlatLists) -> Vectors:
        """Compute the item-memory part of n query vectors, (n, item-memory dimensions)."""
        memory, weights = (
            np.zeros((len(lists.starts), self.vectors.shape[1]), np.float32),
            self.weights.weigh(lists.numbers),
        )
        add_item_memory(lists.starts, lists.counts, lists.codes, weights, self.repeat_log_weights, self.vectors, memory)
        return memory


@dataclass(frozen=True, eq=False)
class _Dense:
    """A dense layer: kernel (inputs, units) and bias (units,)."""

    kernel: Vectors
    bias: Vectors


@dataclass(frozen=True, eq=False)
class ServingQueryTower:
    """The query tower of a checkpoint.

    The vectors of a user do not depend on the other users of a call, not even in their last digits.

    Attributes:
        encoding: of its inputs.
        scalars: the inputs with a single value, in the order of the inputs of the dense layers.
        embeddings: by input, of the single ids and categories that are embedded, (codes, embedding dimensions).
        heads: for each content head its dense layers.
        lists: the lists that the content heads pool.
        item_memory: None if there is none.
    """

    encoding: Encoding
    scalars: Sequence[FeatureColumn]
    embeddings: Mapping[str, Vectors]
    heads: Sequence[Sequence[_Dense]]
    lists: Sequence[_PooledList]
    item_memory: _ItemMemory | None

    @classmethod
    def from_checkpoint(cls, checkpoint: Checkpoint, config: Config) -> Self:
        """Return the query tower of a checkpoint, with the settings it was trained with."""
        weights = {name: _read_only(array) for name, array in checkpoint.weights.items()}
        schema, layers = checkpoint.query.schema, range(len(config.hidden_widths) + 1)
        heads = [f"query.head_{head}" for head in range(2 if config.has_new_item_head else 1)]
        embedded = (column.name for column in schema.scalar_inputs if column.encoding == "embedding")
        memory = None
        if "item_memory" in weights:
            items = next(column for column in schema.string_lists if column.refers_to == ITEM_ID)
            positions = _PositionWeights.read(weights, ["query.item_memory"])
            memory = _ItemMemory(items.name, positions, weights["repeat_log_weights"], weights["item_memory"])
        return cls(
            encoding=checkpoint.query,
            scalars=schema.scalar_inputs,
            embeddings={name: weights[f"query.{name}"] for name in embedded},
            heads=[
                [_Dense(*(weights[f"{head}.dense_{layer}.{name}"] for name in ("kernel", "bias"))) for layer in layers]
                for head in heads
            ],
            lists=[
                _PooledList(
                    ListInput.from_column(checkpoint.query, column),
                    _PositionWeights.read(weights, [f"{head}.{column.name}" for head in heads]),
                    weights[f"content.{column.refers_to}"],
                )
                for column in schema.string_lists
            ],
            item_memory=memory,
        )

    def query_vectors(self, rows: pa.Table) -> tuple[Vectors, Vectors]:
        """Return query vectors and new-item query vectors of rows of the tower's features.

        Returns:
            float32 (rows, dimensions) and float32 (rows, content dimensions).
        """
        blocks = [rows.slice(start, _ROWS_PER_CALL) for start in range(0, rows.num_rows or 1, _ROWS_PER_CALL)]
        queries, new_item_queries = zip(*(self._embed(block) for block in blocks), strict=True)
        return np.concatenate(queries), np.concatenate(new_item_queries)

    def _embed(self, rows: pa.Table) -> tuple[Vectors, Vectors]:
        lists = {pooled.inputs.name: pooled.inputs.read(rows) for pooled in self.lists}
        contents = self._embed_content(rows, lists)
        content, new_item_content = contents[0], contents[-1]
        if self.item_memory is None:
            return content, new_item_content
        memory = self.item_memory.embed(lists[self.item_memory.name])
        return np.concatenate([content, memory], axis=1), new_item_content

    def _embed_content(self, rows: pa.Table, lists: Mapping[str, FlatLists]) -> Vectors:
        """Compute the content part, as `models.query_tower.ContentHeads`: float32 (heads, rows, content dimensions)."""
        dimensions = len(self.heads[0][-1].bias)
        contents = np.zeros((len(self.heads), rows.num_rows, dimensions), np.float32)
        for pooled in self.lists:
            pooled.add_to(contents, lists[pooled.inputs.name])
        inputs = [self._encode_scalar(column, rows) for column in self.scalars]
        for head, layers in enumerate(self.heads):
            pooled_inputs = [*inputs, contents[head]] if lists else inputs
            contents[head] += _apply_layers(layers, np.concatenate(pooled_inputs, axis=1))
        return contents

    def _encode_scalar(self, column: FeatureColumn, rows: pa.Table) -> Vectors:
        """Encode an input with a single value as `models.layers.build_encoder` does: float32 (rows, any width)."""
        codes = self.encoding.encode_column(column, rows[column.name])
        if column.name in self.embeddings:
            return np.asarray(self.embeddings[column.name][codes])
        if column.name in self.encoding.scales:
            return _standardize(codes, self.encoding.scales[column.name], log=column.encoding == "log")
        one_hot = np.zeros((len(codes), self.encoding.vocabularies[column.name].size), np.float32)
        one_hot[np.arange(len(codes)), codes] = 1
        return one_hot


def _standardize(numbers: Vectors, scale: Scale, *, log: bool) -> Vectors:
    """Return the standardized number, 0 if missing, and a flag that is 1 if missing: float32 (rows, 2)."""
    missing = np.isnan(numbers)
    present = np.where(missing, np.float32(0), numbers)
    if log:
        present = np.log1p(np.maximum(present, np.float32(0)))
    standard = (present - np.float32(scale.mean)) / np.float32(scale.deviation)
    return np.stack([np.where(missing, np.float32(0), standard), missing.astype(np.float32)], axis=1)


def _apply_layers(layers: Sequence[_Dense], inputs: Vectors) -> Vectors:
    """Apply dense layers with ReLU between them, as `models.layers.DenseStack`."""
    for number, layer in enumerate(layers):
        rectified = inputs if number == 0 else np.maximum(inputs, np.float32(0))
        inputs = np.empty((len(inputs), len(layer.bias)), np.float32)
        apply_dense(rectified, layer.kernel, layer.bias, inputs)
    return inputs


def _read_only(array: Vectors) -> Vectors:
    """Return a plain read-only view: arrays in memory and memory-mapped ones then share their compiled functions."""
    view = np.asarray(array).view()
    view.flags.writeable = False
    return view

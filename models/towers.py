"""A pair of fitted towers: from Arrow tables of features to vectors."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
import pyarrow as pa
import tensorflow as tf
from numpy.typing import NDArray

from models.config import Config
from models.encoding import Encoding
from models.optimizer import build_optimizer
from models.release.checkpoint import Checkpoint
from models.training.warm_start import warm_start
from models.two_tower import TwoTower

_ROWS_PER_CALL = 8_192

Vectors = NDArray[np.float32]


@dataclass(frozen=True)
class Towers:
    """Two fitted towers and what was fitted before them.

    Attributes:
        model: the towers.
        query: encoding of the query tower's inputs.
        item: encoding of the item tower's inputs.
    """

    model: TwoTower
    query: Encoding
    item: Encoding

    @classmethod
    def initialize(cls, query: Encoding, item: Encoding, config: Config) -> Self:
        """Towers with random weights, ready to be trained."""
        model = TwoTower(query, item, config)
        model.compile(optimizer=build_optimizer(config))
        for tower, encoding in ((model.query_tower, query), (model.item_tower, item)):
            tower(encoding.encode_missing())  # variables exist once they are called
        return cls(model, query, item)

    @classmethod
    def from_checkpoint(cls, checkpoint: Checkpoint, config: Config) -> Self:
        """The towers that learned this, with the settings that they were built with.

        Raises:
            InputError: the weights are those of other towers.
        """
        towers = cls.initialize(checkpoint.query, checkpoint.item, config)
        warm_start(towers.model, checkpoint.query, checkpoint.item, checkpoint)
        return towers

    @property
    def checkpoint(self) -> Checkpoint:
        """What a later training goes on from."""
        weights = tuple(variable.numpy() for variable in self.model.trainable_variables)
        return Checkpoint(self.query, self.item, weights)

    def query_vectors(self, rows: pa.Table) -> tuple[Vectors, Vectors]:
        """Vectors of queries for anything and for something new, float32 (rows, dimensions) each."""
        answers = [self.model.query_tower(codes) for codes in _encode_in_chunks(self.query, rows)]
        anything, something_new = zip(*answers, strict=True)
        return np.concatenate(anything), np.concatenate(something_new)

    def item_vectors(self, rows: pa.Table) -> Vectors:
        """Vectors of items, float32 (rows, dimensions)."""
        return np.concatenate([self.model.item_tower(codes) for codes in _encode_in_chunks(self.item, rows)])


def _encode_in_chunks(encoding: Encoding, rows: pa.Table) -> Iterator[dict[str, tf.Tensor]]:
    """The codes of a few thousand rows at a time."""
    for start in range(0, rows.num_rows, _ROWS_PER_CALL):
        codes = encoding.encode(rows.slice(start, _ROWS_PER_CALL))
        yield {name: tf.constant(values) for name, values in codes.items()}

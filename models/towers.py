"""A pair of towers with their encodings: Arrow tables of features to vectors."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
import pyarrow as pa
import tensorflow as tf
from numpy.typing import NDArray

from models.config import Config
from models.encoding import Encoding
from models.release.checkpoint import Checkpoint
from models.training.warm_start import warm_start
from models.two_tower import TwoTower

_ROWS_PER_CALL = 8_192

Vectors = NDArray[np.float32]


@dataclass(frozen=True)
class Towers:
    """Query tower and item tower, with the encodings of their inputs.

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
        """Return towers with random weights, ready for training."""
        model = TwoTower(query, item, config)
        for tower, encoding in ((model.query_tower, query), (model.item_tower, item)):
            tower(encoding.encode_missing())  # the first call creates the variables
        return cls(model, query, item)

    @classmethod
    def from_checkpoint(cls, checkpoint: Checkpoint, config: Config) -> Self:
        """Return towers with the encodings and weights of a checkpoint, and the settings it was trained with.

        Raises:
            InputError: the weights do not fit these settings.
        """
        towers = cls.initialize(checkpoint.query, checkpoint.item, config)
        warm_start(towers.model, checkpoint.query, checkpoint.item, checkpoint)
        return towers

    @property
    def checkpoint(self) -> Checkpoint:
        """Encodings and current weights, for a later warm start."""
        weights = {name: variable.numpy() for name, variable in self.model.named_variables.items()}
        return Checkpoint(self.query, self.item, weights)

    def query_vectors(self, rows: pa.Table) -> tuple[Vectors, Vectors]:
        """Return query vectors and new-item query vectors of rows of features.

        Returns:
            float32 (rows, dimensions) and float32 (rows, content dimensions).
        """
        outputs = [self.model.query_tower(codes) for codes in _encode_in_parts(self.query, rows)]
        queries, new_item_queries = zip(*outputs, strict=True)
        return np.concatenate(queries), np.concatenate(new_item_queries)

    def item_vectors(self, rows: pa.Table) -> Vectors:
        """Return item vectors of rows of features, float32 (rows, dimensions)."""
        return np.concatenate([self.model.item_tower(codes) for codes in _encode_in_parts(self.item, rows)])


def _encode_in_parts(encoding: Encoding, rows: pa.Table) -> Iterator[dict[str, tf.Tensor]]:
    """Yield the codes of a few thousand rows at a time: the look-ups of all rows together would not fit in memory."""
    for start in range(0, rows.num_rows, _ROWS_PER_CALL):
        codes = encoding.encode(rows.slice(start, _ROWS_PER_CALL))
        yield {name: tf.constant(values) for name, values in codes.items()}

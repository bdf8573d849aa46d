"""The optimizers: row-wise Adam for embeddings, AdamW for everything else."""

import tensorflow as tf
import tf_keras as keras

from models.config import Config

_EPSILON = 1e-7


class RowWiseAdam(tf.Module):
    """Adam (Kingma and Ba 2015) on the embedding rows of a batch, with one second moment per row.

    Moments decay only when their row is used. Keras' Adam decays the moments of every row at every step: its cost
    grows with the catalogue, and it keeps moving rows long after their last use. The second moment is the mean of the
    row's squares ("partial row-wise Adam" in FBGEMM), which performs as well as one per number and saves a third of the
    memory traffic.
    """

    def __init__(self, beta_1: float = 0.9, beta_2: float = 0.999) -> None:
        super().__init__()
        self._beta_1, self._beta_2 = beta_1, beta_2
        self._step = tf.Variable(0.0, trainable=False)
        self._rates: list[float] = []
        self._moments: list[tuple[tf.Variable, tf.Variable]] = []

    def build(self, variables: list[tf.Variable], learning_rates: list[float]) -> None:
        """Create the moments of the given embeddings, each (rows, width), with one learning rate per embedding."""
        self._rates = learning_rates
        shapes = [((rows, width), (rows, 1)) for rows, width in (table.shape for table in variables)]
        self._moments = [
            (tf.Variable(tf.zeros(first), trainable=False), tf.Variable(tf.zeros(second), trainable=False))
            for first, second in shapes
        ]

    def apply(self, gradients: list[tf.IndexedSlices], variables: list[tf.Variable]) -> None:
        """Take one step.

        Args:
            gradients: of the rows that were looked up; rows may repeat, their gradients are summed.
            variables: the embeddings that `build` was called with.
        """
        self._step.assign_add(1.0)
        corrected = tf.sqrt(1 - self._beta_2**self._step) / (1 - self._beta_1**self._step)
        for gradient, table, rate, (first, second) in zip(
            gradients, variables, self._rates, self._moments, strict=True
        ):
            rows, positions = tf.unique(gradient.indices)
            slope = tf.math.unsorted_segment_sum(gradient.values, positions, tf.size(rows))
            mean = self._beta_1 * tf.gather(first, rows) + (1 - self._beta_1) * slope
            squares = tf.reduce_mean(tf.square(slope), axis=1, keepdims=True)
            square = self._beta_2 * tf.gather(second, rows) + (1 - self._beta_2) * squares
            first.scatter_update(tf.IndexedSlices(mean, rows))
            second.scatter_update(tf.IndexedSlices(square, rows))
            step = rate * corrected / (tf.sqrt(square) + _EPSILON)
            table.scatter_sub(tf.IndexedSlices(step * mean, rows))


def build_optimizer(config: Config) -> keras.optimizers.Optimizer:
    """Return the optimizer of all weights that `RowWiseAdam` does not train."""
    return keras.optimizers.AdamW(config.learning_rate, weight_decay=config.weight_decay)

"""Adam that touches only the rows of an embedding that a batch looked up."""

import tensorflow as tf
import tf_keras as keras

from models.config import Config

_EPSILON = 1e-7


class RowWiseAdam(tf.Module):
    """Adam (Kingma and Ba 2015) with moments that age only when their row is used, and one second moment for each row.

    Keras' own Adam decays the moments of every row at every step: work that grows with the catalogue, and pushes that
    go on long after an item was last seen. One second moment, the mean of a row's squares, is as good as one for each
    number of it, and a third less to read and write ("partial row-wise Adam" in FBGEMM).
    """

    def __init__(self, beta_1: float = 0.9, beta_2: float = 0.999) -> None:
        super().__init__()
        self._beta_1, self._beta_2 = beta_1, beta_2
        self._step = tf.Variable(0.0, trainable=False)
        self._rates: list[float] = []
        self._moments: list[tuple[tf.Variable, tf.Variable]] = []

    def build(self, variables: list[tf.Variable], learning_rates: list[float]) -> None:
        """Create the moments of these embeddings, in their order."""
        self._rates = learning_rates
        shapes = [((rows, width), (rows, 1)) for rows, width in (table.shape for table in variables)]
        self._moments = [
            (tf.Variable(tf.zeros(first), trainable=False), tf.Variable(tf.zeros(second), trainable=False))
            for first, second in shapes
        ]

    def apply(self, gradients: list[tf.IndexedSlices], variables: list[tf.Variable]) -> None:
        """Take one step.

        Args:
            gradients: of the looked-up rows, some perhaps several times.
            variables: those that `build` was called with.
        """
        self._step.assign_add(1.0)
        corrected = tf.sqrt(1 - self._beta_2**self._step) / (1 - self._beta_1**self._step)
        every = zip(gradients, variables, self._rates, self._moments, strict=True)
        for gradient, table, rate, (first, second) in every:
            rows, places = tf.unique(gradient.indices)
            slope = tf.math.unsorted_segment_sum(gradient.values, places, tf.size(rows))
            mean = self._beta_1 * tf.gather(first, rows) + (1 - self._beta_1) * slope
            squares = tf.reduce_mean(tf.square(slope), axis=1, keepdims=True)
            square = self._beta_2 * tf.gather(second, rows) + (1 - self._beta_2) * squares
            first.scatter_update(tf.IndexedSlices(mean, rows))
            second.scatter_update(tf.IndexedSlices(square, rows))
            step = rate * corrected / (tf.sqrt(square) + _EPSILON)
            table.scatter_sub(tf.IndexedSlices(step * mean, rows))


def build_optimizer(config: Config) -> keras.optimizers.Optimizer:
    """What everything but row-wise embeddings learns by."""
    return keras.optimizers.AdamW(config.learning_rate, weight_decay=config.weight_decay)

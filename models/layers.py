"""The encoders that a tower stacks side by side."""

import tensorflow as tf
import tf_keras as keras

from features.store.service_schema import FeatureColumn
from models.config import Config
from models.encoding import Encoding, Scale
from models.vocabulary import FIRST_TOKEN, UNKNOWN

_WEIGHT_UNITS = 16


class OneHot(keras.layers.Layer):
    """Codes (batch,) to one-hot rows (batch, size). Its depth counts the reserved codes, so that no word is lost."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.output_dim = size

    def call(self, codes: tf.Tensor) -> tf.Tensor:
        """Return float32 (batch, size)."""
        return tf.one_hot(codes, self.output_dim)


class Number(keras.layers.Layer):
    """Numbers (batch,) to (batch, 2): the standardised value, 0 where missing, and whether it is missing."""

    output_dim = 2

    def __init__(self, scale: Scale, *, log: bool) -> None:
        super().__init__()
        self._scale = scale
        self._log = log

    def call(self, values: tf.Tensor) -> tf.Tensor:
        """Return float32 (batch, 2)."""
        missing = tf.math.is_nan(values)
        present = tf.where(missing, tf.zeros_like(values), values)
        if self._log:
            present = tf.math.log1p(tf.maximum(present, 0.0))
        standard = (present - self._scale.mean) / self._scale.deviation
        return tf.stack([tf.where(missing, tf.zeros_like(standard), standard), tf.cast(missing, tf.float32)], axis=-1)


class IdDropout(keras.layers.Layer):
    """In training, replaces a share of the item codes by the unknown code; in serving it does nothing."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self._rate = rate

    def call(self, codes: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """Return codes of the same shape."""
        if not training or self._rate == 0:
            return codes
        hidden = tf.random.uniform(tf.shape(codes)) < self._rate
        return tf.where(hidden, tf.fill(tf.shape(codes), UNKNOWN), codes)


class PositionWeights(keras.layers.Layer):
    """How much each place of a list counts, learned from the numbers that go with the list (how often, how long ago).

    Positive; 0 at empty places and unknown words.
    """

    def __init__(self) -> None:
        super().__init__()
        self._hidden = keras.layers.Dense(_WEIGHT_UNITS, activation="relu")
        self._weight = keras.layers.Dense(1)

    def call(self, codes: tf.Tensor, numbers: list[tf.Tensor]) -> tf.Tensor:
        """Return float32 (batch, length).

        Args:
            codes: int32 (batch, length).
            numbers: float32 (batch, length) each, at least 0, or they count as 0, as NaN does; a list without any is
                weighed alike throughout.
        """
        present = known_mask(codes)
        # NaN is not above 0 either, and would not become 0 by a weight of 0.
        logged = [tf.math.log1p(tf.where(number > 0, number, 0.0)) for number in numbers] or [present]
        return tf.nn.softplus(self._weight(self._hidden(tf.stack(logged, axis=-1)))[..., 0]) * present


class DenseStack(keras.layers.Layer):
    """Dense layers with rectifiers, then one without."""

    def __init__(self, hidden: tuple[int, ...], dimensions: int) -> None:
        super().__init__()
        self._layers = [keras.layers.Dense(width, activation="relu") for width in hidden]
        self._layers.append(keras.layers.Dense(dimensions))

    @property
    def input_kernel(self) -> tf.Variable:
        """Weights of the first layer, (inputs, its width), once it has been called."""
        return self._layers[0].kernel

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Return float32 (batch, dimensions)."""
        for layer in self._layers:
            inputs = layer(inputs)
        return inputs


def known_mask(codes: tf.Tensor) -> tf.Tensor:
    """1 for a word, 0 for a missing or unknown one: float32 of the same shape."""
    return tf.cast(codes >= FIRST_TOKEN, tf.float32)


def weighted_sum(weights: tf.Tensor, vectors: tf.Tensor) -> tf.Tensor:
    """Weighted sum of vectors (batch, length, dimensions), float32 (batch, dimensions)."""
    return tf.einsum("bl,bld->bd", weights, vectors)


def build_encoder(encoding: Encoding, column: FeatureColumn, config: Config) -> keras.layers.Layer:
    """The layer for an input that is one number or one word."""
    if column.name in encoding.scales:
        return Number(encoding.scales[column.name], log=column.encoding == "log")
    size = encoding.vocabularies[column.name].size
    return OneHot(size) if column.encoding == "one_hot" else keras.layers.Embedding(size, config.embedding_dimensions)

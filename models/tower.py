"""One tower: the inputs of a feature service in, a vector out."""

import tensorflow as tf
import tf_keras as keras

from features.schema import ITEM_ID, RECENT_ITEMS_KEPT
from models.config import Config
from models.encoding import Encoding, Scale
from models.vocabulary import MISSING, UNKNOWN


class OneHot(keras.layers.Layer):
    """Codes (batch,) to one-hot rows (batch, size). Its depth counts the reserved codes, so that no word is lost."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self._size = size

    def call(self, codes: tf.Tensor) -> tf.Tensor:
        """Return float32 (batch, size)."""
        return tf.one_hot(codes, self._size)


class Number(keras.layers.Layer):
    """Numbers (batch,) to (batch, 2): the standardised value, 0 where missing, and whether it is missing."""

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


class HiddenId(keras.layers.Layer):
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


class History(keras.layers.Layer):
    """Lists of item codes (batch, 50), newest first, to the weighted mean of their embeddings (batch, dimensions).

    The weight of each place is learned, so that recency counts for as much as it is worth; empty places weigh
    nothing, and an empty list is the zero vector.
    """

    def __init__(self, embedding: keras.layers.Embedding, dropout: float) -> None:
        super().__init__()
        self._embedding = embedding
        self._dropout = keras.layers.Dropout(dropout)

    def build(self, _: tf.TensorShape) -> None:
        """Create the logits of the places."""
        self._places = self.add_weight(name="places", shape=(RECENT_ITEMS_KEPT,), initializer="zeros")

    def call(self, codes: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """Return float32 (batch, dimensions)."""
        present = tf.cast(codes != MISSING, tf.float32)
        weights = present * tf.exp(self._places[: tf.shape(codes)[1]])
        weights /= tf.maximum(tf.reduce_sum(weights, axis=1, keepdims=True), 1e-9)
        return self._dropout(tf.einsum("bl,bld->bd", weights, self._embedding(codes)), training=training)


class Tower(keras.Model):
    """Encoders of every input, side by side, then dense layers.

    Called with the codes that `Encoding.codes` makes; returns float32 vectors (batch, dimensions).
    """

    def __init__(self, encoding: Encoding, config: Config, item_embedding: keras.layers.Embedding, name: str) -> None:
        super().__init__(name=name)
        self._hidden_id = HiddenId(config.id_dropout)
        self._item_embedding = item_embedding
        self._encoders = {
            column.name: self._encoder(encoding, column.name, column.encoding, config)
            for column in encoding.schema.inputs
        }
        self._dense = [keras.layers.Dense(width, activation="relu") for width in config.hidden]
        self._last = keras.layers.Dense(config.dimensions)
        self._normalised = config.normalised

    def call(self, codes: dict[str, tf.Tensor], training: bool | None = None) -> tf.Tensor:
        """Return float32 (batch, dimensions)."""
        encoded = []
        for name, encoder in self._encoders.items():
            code = self._hidden_id(codes[name], training=training) if name == ITEM_ID else codes[name]
            encoded.append(encoder(code))
        vectors = tf.concat(encoded, axis=-1)
        for layer in self._dense:
            vectors = layer(vectors)
        vectors = self._last(vectors)
        return tf.math.l2_normalize(vectors, axis=-1) if self._normalised else vectors

    def _encoder(self, encoding: Encoding, name: str, kind: str, config: Config) -> keras.layers.Layer:
        if name in encoding.scales:
            return Number(encoding.scales[name], log=kind == "log")
        if kind == "items":
            return History(self._item_embedding, config.dropout)
        if name == ITEM_ID:
            return self._item_embedding
        size = encoding.vocabularies[name].size
        return OneHot(size) if kind == "one_hot" else keras.layers.Embedding(size, config.embedding_dimensions)

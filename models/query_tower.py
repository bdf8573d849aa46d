"""The query tower: what a user did, to two vectors: one for anything, one for something new."""

import tensorflow as tf
import tf_keras as keras

from features.schema import ITEM_ID
from features.service_schema import ServiceSchema
from models.config import Config
from models.encoding import Encoding
from models.layers import Dense, Weights, encoder, pooled
from models.shared_words import SharedWords

Vectors = tuple[tf.Tensor, tf.Tensor]


class Interest(keras.layers.Layer):
    """What a user may want, as a content vector: his lists pooled, and dense layers over all that is known of him."""

    def __init__(self, schema: ServiceSchema, config: Config, shared: SharedWords) -> None:
        super().__init__()
        self._lists = {words.name: words.of for words in schema.lists}
        self._numbers = {name: [number.name for number in schema.beside(name)] for name in self._lists}
        self._weights = {name: Weights(config.dropout) for name in self._lists}
        self._dense = Dense(config.hidden, config.content_dimensions)
        self._shared = shared

    def call(self, codes: dict[str, tf.Tensor], known: list[tf.Tensor], training: bool | None = None) -> tf.Tensor:
        """Return float32 (batch, content dimensions).

        Args:
            codes: lists of codes and the numbers that go with them, (batch, length) each.
            known: what else is known, encoded, (batch, any) each.
            training: whether dropout is on.
        """
        if not self._lists:
            return self._dense(tf.concat(known, axis=-1))
        liked = tf.add_n([self._liked(name, codes, training) for name in self._lists])
        return liked + self._dense(tf.concat([*known, liked], axis=-1))

    @property
    def first_kernel(self) -> tf.Variable:
        """Weights of the first dense layer, (inputs, its width)."""
        return self._dense.first_kernel

    def _liked(self, name: str, codes: dict[str, tf.Tensor], training: bool | None) -> tf.Tensor:
        weights = self._weights[name](codes[name], [codes[number] for number in self._numbers[name]], training=training)
        # Between a sum and a mean: who bought much is surer of his taste, but not a hundred times as sure.
        length = tf.sqrt(1.0 + tf.reduce_sum(weights, axis=1, keepdims=True))
        return pooled(weights, self._shared.content[self._lists[name]](codes[name])) / length


class Memory(keras.layers.Layer):
    """What a user bought, as a vector whose dot product with an item's memory tells whether it was among it."""

    def __init__(self, schema: ServiceSchema, memory: keras.layers.Embedding, repeats: keras.layers.Embedding) -> None:
        super().__init__()
        self._list = next(words.name for words in schema.lists if words.of == ITEM_ID)
        self._numbers = [number.name for number in schema.beside(self._list)]
        self._weights = Weights(dropout=0.0)
        self._memory, self._repeats = memory, repeats

    def call(self, codes: dict[str, tf.Tensor]) -> tf.Tensor:
        """Return float32 (batch, memory dimensions)."""
        items = codes[self._list]
        weights = self._weights(items, [codes[name] for name in self._numbers])
        return pooled(weights * tf.exp(self._repeats(items)[..., 0]), self._memory(items))


class QueryTower(keras.Model):
    """Encoders of every input, then one interest in anything and one in something new.

    Called with the codes that `Encoding.codes` makes; returns two float32 vectors (batch, dimensions) to be multiplied
    with the same item vectors. The first asks for whatever the user may buy next, what he bought before among it: its
    second part is the memory. The second asks for what he has never bought: there the memory is zero, since it could
    only be noise among items that are not in it. Without `config.discovers` both have the same first part.

    Attributes:
        encoders: by input that is one word or number, in the order in which the dense layers take what they say.
    """

    def __init__(self, encoding: Encoding, config: Config, shared: SharedWords) -> None:
        super().__init__(name="query_tower")
        schema = encoding.schema
        self.encoders = {column.name: encoder(encoding, column, config) for column in schema.single_inputs}
        self._anything = Interest(schema, config, shared)
        self._something_new = Interest(schema, config, shared) if config.discovers else None
        self._memory = None if shared.memory is None else Memory(schema, shared.memory, shared.repeats)

    @property
    def first_kernels(self) -> list[tf.Variable]:
        """Weights, (inputs, width), that what the encoders say is multiplied with, before what is read off lists."""
        return [interest.first_kernel for interest in (self._anything, self._something_new) if interest is not None]

    def call(self, codes: dict[str, tf.Tensor], training: bool | None = None) -> Vectors:
        """Return float32 (batch, dimensions), twice."""
        told = [encode(codes[name]) for name, encode in self.encoders.items()]
        anything = self._anything(codes, told, training=training)
        new = anything if self._something_new is None else self._something_new(codes, told, training=training)
        if self._memory is None:
            return anything, new
        memory = self._memory(codes)
        return tf.concat([anything, memory], axis=-1), tf.concat([new, tf.zeros_like(memory)], axis=-1)

"""The query tower: what a user did, to two vectors: one for anything, one for something new."""

import tensorflow as tf
import tf_keras as keras

from features.schema import ITEM_ID
from features.store.service_schema import ServiceSchema
from models.config import Config
from models.encoding import Encoding
from models.layers import DenseStack, PositionWeights, build_encoder, weighted_sum
from models.list_dropout import ListDropout
from models.shared_embeddings import SharedEmbeddings

Vectors = tuple[tf.Tensor, tf.Tensor]


class ContentHeads(keras.layers.Layer):
    """What a user may want, one content vector for each question: his lists pooled, and dense layers over all of him.

    The questions weigh the same words each in its own way: these are looked up once.
    """

    def __init__(self, schema: ServiceSchema, config: Config, shared: SharedEmbeddings, questions: int) -> None:
        super().__init__()
        self._lists = {words.name: words.of for words in schema.lists}
        self._numbers = {name: [number.name for number in schema.beside(name)] for name in self._lists}
        self._weights = [{name: PositionWeights() for name in self._lists} for _ in range(questions)]
        self._dense = [DenseStack(config.hidden_widths, config.content_dimensions) for _ in range(questions)]
        self._glimpses = ListDropout([[name, *numbers] for name, numbers in self._numbers.items()], config.list_dropout)
        self._shared = shared

    def call(
        self, codes: dict[str, tf.Tensor], known: list[tf.Tensor], training: bool | None = None
    ) -> list[tf.Tensor]:
        """Return float32 (batch, content dimensions) for each question.

        Args:
            codes: lists of codes and the numbers that go with them, (batch, length) each.
            known: what else is known, encoded, (batch, any) each.
            training: whether dropout is on.
        """
        if not self._lists:
            return [dense(tf.concat(known, axis=-1)) for dense in self._dense]
        shown, scales = self._glimpses(codes, training=training)
        liked = tf.unstack(tf.add_n([self._liked(name, shown, scales[name]) for name in self._lists]), axis=1)
        return [of + dense(tf.concat([*known, of], axis=-1)) for of, dense in zip(liked, self._dense, strict=True)]

    @property
    def input_kernels(self) -> list[tf.Variable]:
        """Weights of the first dense layer of each question, (inputs, its width)."""
        return [dense.input_kernel for dense in self._dense]

    def _liked(self, name: str, codes: dict[str, tf.Tensor], scale: float) -> tf.Tensor:
        """A list, pooled: float32 (batch, questions, content dimensions)."""
        numbers = [codes[number] for number in self._numbers[name]]
        weights = scale * tf.stack([of[name](codes[name], numbers) for of in self._weights], axis=1)
        # Between a sum and a mean: who bought much is surer of his taste, but not a hundred times as sure.
        length = tf.sqrt(1.0 + tf.reduce_sum(weights, axis=2, keepdims=True))
        return tf.matmul(weights, self._shared.content[self._lists[name]](codes[name])) / length


class ItemMemory(keras.layers.Layer):
    """What a user bought, as a vector whose dot product with an item's memory tells whether it was among it."""

    def __init__(
        self, schema: ServiceSchema, config: Config, memory: keras.layers.Embedding, repeats: keras.layers.Embedding
    ) -> None:
        super().__init__()
        self._list = next(words.name for words in schema.lists if words.of == ITEM_ID)
        self._numbers = [number.name for number in schema.beside(self._list)]
        self._weights = PositionWeights()
        self._glimpses = ListDropout([[self._list, *self._numbers]], config.item_memory_dropout)
        self._memory, self._repeats = memory, repeats

    def call(self, codes: dict[str, tf.Tensor], training: bool | None = None) -> tf.Tensor:
        """Return float32 (batch, memory dimensions)."""
        shown, scales = self._glimpses(codes, training=training)
        items = shown[self._list]
        weights = scales[self._list] * self._weights(items, [shown[name] for name in self._numbers])
        return weighted_sum(weights * tf.exp(self._repeats(items)[..., 0]), self._memory(items))


class QueryTower(keras.Model):
    """Encoders of every input, then one interest in anything and one in something new.

    Called with the codes that `Encoding.encode` makes; returns two float32 vectors (batch, dimensions) to be multiplied
    with the same item vectors. The first asks for whatever the user may buy next, what he bought before among it: its
    second part is the memory. The second asks for what he has never bought: there the memory is zero, since it could
    only be noise among items that are not in it. Without `config.has_new_item_head` both have the same first part.

    Attributes:
        encoders: by input that is one word or number, in the order in which the dense layers take what they say.
    """

    def __init__(self, encoding: Encoding, config: Config, shared: SharedEmbeddings) -> None:
        super().__init__(name="query_tower")
        schema = encoding.schema
        self.encoders = {column.name: build_encoder(encoding, column, config) for column in schema.single_inputs}
        self._interests = ContentHeads(schema, config, shared, questions=2 if config.has_new_item_head else 1)
        self._memory = (
            None
            if shared.item_memory is None
            else ItemMemory(schema, config, shared.item_memory, shared.repeat_log_weights)
        )

    @property
    def input_kernels(self) -> list[tf.Variable]:
        """Weights, (inputs, width), that what the encoders say is multiplied with, before what is read off lists."""
        return self._interests.input_kernels

    def call(self, codes: dict[str, tf.Tensor], training: bool | None = None) -> Vectors:
        """Return float32 (batch, dimensions), twice."""
        told = [encode(codes[name]) for name, encode in self.encoders.items()]
        contents = self._interests(codes, told, training=training)
        anything, new = contents[0], contents[-1]
        if self._memory is None:
            return anything, new
        memory = self._memory(codes, training=training)
        return tf.concat([anything, memory], axis=-1), tf.concat([new, tf.zeros_like(memory)], axis=-1)

"""The query tower: the features of a user to two query vectors."""

from collections.abc import Collection

import tensorflow as tf
import tf_keras as keras

from features.schema import ITEM_ID
from features.store.service_schema import ServiceSchema
from models.config import Config
from models.encoding import Encoding
from models.layers import DenseStack, ListDropout, PositionWeights, build_encoder, embedding_variables, prefix_names
from models.shared_embeddings import SharedEmbeddings


class ContentHeads(keras.layers.Layer):
    """The content part of the query vectors, one vector per head.

    Each head pools the user's lists with its own position weights, passes the pooled lists and the encoded single
    inputs through its own dense layers, and adds the pooled lists to the output. The embeddings of the lists are shared
    by the heads and looked up once.
    """

    def __init__(
        self,
        schema: ServiceSchema,
        config: Config,
        shared: SharedEmbeddings,
        encoders: Collection[keras.layers.Layer],
        heads: int,
    ) -> None:
        super().__init__()
        self._lists = {column.name: column.refers_to for column in schema.string_lists}
        self._numbers = {name: [number.name for number in schema.aligned_with(name)] for name in self._lists}
        self._weights = [{name: PositionWeights() for name in self._lists} for _ in range(heads)]
        self._dense = [DenseStack(config.hidden_widths, config.content_dimensions, encoders) for _ in range(heads)]
        inputs = [[name, *numbers] for name, numbers in self._numbers.items()]
        self._list_dropout = ListDropout(inputs, config.list_dropout)
        self._shared = shared

    def call(
        self, codes: dict[str, tf.Tensor], encoded: list[tf.Tensor], training: bool | None = None
    ) -> list[tf.Tensor]:
        """Return float32 (batch, content dimensions) for each head.

        Args:
            codes: codes of the lists and the numbers aligned with them, (batch, length) each.
            encoded: the encoded single inputs, for `DenseStack`.
            training: whether dropout is active.
        """
        if not self._lists:
            return [dense(encoded) for dense in self._dense]
        shortened, scales = self._list_dropout(codes, training=training)
        lists = tf.add_n([self._pool(name, shortened, scales[name]) for name in self._lists])
        pooled_by_head = tf.unstack(lists, axis=1)
        return [pooled + dense([*encoded, pooled]) for pooled, dense in zip(pooled_by_head, self._dense, strict=True)]

    @property
    def named_variables(self) -> dict[str, tf.Variable]:
        """The variables by name, `head_<number>.` before those of each head; they exist once the layer was called."""
        variables: dict[str, tf.Variable] = {}
        for number, (weights, dense) in enumerate(zip(self._weights, self._dense, strict=True)):
            for name, layer in weights.items():
                variables |= prefix_names(f"head_{number}.{name}", layer.named_variables)
            variables |= prefix_names(f"head_{number}", dense.named_variables)
        return variables

    @property
    def input_kernels(self) -> list[tf.Variable]:
        """Kernel of the first dense layer of each head, (inputs, its width)."""
        return [dense.input_kernel for dense in self._dense]

    def _pool(self, name: str, codes: dict[str, tf.Tensor], scale: float) -> tf.Tensor:
        """Return the weighted sum of a list's vectors / √(1 + sum of weights), (batch, heads, content dimensions).

        The result grows with the length of the list, but slower than a sum: many purchases are stronger evidence of a
        taste than few, though not in proportion.
        """
        numbers = [codes[number] for number in self._numbers[name]]
        weights = scale * tf.stack([head[name](codes[name], numbers) for head in self._weights], axis=1)
        length = tf.sqrt(1.0 + tf.reduce_sum(weights, axis=2, keepdims=True))
        return tf.matmul(weights, self._shared.content[self._lists[name]](codes[name])) / length


class ItemMemory(keras.layers.Layer):
    """The item-memory part of the query vector: the weighted sum of the memory vectors of the purchased items.

    Its dot product with an item's memory vector is large if the user has bought the item before.
    """

    def __init__(
        self,
        schema: ServiceSchema,
        config: Config,
        vectors: keras.layers.Embedding,
        repeat_log_weights: keras.layers.Embedding,
    ) -> None:
        super().__init__()
        self._list = next(column.name for column in schema.string_lists if column.refers_to == ITEM_ID)
        self._numbers = [number.name for number in schema.aligned_with(self._list)]
        self._weights = PositionWeights()
        self._list_dropout = ListDropout([[self._list, *self._numbers]], config.item_memory_dropout)
        self._vectors, self._repeat_log_weights = vectors, repeat_log_weights

    @property
    def named_variables(self) -> dict[str, tf.Variable]:
        """The variables of the position weights by name; they exist once the layer has been called."""
        return self._weights.named_variables

    def call(self, codes: dict[str, tf.Tensor], training: bool | None = None) -> tf.Tensor:
        """Return float32 (batch, item-memory dimensions)."""
        shortened, scales = self._list_dropout(codes, training=training)
        items = shortened[self._list]
        weights = scales[self._list] * self._weights(items, [shortened[name] for name in self._numbers])
        weights *= tf.exp(self._repeat_log_weights(items)[..., 0])
        # A matrix product, not an einsum: its gradient is twice as fast.
        return tf.matmul(weights[:, None, :], self._vectors(items))[:, 0]


class QueryTower(keras.Model):
    """Encoders of the single inputs, then content heads over them and the lists, with the item memory appended.

    Called with the codes of `Encoding.encode`. Returns two float32 vectors, both scored against the same item vectors:
    - the query vector (batch, dimensions), for any next purchase: content and item memory;
    - the new-item query vector (batch, content dimensions), for items the user has never bought: it is scored against
      the content part of the item vectors alone, because among items outside the memory, memory would only be noise.
    Without `config.has_new_item_head` both have the same content.

    Attributes:
        encoders: by input with a single value, in the order of the inputs of the dense layers.
    """

    def __init__(self, encoding: Encoding, config: Config, shared: SharedEmbeddings) -> None:
        super().__init__(name="query_tower")
        schema = encoding.schema
        self.encoders = {column.name: build_encoder(encoding, column, config) for column in schema.scalar_inputs}
        heads = 2 if config.has_new_item_head else 1
        self._content = ContentHeads(schema, config, shared, self.encoders.values(), heads)
        self._item_memory = None
        if shared.item_memory is not None:
            self._item_memory = ItemMemory(schema, config, shared.item_memory, shared.repeat_log_weights)

    @property
    def named_variables(self) -> dict[str, tf.Variable]:
        """The tower's own variables by name; they exist once it has been called."""
        memory = prefix_names("item_memory", self._item_memory.named_variables) if self._item_memory else {}
        return {**embedding_variables(self.encoders), **self._content.named_variables, **memory}

    @property
    def input_kernels(self) -> list[tf.Variable]:
        """Kernels of the first dense layers, (inputs, width); the outputs of `encoders` are their first inputs."""
        return self._content.input_kernels

    def call(self, codes: dict[str, tf.Tensor], training: bool | None = None) -> tuple[tf.Tensor, tf.Tensor]:
        """Return the query vectors and the new-item query vectors, which are shorter if there is an item memory."""
        encoded = [encoder(codes[name]) for name, encoder in self.encoders.items()]
        contents = self._content(codes, encoded, training=training)
        content, new_item_content = contents[0], contents[-1]
        if self._item_memory is None:
            return content, new_item_content
        memory = self._item_memory(codes, training=training)
        return tf.concat([content, memory], axis=-1), new_item_content

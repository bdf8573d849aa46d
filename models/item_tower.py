"""The item tower: the features of an item to its vector."""

import tensorflow as tf
import tf_keras as keras

from features.schema import ITEM_ID
from models.config import Config
from models.encoding import Encoding
from models.layers import DenseStack, IdDropout, build_encoder, embedding_variables, known_mask
from models.shared_embeddings import SharedEmbeddings


class ItemTower(keras.Model):
    """Encoders of every input, then dense layers; the shared embeddings are added to the output.

    Called with the codes of `Encoding.encode`. Returns float32 vectors (batch, dimensions): content, then item memory,
    if there is one. In training, id dropout applies to the content only. It forces the content to use the other
    features, which are all that a new item has.

    Attributes:
        encoders: by input, in the order of the inputs of the dense layers.
    """

    def __init__(self, encoding: Encoding, config: Config, shared: SharedEmbeddings) -> None:
        super().__init__(name="item_tower")
        self._id_dropout = IdDropout(config.id_dropout)
        self.encoders = {column.name: build_encoder(encoding, column, config) for column in encoding.schema.inputs}
        self._dense = DenseStack(config.hidden_widths, config.content_dimensions, self.encoders.values())
        self._shared = shared

    @property
    def named_variables(self) -> dict[str, tf.Variable]:
        """The tower's own variables by name; they exist once it has been called."""
        return {**embedding_variables(self.encoders), **self._dense.named_variables}

    @property
    def input_kernels(self) -> list[tf.Variable]:
        """Kernel of the first dense layer, (inputs, width), in a list; its inputs are the outputs of `encoders`."""
        return [self._dense.input_kernel]

    def call(self, codes: dict[str, tf.Tensor], training: bool | None = None) -> tf.Tensor:
        """Return float32 (batch, dimensions)."""
        inputs = dict(codes)
        if ITEM_ID in codes:
            inputs[ITEM_ID] = self._id_dropout(codes[ITEM_ID], training=training)
        content = self._dense([encoder(inputs[name]) for name, encoder in self.encoders.items()])
        for name, embedding in self._shared.content.items():
            content += _look_up(embedding, inputs[name])
        if self._shared.item_memory is None:
            return content
        return tf.concat([content, _look_up(self._shared.item_memory, codes[ITEM_ID])], axis=-1)


def _look_up(embedding: keras.layers.Embedding, codes: tf.Tensor) -> tf.Tensor:
    """Return vectors (batch, dimensions), zero for unknown tokens: one shared vector would make all of them similar."""
    return embedding(codes) * known_mask(codes)[:, None]

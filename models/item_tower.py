"""The item tower: what an item is and how it sells, to a vector."""

import tensorflow as tf
import tf_keras as keras

from features.schema import ITEM_ID
from models.config import Config
from models.encoding import Encoding
from models.layers import DenseStack, IdDropout, build_encoder, known_mask
from models.shared_embeddings import SharedEmbeddings


class ItemTower(keras.Model):
    """Encoders of every input side by side, then dense layers, and the shared words beside them.

    Called with the codes that `Encoding.encode` makes; returns float32 vectors (batch, dimensions): the content, then
    the memory, if there is one. Only the memory sees every id in training: content must do without most of them, so
    that an item nobody has bought yet lives off its features.

    Attributes:
        encoders: by input, in the order in which the dense layers take what they say.
    """

    def __init__(self, encoding: Encoding, config: Config, shared: SharedEmbeddings) -> None:
        super().__init__(name="item_tower")
        self._hidden_id = IdDropout(config.id_dropout)
        self.encoders = {column.name: build_encoder(encoding, column, config) for column in encoding.schema.inputs}
        self._dense = DenseStack(config.hidden_widths, config.content_dimensions)
        self._shared = shared

    @property
    def input_kernels(self) -> list[tf.Variable]:
        """Weights, (inputs, width), that what the encoders say is multiplied with."""
        return [self._dense.input_kernel]

    def call(self, codes: dict[str, tf.Tensor], training: bool | None = None) -> tf.Tensor:
        """Return float32 (batch, dimensions)."""
        shown = dict(codes)
        if ITEM_ID in codes:
            shown[ITEM_ID] = self._hidden_id(codes[ITEM_ID], training=training)
        content = self._dense(tf.concat([encode(shown[name]) for name, encode in self.encoders.items()], axis=-1))
        for name, words in self._shared.content.items():
            content += _vectors(words, shown[name])
        if self._shared.item_memory is None:
            return content
        return tf.concat([content, _vectors(self._shared.item_memory, codes[ITEM_ID])], axis=-1)


def _vectors(words: keras.layers.Embedding, codes: tf.Tensor) -> tf.Tensor:
    """Vectors of words, zero for unknown ones: or whoever bought one of them would be near all of them."""
    return words(codes) * known_mask(codes)[:, None]

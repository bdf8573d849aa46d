"""Embeddings that both towers use: of items and categories, in an item's features and in a user's lists."""

import tensorflow as tf
import tf_keras as keras

from features.schema import ITEM_ID
from models.config import Config
from models.encoding import Encoding

# Standard deviations of the initial values: a user starts close to purchased items, and unused rows stay close to 0.
_CONTENT_DEVIATION, _ITEM_MEMORY_DEVIATION = 0.05, 0.1


class SharedEmbeddings(tf.Module):
    """One vector for each token that items and users' lists have in common.

    The vectors are added directly to the output of both towers, so that a user is close to items like their purchases
    before any layer is trained: a factored item similarity (Kabbur et al. 2013, "FISM: factored item similarity models
    for top-N recommender systems") over ids and categories alike.

    Attributes:
        content: by item input, embedding (tokens, content dimensions).
        item_memory: embedding (items, item-memory dimensions) that identifies purchased items; None if there is none.
        repeat_log_weights: embedding (items, 1), log of the weight of a past purchase as evidence for buying the item
            again; None without item memory.
    """

    def __init__(self, query: Encoding, item: Encoding, config: Config) -> None:
        super().__init__()
        self.content = {
            name: _build_embedding(item, name, config.content_dimensions, _CONTENT_DEVIATION)
            for name in sorted({column.refers_to for column in query.schema.string_lists})
        }
        dimensions = config.item_memory_dimensions if ITEM_ID in self.content else 0
        self.item_memory = _build_embedding(item, ITEM_ID, dimensions, _ITEM_MEMORY_DEVIATION) if dimensions else None
        self.repeat_log_weights = _build_embedding(item, ITEM_ID, 1, 0.0) if dimensions else None

    @property
    def named_variables(self) -> dict[str, tf.Variable]:
        """The tables by name; they exist once the towers have been called."""
        tables = {f"content.{name}": embedding.embeddings for name, embedding in self.content.items()}
        memory = {"item_memory": self.item_memory, "repeat_log_weights": self.repeat_log_weights}
        return tables | {name: embedding.embeddings for name, embedding in memory.items() if embedding is not None}


def _build_embedding(item: Encoding, name: str, dimensions: int, deviation: float) -> keras.layers.Embedding:
    initializer = keras.initializers.RandomNormal(stddev=deviation)
    return keras.layers.Embedding(item.vocabularies[name].size, dimensions, embeddings_initializer=initializer)

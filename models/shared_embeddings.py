"""The embeddings that both towers look up: the words of items, and the same words in a user's lists."""

import tensorflow as tf
import tf_keras as keras

from features.schema import ITEM_ID
from models.config import Config
from models.encoding import Encoding

# Of the first weights: a user begins near what he bought, and what nobody buys stays near nothing.
_CONTENT, _MEMORY = 0.05, 0.1


class SharedEmbeddings(tf.Module):
    """One vector for each word that items and users' lists have in common.

    They go straight into the vectors of both towers, so that a user is near what is like what he bought before any
    layer has learned anything: a factored item similarity (Kabbur et al. 2013, "FISM: factored item similarity models
    for top-N recommender systems") over ids and categories alike.

    Attributes:
        content: by item input, embedding (words, content dimensions).
        memory: embedding (items, memory dimensions) by which an item bought before is known again; None without.
        repeats: embedding (items, 1): the log of how much one purchase of an item says about the next one.
    """

    def __init__(self, query: Encoding, item: Encoding, config: Config) -> None:
        super().__init__()
        lists = query.schema.lists
        self.content = {
            name: _embedding(item, name, config.content_dimensions, _CONTENT)
            for name in sorted({words.of for words in lists})
        }
        remembers = config.item_memory_dimensions and ITEM_ID in self.content
        self.item_memory = _embedding(item, ITEM_ID, config.item_memory_dimensions, _MEMORY) if remembers else None
        self.repeat_log_weights = _embedding(item, ITEM_ID, 1, 0.0) if remembers else None


def _embedding(item: Encoding, name: str, dimensions: int, deviation: float) -> keras.layers.Embedding:
    start = keras.initializers.RandomNormal(stddev=deviation)
    return keras.layers.Embedding(item.vocabularies[name].size, dimensions, embeddings_initializer=start)

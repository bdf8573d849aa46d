"""Query tower and item tower, and the loss that brings a user near what he bought."""

import tensorflow as tf
import tensorflow_recommenders as tfrs
import tf_keras as keras

from models.config import Config
from models.encoding import Encoding
from models.tower import Tower


class TwoTower(tfrs.Model):
    """Score of a user and an item: the dot product of their vectors.

    The loss is the softmax cross entropy of each purchase against the batch's candidates (TFRS `Retrieval`), with
    - the candidates' logits lowered by the log of how often they are candidates (Yi et al. 2019, "Sampling-bias-
      corrected neural modeling for large corpus item recommendations"), if `config.log_q`;
    - whatever the user bought in this batch not counted as a negative, whoever's candidate it is.
    """

    def __init__(self, query: Encoding, item: Encoding, item_words: int, config: Config) -> None:
        super().__init__()
        item_embedding = keras.layers.Embedding(item_words, config.embedding_dimensions, name="item_id")
        self.query_tower = Tower(query, config, item_embedding, "query_tower")
        self.item_tower = Tower(item, config, item_embedding, "item_tower")
        self._task = tfrs.tasks.Retrieval(temperature=config.temperature)
        self._log_q = config.log_q

    def compute_loss(self, inputs: dict[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        """Return the mean loss of a batch, a scalar.

        Args:
            inputs: `query` and `item`, the towers' codes, of b purchases and c >= b candidates, the first b of which
                were bought; `user` (b,) and `candidate` (c,), int32, who bought and which catalogue item it is;
                `frequency` (c,), float32, how often each candidate is expected among the candidates, up to a factor.
            training: whether dropout is on.
        """
        queries = self.query_tower(inputs["query"], training=training)
        items = self.item_tower(inputs["item"], training=training)
        loss = self._task(
            queries,
            items,
            candidate_sampling_probability=inputs["frequency"] if self._log_q else None,
            score_mask=self.counted(inputs["user"], inputs["candidate"]),
            compute_metrics=False,
        )
        return loss / tf.cast(tf.shape(queries)[0], tf.float32)

    @staticmethod
    def counted(users: tf.Tensor, candidates: tf.Tensor) -> tf.Tensor:
        """Which candidates count for which purchase, bool (b, c): its own, and every item its user did not buy here."""
        purchases = tf.shape(users)[0]
        user_codes = tf.unique(users).idx
        item_codes = tf.unique(candidates).idx
        pairs = tf.stack([user_codes, item_codes[:purchases]], axis=1)
        shape = tf.stack([tf.reduce_max(user_codes) + 1, tf.reduce_max(item_codes) + 1])
        bought = tf.scatter_nd(pairs, tf.ones(purchases, tf.int32), shape) > 0
        bought = tf.gather(tf.gather(bought, user_codes), item_codes, axis=1)
        own = tf.eye(purchases, tf.shape(candidates)[0], dtype=tf.bool)
        return own | ~bought

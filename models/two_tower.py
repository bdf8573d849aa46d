"""Query tower and item tower, and the losses that bring a user near what he bought."""

import tensorflow as tf
import tensorflow_recommenders as tfrs
import tf_keras as keras

from features.schema import ITEM_ID
from models.config import Config
from models.encoding import Encoding
from models.item_tower import ItemTower
from models.optimizer import RowWiseAdam
from models.query_tower import QueryTower
from models.shared_embeddings import SharedEmbeddings
from models.softmax import bought_in_batch, in_lists, purchase_weights, softmax_losses


class TwoTower(tfrs.Model):
    """Score of a user and an item: the dot product of their vectors.

    The loss is the softmax cross entropy of each purchase against the batch's candidates, as TFRS' `Retrieval` takes
    it, with
    - the candidates' logits lowered by the log of how often they are candidates (Yi et al. 2019, "Sampling-bias-
      corrected neural modeling for large corpus item recommendations"), if `config.log_q_correction`;
    - whatever the user bought in this batch not counted as a negative, whoever's candidate it is;
    - purchases of large baskets counting less, by `config.basket_discount`.

    With `config.has_new_item_head` a second loss of the same form teaches the query tower's second vector: over the
    purchases of items that the user had never bought, against candidates that are not on
    the user's list either: among new items, repeat purchases are noise.
    """

    def __init__(self, query: Encoding, item: Encoding, config: Config) -> None:
        super().__init__()
        shared = SharedEmbeddings(query, item, config)
        self.shared = shared
        self.query_tower = QueryTower(query, config, shared)
        self.item_tower = ItemTower(item, config, shared)
        self._log_q = config.log_q_correction
        self._basket_discount = config.basket_discount
        self._discovers = config.has_new_item_head
        self._content = config.content_dimensions
        self._lists = [words.name for words in query.schema.lists if words.of == ITEM_ID]
        self._items = item.vocabularies[ITEM_ID].size if ITEM_ID in item.vocabularies else 0
        self._rates = (config.embedding_learning_rate or 0.0, config.item_memory_learning_rate)
        self._row_wise = RowWiseAdam() if config.embedding_learning_rate else None

    def compute_loss(self, inputs: dict[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        """Return the weighted mean loss of a batch, a scalar.

        Args:
            inputs: `query`, the codes of q queries; `item`, those of c candidates, of which the first b were bought;
                `user` (q,), int32, whose query it is; `row` (b,), int32, the query of each purchase; `new` (b,), bool,
                whether the user had never bought the item; `candidate` (c,), int32, which catalogue item it is;
                `frequency` (c,), float32, how often each candidate is expected among the candidates, up to a factor.
            training: whether dropout is on.
        """
        anything, something_new = self.query_tower(inputs["query"], training=training)
        items = self.item_tower(inputs["item"], training=training)
        correction = tf.math.log(inputs["frequency"]) if self._log_q else 0.0
        rows, bought = inputs["row"], bought_in_batch(inputs["user"], inputs["row"], inputs["candidate"])
        weights = purchase_weights(rows, self._basket_discount)
        losses = softmax_losses(tf.matmul(anything, items, transpose_b=True) - correction, rows, bought)
        loss = tf.reduce_mean(losses * weights)
        if not self._discovers:
            return loss
        for name in self._lists:
            bought |= in_lists(inputs["query"][name], inputs["candidate"], self._items)
        content = slice(self._content)  # the rest of the second vector is zero
        scores = tf.matmul(something_new[:, content], items[:, content], transpose_b=True)
        losses = softmax_losses(scores - correction, rows, bought)
        new = tf.cast(inputs["new"], tf.float32) * weights
        return loss + tf.math.divide_no_nan(tf.reduce_sum(losses * new), tf.reduce_sum(new))

    def train_step(self, inputs: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Take one step: embeddings by rows, everything else by the compiled optimizer."""
        if self._row_wise is None:
            metrics: dict[str, tf.Tensor] = super().train_step(inputs)
            return metrics
        with tf.GradientTape() as tape:
            loss = self.compute_loss(inputs, training=True)
        tables, others = self._parted()
        gradients = tape.gradient(loss, [*tables, *others])
        self._row_wise.apply(gradients[: len(tables)], tables)
        self.optimizer.apply_gradients(zip(gradients[len(tables) :], others, strict=True))
        return {"loss": loss}

    def build_optimizers(self) -> None:
        """Create the moments of all weights, which must exist by then: a step that makes them is traced twice."""
        if self._row_wise is None:
            self.optimizer.build(self.trainable_variables)
            return
        tables, others = self._parted()
        memory = {
            layer.embeddings.ref() for layer in (self.shared.item_memory, self.shared.repeat_log_weights) if layer
        }
        self._row_wise.build(tables, [self._rates[table.ref() in memory] for table in tables])
        self.optimizer.build(others)

    @property
    def embedding_tables(self) -> list[tf.Variable]:
        """The embeddings, which grow with the catalogue or the users, once the towers have been called."""
        layers = [layer for layer in self.submodules if isinstance(layer, keras.layers.Embedding)]
        tables = {layer.embeddings.ref() for layer in layers}
        return [variable for variable in self.trainable_variables if variable.ref() in tables]

    def _parted(self) -> tuple[list[tf.Variable], list[tf.Variable]]:
        """The embeddings, and all other weights."""
        tables = self.embedding_tables
        rows = {table.ref() for table in tables}
        return tables, [variable for variable in self.trainable_variables if variable.ref() not in rows]

"""The two-tower model: query tower, item tower, and the loss that trains both."""

import tensorflow as tf
import tensorflow_recommenders as tfrs
import tf_keras as keras

from features.schema import ITEM_ID
from models.config import Config
from models.encoding import Encoding
from models.item_tower import ItemTower
from models.layers import prefix_names
from models.optimizer import AdamW, RowWiseAdam
from models.query_tower import QueryTower
from models.shared_embeddings import SharedEmbeddings
from models.softmax import bought_in_batch, in_lists, purchase_weights, softmax_losses


class TwoTower(tfrs.Model):
    """Scores a user and an item by the dot product of their vectors.

    The loss is the softmax cross entropy of each purchase against the candidates of the batch, as in TFRS' `Retrieval`
    task, with
    - logits lowered by the log of the candidate's sampling frequency (Yi et al. 2019, "Sampling-bias-corrected neural
      modeling for large corpus item recommendations"), if `config.log_q_correction`;
    - items that the user buys anywhere in the batch not counted as negatives;
    - smaller weights for purchases of large baskets, by `config.basket_discount`.

    With `config.has_new_item_head`, a second loss of the same form trains the new-item query vector. It covers the
    purchases of items that the user had never bought; items in the user's lists are no negatives either, because
    repeat purchases would be noise among new items.
    """

    def __init__(self, query: Encoding, item: Encoding, config: Config) -> None:
        super().__init__()
        shared = SharedEmbeddings(query, item, config)
        self.shared = shared
        self.query_tower = QueryTower(query, config, shared)
        self.item_tower = ItemTower(item, config, shared)
        self._settings = config
        self._item_lists = [column.name for column in query.schema.string_lists if column.refers_to == ITEM_ID]
        self._item_codes = item.vocabularies[ITEM_ID].size if ITEM_ID in item.vocabularies else 0
        self._row_wise = RowWiseAdam()
        self._adamw = AdamW(config.learning_rate, config.weight_decay)

    @property
    def named_variables(self) -> dict[str, tf.Variable]:
        """All trainable variables by the names of weights in a checkpoint; they exist once the towers have been called.

        `content.<input>`, `item_memory` and `repeat_log_weights` are the shared embeddings; names of the towers' own
        variables begin with `query.` and `item.`. Names of embedding tables are those of inputs; names of dense layers
        end with `.kernel` and `.bias`.
        """
        return {
            **self.shared.named_variables,
            **prefix_names("query", self.query_tower.named_variables),
            **prefix_names("item", self.item_tower.named_variables),
        }

    def compute_loss(self, inputs: dict[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        """Return the weighted mean loss of a batch, a scalar.

        Args:
            inputs: the batch, of q queries, c candidates and b purchases; purchase i is candidate i.
                `query`: codes of the queries; `item`: codes of the candidates;
                `user`: int32 (q,), the user of each query; `row`: int32 (b,), the query of each purchase;
                `new`: bool (b,), whether the user had never bought the item;
                `candidate`: int32 (c,), item of each candidate;
                `frequency`: float32 (c,), expected count of the candidate among the candidates, up to a common factor.
            training: whether dropout is active.
        """
        queries, new_item_queries = self.query_tower(inputs["query"], training=training)
        items = self.item_tower(inputs["item"], training=training)
        correction = tf.math.log(inputs["frequency"]) if self._settings.log_q_correction else 0.0
        rows, bought = inputs["row"], bought_in_batch(inputs["user"], inputs["row"], inputs["candidate"])
        weights = purchase_weights(rows, self._settings.basket_discount)
        losses = softmax_losses(tf.matmul(queries, items, transpose_b=True) - correction, rows, bought)
        loss = tf.reduce_mean(losses * weights)
        if not self._settings.has_new_item_head:
            return loss
        for name in self._item_lists:
            bought |= in_lists(inputs["query"][name], inputs["candidate"], self._item_codes)
        item_contents = items[:, : self._settings.content_dimensions]
        scores = tf.matmul(new_item_queries, item_contents, transpose_b=True)
        losses = softmax_losses(scores - correction, rows, bought)
        new = tf.cast(inputs["new"], tf.float32) * weights
        return loss + tf.math.divide_no_nan(tf.reduce_sum(losses * new), tf.reduce_sum(new))

    def train_step(self, inputs: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Take one step: embeddings by row-wise Adam, all other weights by AdamW."""
        with tf.GradientTape() as tape:
            loss = self.compute_loss(inputs, training=True)
        tables, others = self._split_variables()
        gradients = tape.gradient(loss, [*tables, *others])
        self._row_wise.apply(gradients[: len(tables)], tables)
        self._adamw.apply(gradients[len(tables) :], others)
        return {"loss": loss}

    def build_optimizers(self) -> None:
        """Create the optimizers' moments once the towers have been called: a step that creates them is traced twice."""
        tables, others = self._split_variables()
        memory_layers = (self.shared.item_memory, self.shared.repeat_log_weights)
        memory = {layer.embeddings.ref() for layer in memory_layers if layer}
        rates = (self._settings.embedding_learning_rate or 0.0, self._settings.item_memory_learning_rate)
        self._row_wise.build(tables, [rates[table.ref() in memory] for table in tables])
        self._adamw.build(others)

    @property
    def embedding_tables(self) -> list[tf.Variable]:
        """Tables of all embeddings, each (tokens, width); they exist once the towers have been called."""
        layers = [layer for layer in self.submodules if isinstance(layer, keras.layers.Embedding)]
        tables = {layer.embeddings.ref() for layer in layers}
        return [variable for variable in self.trainable_variables if variable.ref() in tables]

    def _split_variables(self) -> tuple[list[tf.Variable], list[tf.Variable]]:
        """Return the weights for `RowWiseAdam`, all embeddings if they have their own learning rate, and all others."""
        tables = self.embedding_tables if self._settings.embedding_learning_rate else []
        references = {table.ref() for table in tables}
        return tables, [variable for variable in self.trainable_variables if variable.ref() not in references]

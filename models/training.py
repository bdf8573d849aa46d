"""The training loop: epochs of batches, judged after each on the validation week, the best one kept."""

import logging
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import tensorflow as tf
import tf_keras as keras
from numpy.typing import NDArray

from features.schema import ITEM_ID
from features.service_schema import TowerSchemas
from features.training_set import TrainingSet
from models.batches import Batches
from models.config import Config
from models.encoding import Encoding
from models.two_tower import TwoTower
from models.vocabulary import Vocabulary

_logger = logging.getLogger(__name__)
_ROWS_PER_CALL = 8_192

Vectors = NDArray[np.float32]


@dataclass(frozen=True)
class Towers:
    """Two fitted towers and what was fitted before them.

    Attributes:
        model: the towers with the weights of the best epoch.
        query: encoding of the query tower's inputs.
        item: encoding of the item tower's inputs.
        item_vocabulary: the purchased items.
    """

    model: TwoTower
    query: Encoding
    item: Encoding
    item_vocabulary: Vocabulary

    def query_vectors(self, rows: pa.Table) -> Vectors:
        """Vectors of queries, float32 (rows, dimensions)."""
        return _vectors(self.model.query_tower, self.query, rows)

    def item_vectors(self, rows: pa.Table) -> Vectors:
        """Vectors of items, float32 (rows, dimensions)."""
        return _vectors(self.model.item_tower, self.item, rows)


@dataclass(frozen=True)
class Epoch:
    """One line of the training curve.

    Attributes:
        number: from 1.
        loss: mean loss per purchase.
        metrics: what the judge said, by name.
    """

    number: int
    loss: float
    metrics: dict[str, float]


def train(
    rows: TrainingSet,
    schemas: TowerSchemas,
    config: Config,
    *,
    seed: int,
    judge: Callable[[Towers], dict[str, float]],
    watched: str,
    progress: Callable[[str, int], Callable[[int], object]],
    report: Callable[[Epoch], None],
) -> tuple[Towers, list[Epoch]]:
    """Fit two towers; the weights of the epoch with the highest `watched` metric are kept.

    Args:
        rows: the training set, everything in it before the cut.
        schemas: what the towers are built from.
        config: settings.
        seed: of weights, shuffling and dropout. Two runs with one seed give equal vectors.
        judge: called after each epoch; returns metrics by name.
        watched: the metric that stops training once it has not risen for `config.patience` epochs.
        progress: makes a progress callback from a label and a total.
        report: called with each finished epoch.

    Returns:
        The fitted towers and the training curve.
    """
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()
    items = Vocabulary.of(rows.items[ITEM_ID])
    query = Encoding.fitted(schemas.query, rows.queries, items)
    item = Encoding.fitted(schemas.item, pa.concat_tables([rows.items, rows.sampled_items]), items)
    model = TwoTower(query, item, items.size, config)
    model.compile(optimizer=keras.optimizers.AdamW(config.learning_rate, weight_decay=config.weight_decay))
    towers = Towers(model, query, item, items)
    batches = Batches.of(rows, query, item, config)

    step = tf.function(model.train_step, input_signature=[batches.dataset(1, seed).element_spec])
    curve: list[Epoch] = []
    best: list[NDArray[np.float32]] = []
    for number in range(1, config.epochs + 1):
        loss = _run_epoch(step, batches.dataset(number, seed), progress(f"epoch {number}", batches.steps()))
        curve.append(Epoch(number, loss, judge(towers)))
        report(curve[-1])
        recalls = [epoch.metrics[watched] for epoch in curve]
        if recalls[-1] == max(recalls) and recalls.count(recalls[-1]) == 1:
            best = model.get_weights()
        elif number - (recalls.index(max(recalls)) + 1) >= config.patience:
            _logger.info("stopped: no better %s for %d epochs", watched, config.patience)
            break
    model.set_weights(best)
    return towers, curve


def _run_epoch(
    step: Callable[[dict[str, tf.Tensor]], dict[str, tf.Tensor]], batches: tf.data.Dataset, done: Callable[[int], object]
) -> float:
    losses = []
    for batch in batches:
        losses.append(step(batch)["loss"].numpy())
        done(1)
    return float(np.mean(losses))


def _vectors(tower: keras.Model, encoding: Encoding, rows: pa.Table) -> Vectors:
    codes = encoding.codes(rows)
    parts = [
        tower({name: tf.constant(values[start : start + _ROWS_PER_CALL]) for name, values in codes.items()}).numpy()
        for start in range(0, rows.num_rows, _ROWS_PER_CALL)
    ]
    return np.concatenate(parts)

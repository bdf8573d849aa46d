"""The training loop: epochs of batches, judged after each on the validation week, the best one kept; and the refit."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow as tf
import tf_keras as keras
from numpy.typing import NDArray

from evaluation.validation_window import ValidationWindow
from features.errors import InputError
from features.store.service_schema import TowerSchemas
from features.training_data.dataset import Dataset
from features.training_data.training_set import TrainingSet
from models.config import Config
from models.encoding import Encodings
from models.release.checkpoint import Checkpoint
from models.towers import Towers
from models.training.batches import Batches
from models.training.encoded_set import EncodedSet
from models.training.history import Epoch, TrainingHistory
from models.training.warm_start import warm_start
from models.two_tower import TwoTower

_WHAT_TO_DO = (
    "Try fewer --epochs, more --training-days or another --seed; if it stays, lower the learning rate in "
    "models/config.py, and look for a feature that is huge, or the same for everybody."
)


def train(
    data: Dataset,
    week: ValidationWindow,
    schemas: TowerSchemas,
    config: Config,
    folder: Path,
    *,
    seed: int,
    progress: Callable[[str, int], Callable[[int], object]],
    report: Callable[[Epoch], None],
    earlier: Checkpoint | None = None,
) -> tuple[Towers, TrainingHistory]:
    """Fit two towers, judge them after every epoch, and keep the weights of the best.

    Args:
        data: the training set, everything in it before the cut, and users and catalogue as of the cut.
        week: the judge; training stops once recall at its largest cut-off has not risen for `config.patience` epochs.
        schemas: what the towers are built from.
        config: settings.
        folder: for the encoded training set; it must not exist yet.
        seed: of weights, shuffling and dropout. Two runs with one seed give equal vectors.
        progress: makes a progress callback from a label and a total.
        report: called with each finished epoch.
        earlier: what to begin with instead of random weights; of towers with the same schemas and settings.

    Returns:
        The fitted towers and the training curve.

    Raises:
        InputError: every epoch ended in a fault.
    """
    towers, batches = _begun(data.training, schemas, config, folder, seed=seed, progress=progress, earlier=earlier)
    model, step, asked = towers.model, training_step(towers.model, batches), data.validation
    epochs: list[Epoch] = []
    best: Epoch | None = None
    weights: list[NDArray[np.float32]] = []
    for number in range(1, config.epochs + 1):
        loss = _run_epoch(step, batches.dataset(number, seed), progress(f"epoch {number}", batches.steps(number, seed)))
        window_metrics = week.evaluate_vectors(
            *towers.query_vectors(asked.queries), towers.item_vectors(asked.catalogue)
        )
        epochs.append(Epoch(number, loss, window_metrics))
        report(epochs[-1])
        if not window_metrics.failed_checks and (best is None or window_metrics.recall > best.window_metrics.recall):
            best, weights = epochs[-1], model.get_weights()
        elif best is not None and number - best.number >= config.patience:
            break
    if best is None:
        raise InputError(
            "No release was written, the training is at fault: "
            f"{' '.join(epochs[-1].window_metrics.failed_checks)} {_WHAT_TO_DO}"
        )
    model.set_weights(weights)
    return towers, TrainingHistory(tuple(epochs), best)


def refit(
    rows: TrainingSet,
    schemas: TowerSchemas,
    config: Config,
    folder: Path,
    *,
    seed: int,
    progress: Callable[[str, int], Callable[[int], object]],
    earlier: Checkpoint,
) -> Towers:
    """Go on from kept weights with one pass over rows that nothing is judged by any more.

    Args:
        rows: a training set.
        schemas: what the towers are built from.
        config: settings, those with which the weights were learned.
        folder: for the encoded training set; it must not exist yet.
        seed: of shuffling and dropout, and of what new words begin with.
        progress: makes a progress callback from a label and a total.
        earlier: the weights, and the words and scales under which they were learned.
    """
    towers, batches = _begun(rows, schemas, config, folder, seed=seed, progress=progress, earlier=earlier)
    step = training_step(towers.model, batches)
    _run_epoch(step, batches.dataset(1, seed), progress("refit", batches.steps(1, seed)))
    return towers


def _begun(
    rows: TrainingSet,
    schemas: TowerSchemas,
    config: Config,
    folder: Path,
    *,
    seed: int,
    progress: Callable[[str, int], Callable[[int], object]],
    earlier: Checkpoint | None,
) -> tuple[Towers, Batches]:
    """Fit words and scales, encode, and build towers that begin with random weights or with earlier ones."""
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()
    encodings = Encodings.fit(schemas, rows.queries, rows.candidates)
    if earlier is not None:
        encodings = encodings.merge_with(earlier.query, earlier.item)
    towers = Towers.initialize(encodings.query, encodings.item, config)
    if earlier is not None:
        warm_start(towers.model, encodings.query, encodings.item, earlier)
    done = progress("encoding, days", len(rows.purchases_per_day))
    encoded = EncodedSet.write(rows, encodings, folder, shares_of_day=config.day_batches, done=done)
    return towers, Batches(encoded, config)


def training_step(model: TwoTower, batches: Batches) -> Callable[[dict[str, tf.Tensor]], dict[str, tf.Tensor]]:
    """One training step of towers that have been called, as a graph."""
    model.build_optimizers()
    # Nothing in a step depends on a tensor but through TensorFlow's own operations.
    step: Callable[[dict[str, tf.Tensor]], dict[str, tf.Tensor]] = tf.function(
        model.train_step, input_signature=[batches.signature], autograph=False
    )
    return step


def _run_epoch(
    step: Callable[[dict[str, tf.Tensor]], dict[str, tf.Tensor]],
    batches: tf.data.Dataset,
    done: Callable[[int], object],
) -> float:
    losses, purchases = [], []
    for batch in batches:
        losses.append(step(batch)["loss"].numpy())
        purchases.append(len(batch["row"]))
        done(1)
    return float(np.average(losses, weights=purchases))

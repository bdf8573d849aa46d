"""The training loop: epochs, validation after each, the best weights kept; and single passes over more days."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow as tf
import tf_keras as keras
from numpy.typing import NDArray

from evaluation.validation_window import WindowMetrics
from features.errors import InputError
from features.progress import Progress
from features.store.service_schema import TowerSchemas
from models.config import Config
from models.encoding import Encodings
from models.release.checkpoint import Checkpoint
from models.towers import Towers
from models.training.batches import Batches
from models.training.encoded_set import EncodedSet, TrainingData
from models.training.history import Epoch, TrainingHistory
from models.training.warm_start import warm_start
from models.two_tower import TwoTower

Step = Callable[[dict[str, tf.Tensor]], dict[str, tf.Tensor]]

_ADVICE = (
    "Try fewer --epochs, more --training-days or another --seed. If the error stays, lower the learning rate in "
    "models/config.py, and look for a feature with huge values, or with the same value for all users."
)


def train(
    data: TrainingData,
    evaluate: Callable[[Towers], WindowMetrics],
    schemas: TowerSchemas,
    config: Config,
    folder: Path,
    *,
    seed: int,
    progress: Progress,
    report: Callable[[Epoch], None],
    earlier: Checkpoint | None = None,
) -> tuple[Towers, TrainingHistory]:
    """Train two towers, evaluate them after every epoch, and keep the weights of the best epoch.

    Args:
        data: the training set.
        evaluate: computes the metrics of towers in the validation window. Training stops after `config.patience` epochs
            without a gain in recall at the largest cut-off, or with the epoch of step `config.enough_steps`.
        schemas: feature services of the towers.
        config: settings.
        folder: for the encoded training set; it must not exist yet.
        seed: of weights, shuffling and dropout. Equal seeds give equal vectors.
        progress: creates a progress callback from a label and a total.
        report: called with each finished epoch.
        earlier: checkpoint to start from, of towers with the same schemas and settings; None for random weights.

    Returns:
        The trained towers and the training history.

    Raises:
        InputError: every epoch fails a check.
    """
    towers, batches = _prepare(data, schemas, config, folder, seed=seed, progress=progress, earlier=earlier)
    step = training_step(towers.model, batches)
    epochs: list[Epoch] = []
    best: Epoch | None = None
    without_gain, steps = 0, 0
    weights: list[NDArray[np.float32]] = []
    for number in range(1, config.epochs + 1):
        loss = _run_epoch(step, batches.dataset(number, seed), progress(f"epoch {number}", batches.steps(number, seed)))
        steps += batches.steps(number, seed)
        window_metrics = evaluate(towers)
        epochs.append(Epoch(number, loss, window_metrics))
        report(epochs[-1])
        previous = 0.0 if best is None else best.window_metrics.recall
        if not window_metrics.failed_checks and (best is None or window_metrics.recall > previous):
            best, weights = epochs[-1], towers.model.get_weights()
        has_gain = best is epochs[-1] and window_metrics.recall > previous * (1 + config.smallest_gain)
        without_gain = 0 if has_gain or best is None else without_gain + 1
        if without_gain >= config.patience or (config.enough_steps and steps >= config.enough_steps):
            break
    if best is None:
        raise InputError(
            "No release was written: no epoch passed the checks of its vectors. "
            f"{' '.join(epochs[-1].window_metrics.failed_checks)} {_ADVICE}"
        )
    towers.model.set_weights(weights)
    return towers, TrainingHistory(tuple(epochs), best)


def fine_tune(
    data: TrainingData,
    schemas: TowerSchemas,
    config: Config,
    folder: Path,
    *,
    seed: int,
    progress: Progress,
    label: str,
    earlier: Checkpoint,
) -> Towers:
    """Train towers from a checkpoint for one more pass, over recent days.

    Args:
        data: a training set.
        schemas: feature services of the towers.
        config: settings of the checkpoint.
        folder: for the encoded training set; it must not exist yet.
        seed: of shuffling, dropout and the initial weights of new tokens.
        progress: creates a progress callback from a label and a total.
        label: of the pass, for the progress.
        earlier: the checkpoint.
    """
    towers, batches = _prepare(data, schemas, config, folder, seed=seed, progress=progress, earlier=earlier)
    step = training_step(towers.model, batches)
    _run_epoch(step, batches.dataset(1, seed), progress(label, batches.steps(1, seed)))
    return towers


def training_step(model: TwoTower, batches: Batches) -> Step:
    """Return one training step as a graph, for towers that have been called."""
    model.build_optimizers()
    # No Python control flow depends on a tensor, so autograph is not needed.
    step: Step = tf.function(model.train_step, input_signature=[batches.signature], autograph=False)
    return step


def _prepare(
    data: TrainingData,
    schemas: TowerSchemas,
    config: Config,
    folder: Path,
    *,
    seed: int,
    progress: Progress,
    earlier: Checkpoint | None,
) -> tuple[Towers, Batches]:
    """Fit the encodings, create the towers with random weights or those of a checkpoint, and encode the data."""
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()
    encodings = Encodings.fit(schemas, data.queries, data.candidates)
    if earlier is not None:
        encodings = encodings.merge_with(earlier.query, earlier.item)
    towers = Towers.initialize(encodings.query, encodings.item, config)
    if earlier is not None:
        warm_start(towers.model, encodings.query, encodings.item, earlier)
    done = progress("encoding, days", len(data.purchases_per_day))
    encoded = EncodedSet.write(data, encodings, folder, shares_of_day=config.day_batches, done=done)
    return towers, Batches(encoded, config)


def _run_epoch(step: Step, batches: tf.data.Dataset, done: Callable[[int], object]) -> float:
    """Take one step per batch, and return the mean loss, weighted by purchases."""
    losses, purchases = [], []
    for batch in batches:
        losses.append(step(batch)["loss"].numpy())
        purchases.append(len(batch["row"]))
        done(1)
    return float(np.average(losses, weights=purchases))

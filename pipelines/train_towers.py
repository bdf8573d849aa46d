"""Training of the two towers on the days before the cut, validated on the days after it."""

from dataclasses import dataclass
from pathlib import Path

from feast import FeatureStore

from evaluation.validation_window import ValidationWindow, WindowMetrics
from features.progress import SILENT, Reporter, Stopwatch
from features.store.registry import tower_schemas
from features.store.request_services import check_request_covers
from features.time_split import TimeSplit
from features.training_data.dataset import Dataset, write_dataset
from models.config import Config
from models.release.checkpoint import Checkpoint
from models.towers import Towers
from models.training.history import Epoch, TrainingHistory
from models.training.loop import train
from pipelines.training_messages import baseline_line, diversity_line, epoch_line


@dataclass(frozen=True)
class TrainedTowers:
    """Towers with the weights of their best epoch.

    Attributes:
        data: the training set, and the users and catalogue of the validation window.
        window: users of the validation window and their purchases.
        baselines: metrics of the baselines in that window, by name.
        towers: with the weights of the best epoch.
        training_history: the epochs.
        seconds: of joining ("join") and fitting ("fit").
    """

    data: Dataset
    window: ValidationWindow
    baselines: dict[str, WindowMetrics]
    towers: Towers
    training_history: TrainingHistory
    seconds: dict[str, float]


def train_towers(
    store: FeatureStore,
    config: Config,
    split: TimeSplit,
    folder: Path,
    *,
    seed: int,
    reporter: Reporter = SILENT,
    checkpoint: Checkpoint | None = None,
) -> TrainedTowers:
    """Join the features, fit the towers, and keep the epoch with the best validation recall.

    Purchases at or after `split.cut` decide only which epoch is kept; no weight is fitted on them.

    Args:
        store: an applied feature store.
        config: settings of the towers.
        split: the moments that separate training, validation and release.
        folder: an empty folder for large files; it must exist as long as `data` is used.
        seed: of draws, weights and shuffling.
        reporter: receives the epochs and the baselines.
        checkpoint: weights to start from, of towers with the same services and settings; None for random weights.

    Raises:
        InputError: the training or validation days have no purchases, or every epoch has a fault.
    """
    watch = Stopwatch()
    schemas = tower_schemas(store, config.query_service, config.item_service)
    check_request_covers(store, schemas.query.service)
    data = write_dataset(
        store, schemas, split, folder, sampled_per_day=config.sampled_per_day, seed=seed, progress=reporter.progress
    )
    validation, purchases = data.validation, data.purchases
    history, after = purchases.read_history(validation.user_ids), purchases.read_after_cut()
    window = ValidationWindow.of(validation.user_ids, validation.item_ids, history, after, split.cut)
    baselines = window.baselines()
    for name, window_metrics in baselines.items():
        reporter.detail(baseline_line(name, window_metrics))
    joined = watch.seconds

    def report(epoch: Epoch) -> None:
        reporter.metrics(epoch_line(epoch))
        reporter.detail(diversity_line(epoch.window_metrics.diversities))

    def evaluate(towers: Towers) -> WindowMetrics:
        return window.evaluate_vectors(
            *towers.query_vectors(validation.queries), towers.item_vectors(validation.catalogue)
        )

    towers, training_history = train(
        data.training, evaluate, schemas, config, folder / "codes", seed=seed, progress=reporter.progress,
        report=report, earlier=checkpoint,
    )  # fmt: skip
    seconds = {"join": joined, "fit": watch.seconds - joined}
    return TrainedTowers(data, window, baselines, towers, training_history, seconds)

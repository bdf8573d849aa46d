"""One training, from the feature store to two towers."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from feast import FeatureStore

from evaluation.validation_window import ValidationWindow, WindowMetrics
from features.progress import Stopwatch, progress_bar
from features.store.registry import tower_schemas
from features.store.request_services import check_request_covers
from features.time_split import TimeSplit
from features.training_data.dataset import Dataset, write_dataset
from models.config import Config
from models.release.checkpoint import Checkpoint
from models.towers import Towers
from models.training.history import Epoch, TrainingHistory
from models.training.loop import train


@dataclass(frozen=True)
class TrainedTowers:
    """What came of it.

    Attributes:
        data: what was learned from, and what it was judged by.
        week: the judge, of the days after the cut.
        baselines: what the simple lists were worth in that week, by name.
        towers: with the weights of the best epoch.
        training_history: the epochs.
        seconds: of joining and fitting.
    """

    data: Dataset
    week: ValidationWindow
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
    say: Callable[[Epoch], None],
    say_baseline: Callable[[str, WindowMetrics], None] = lambda *_: None,
    earlier: Checkpoint | None = None,
) -> TrainedTowers:
    """Join, fit, and judge; nothing at or after `split.cut` is learned from but which epoch and which weights are kept.

    Args:
        store: an applied feature store.
        config: settings of the towers.
        split: the moments that part the purchases.
        folder: an empty folder for what is large.
        seed: of draws, weights and shuffling.
        say: called with each finished epoch.
        say_baseline: called with each simple list before the first epoch.
        earlier: what to go on from, of towers with the same services and settings.
    """
    watch = Stopwatch()
    schemas = tower_schemas(store, config.query_service, config.item_service)
    check_request_covers(store, schemas.query.service)
    data = write_dataset(
        store, schemas, split, folder, sampled_per_day=config.sampled_per_day, seed=seed, progress=progress_bar
    )
    asked, purchases = data.validation, data.purchases
    history, after = purchases.history(asked.user_ids), purchases.after_cut()
    week = ValidationWindow.of(asked.user_ids, asked.item_ids, history, after, split.cut)
    baselines = week.baselines()
    for name, window_metrics in baselines.items():
        say_baseline(name, window_metrics)
    joined = watch.seconds
    towers, training_history = train(
        data, week, schemas, config, folder / "codes", seed=seed, progress=progress_bar, report=say,
        earlier=earlier,
    )  # fmt: skip
    seconds = {"join": joined, "fit": watch.seconds - joined}
    return TrainedTowers(data, week, baselines, towers, training_history, seconds)

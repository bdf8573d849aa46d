"""Training of the two towers in stages over time, up to the cut, and their validation on the days after it."""

from dataclasses import dataclass
from pathlib import Path

from feast import FeatureStore

from evaluation.validation_window import ValidationWindow, WindowMetrics
from features.errors import InputError
from features.progress import SILENT, Reporter, Stopwatch
from features.store.registry import tower_schemas
from features.store.request_services import check_request_covers
from features.store.service_schema import TowerSchemas
from features.time_split import TimeSplit
from features.training_data.purchases import Purchases, write_purchases
from features.training_data.training_set import TrainingSet, write_training_sets
from models.config import Config
from models.release.checkpoint import Checkpoint
from models.towers import Towers
from models.training.history import Epoch, TrainingHistory
from models.training.loop import fine_tune, train
from pipelines.training_messages import baseline_line, diversity_line, epoch_line, recalls
from pipelines.training_stages import TrainingStages, plan_stages
from pipelines.window import EvaluationWindow, TowerWindow


@dataclass(frozen=True)
class TrainedTowers:
    """Towers as validated, and what the later steps of a release need of their training.

    Attributes:
        purchases: all purchases known at the release's moment.
        stages: the days of each stage.
        training_sets: of the first stage, the recent days if there are any, and the refit, in this order.
        first_week: the first ranker week, or the validation window if there are no earlier weeks.
        first_stage: checkpoint of the first stage, trained on the days before the first ranker week; None if there are
            no earlier weeks.
        validation: the validation window.
        baselines: metrics of the baselines in the validation window, by name.
        towers: trained on the days before the cut.
        metrics: of these towers in the validation window.
        training_history: the epochs of the first stage.
        seconds: of joining ("join") and fitting ("fit").
    """

    purchases: Purchases
    stages: TrainingStages
    training_sets: tuple[TrainingSet, ...]
    first_week: TowerWindow
    first_stage: Checkpoint | None
    validation: TowerWindow
    baselines: dict[str, WindowMetrics]
    towers: Towers
    metrics: WindowMetrics
    training_history: TrainingHistory
    seconds: dict[str, float]

    @property
    def window(self) -> ValidationWindow:
        """Users of the validation window and their purchases."""
        return self.validation.window.validation


def train_towers(
    store: FeatureStore,
    config: Config,
    split: TimeSplit,
    folder: Path,
    *,
    seed: int,
    ranker_weeks: int = 0,
    reporter: Reporter = SILENT,
    checkpoint: Checkpoint | None = None,
) -> TrainedTowers:
    """Join the features of all stages, fit the towers stage by stage up to the cut, and evaluate them.

    No weight is fitted on purchases after the end of its stage. The epoch of the first stage is selected by the first
    ranker week; only if there are no earlier ranker weeks, by the validation window.

    Args:
        store: an applied feature store.
        config: settings of the towers.
        split: the moments that separate training, validation and release.
        folder: an empty folder for large files; it must exist as long as the result is used.
        seed: of draws, weights and shuffling.
        ranker_weeks: number of ranker weeks, the validation window included; see `plan_stages`.
        reporter: receives the epochs and the baselines.
        checkpoint: weights to start from, of towers with the same services and settings; None for random weights.

    Raises:
        InputError: the training or validation days have no purchases, or the vectors have a fault after every epoch or
            at the cut.
    """
    watch = Stopwatch()
    schemas = tower_schemas(store, config.query_service, config.item_service)
    check_request_covers(store, schemas.query.service)
    purchases, stages = plan_stages(
        write_purchases(store, split, folder), config, ranker_weeks=ranker_weeks, reporter=reporter
    )
    validation = _read_window(store, schemas, purchases)
    first_week = _read_window(store, schemas, purchases.with_split(stages.first)) if stages.recent else validation
    baselines = validation.window.validation.baselines()
    training_sets = write_training_sets(
        store, schemas, purchases, stages.in_order, folder, settings=config, seed=seed, progress=reporter.progress
    )
    joined = watch.seconds

    def report(epoch: Epoch) -> None:
        reporter.metrics(epoch_line(epoch))
        reporter.detail(diversity_line(epoch.window_metrics.diversities))

    towers, training_history = train(
        training_sets[0], first_week.evaluate, schemas, config, folder / "first", seed=seed,
        progress=reporter.progress, report=report, earlier=checkpoint,
    )  # fmt: skip
    metrics, first_stage = training_history.best.window_metrics, None
    if stages.recent:
        first_stage = towers.checkpoint
        towers = fine_tune(
            training_sets[1], schemas, config, folder / "recent", seed=seed, progress=reporter.progress,
            label="recent days", earlier=first_stage,
        )  # fmt: skip
        metrics = validation.evaluate(towers)
        if metrics.failed_checks:
            raise InputError(
                f"No release was written: after one more pass over the days since {stages.recent.start:%Y-%m-%d} the "
                f"vectors have a fault: {' '.join(metrics.failed_checks)} Try another --seed, or a lower learning rate "
                "in models/config.py."
            )
        reporter.metrics(f"recent days, validation window: {recalls(metrics)}")
    for name, window_metrics in baselines.items():
        reporter.detail(baseline_line(name, window_metrics))
    seconds = {"join": joined, "fit": watch.seconds - joined}
    return TrainedTowers(
        purchases, stages, tuple(training_sets), first_week, first_stage, validation, baselines, towers, metrics,
        training_history, seconds,
    )  # fmt: skip


def _read_window(store: FeatureStore, schemas: TowerSchemas, purchases: Purchases) -> TowerWindow:
    return TowerWindow.read(store, schemas, EvaluationWindow.of(store, purchases))

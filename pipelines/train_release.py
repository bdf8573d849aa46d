"""Training of a release, from the feature store to its contents: the one implementation of this sequence.

    towers of the days before the ranker weeks, epoch selected by the first of these weeks
    └─ one pass over the recent days before the cut, validated on the days after it
       └─ validation week: candidates of all sources ─ gate
          └─ earlier ranker weeks ─ blender, rankers
       └─ refit: one pass over the recent days before the release ─ release contents

`jobs/train.py`, warm starts, the backtest and the benchmarks call it; which steps run depends on `TrainingOptions`.
"""

from dataclasses import dataclass
from pathlib import Path

from feast import FeatureStore

from features.errors import InputError
from features.progress import SILENT, Reporter, Stopwatch
from features.store.table_digests import TableDigests
from models.release.release_contents import ReleaseContents
from models.towers import Towers
from pipelines.list_models import ListModels, fit_list_models
from pipelines.refit import Refit, refit_towers
from pipelines.release_contents import release_contents
from pipelines.release_overlap import overlap_line
from pipelines.served_metrics import ServedMetrics
from pipelines.train_towers import TrainedTowers, train_towers
from pipelines.training_options import TrainingOptions


@dataclass(frozen=True)
class TrainedRelease:
    """The result of a training run.

    Attributes:
        towers: as validated, trained on the days before the cut.
        models: gate, blender and rankers; all None if only towers are trained.
        refit: the towers to be released; None if the gate stopped the training.
        contents: of the release; None if the result is not released.
        seconds: of the whole run.
    """

    towers: TrainedTowers
    models: ListModels
    refit: Refit | None
    contents: ReleaseContents | None
    seconds: float

    @property
    def release(self) -> ReleaseContents:
        """The contents of the release.

        Raises:
            InputError: the gate stopped the training.
            ValueError: the result is not released.
        """
        if self.refit is None:
            reasons = f" ({self.models.gate.reasons})" if self.models.gate and self.models.gate.reasons else ""
            raise InputError(f"The gate is not passed{reasons} and --require-better is set: no release was written.")
        if self.contents is None:
            raise ValueError("The result is not released: it has no release contents.")
        return self.contents

    @property
    def refitted_towers(self) -> Towers:
        """The towers after the refit.

        Raises:
            ValueError: the gate stopped the training.
        """
        if self.refit is None:
            raise ValueError("The gate stopped the training before the refit.")
        return self.refit.towers

    @property
    def served(self) -> ServedMetrics:
        """Metrics of the lists that would be served, and of the baselines, in the validation window.

        Raises:
            ValueError: the result is not released.
        """
        if self.models.served is None:
            raise ValueError("Lists are evaluated in the validation window of releases only.")
        return self.models.served


def train_release(
    store: FeatureStore, options: TrainingOptions, folder: Path, reporter: Reporter = SILENT
) -> TrainedRelease:
    """Train everything that a release consists of.

    Args:
        store: an applied feature store.
        options: settings, and which steps run.
        folder: an empty folder for large files; it must exist as long as `towers.training_sets` are used.
        reporter: receives stages, metrics and details.

    Returns:
        The models; without refit and contents if the gate is required and not passed.

    Raises:
        InputError: the data do not suffice, the towers have a fault, or the feature tables were changed meanwhile.
    """
    watch, tables = Stopwatch(), TableDigests.compute(store)
    config, seed, release = options.config, options.seed, options.release
    reporter.stage("train towers")
    (folder / "towers").mkdir()
    trained = train_towers(
        store, config, options.split, folder / "towers", seed=seed, ranker_weeks=options.ranker_weeks,
        reporter=reporter, checkpoint=options.checkpoint,
    )  # fmt: skip
    models = fit_list_models(store, options, trained, reporter) if options.ranker_weeks else ListModels()
    if models.gate and models.blenders is None:
        return TrainedRelease(trained, models, None, None, watch.seconds)
    reporter.stage("refit towers")
    refit = refit_towers(trained, config, folder / "refit", seed=seed, reporter=reporter)
    contents = None
    if release:
        if release.earlier:
            reporter.metrics(overlap_line(trained, refit.towers, release.earlier))
        contents = release_contents(store, options, release, trained, models, refit, tables)
    tables.check_unchanged(store, "The models are of mixed data, and nothing was written")
    return TrainedRelease(trained, models, refit, contents, watch.seconds)

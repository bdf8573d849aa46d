"""Training of a release, from the feature store to its contents: the one implementation of this sequence.

    towers, validated on the days after the cut
    └─ validation week: candidates of all sources ─ gate
       └─ earlier ranker weeks ─ blender, rankers
    └─ refit on the most recent days ─ release contents

`jobs/train.py`, warm starts, the backtest and the benchmarks call it; which steps run depends on `TrainingOptions`.
"""

from dataclasses import dataclass
from pathlib import Path

from feast import FeatureStore

from features.errors import InputError
from features.progress import SILENT, Reporter, Stopwatch
from models.release.release_contents import ReleaseContents
from models.towers import Towers
from pipelines.cross_fit import cross_fitted
from pipelines.fit_blender import Blenders, fit_blenders
from pipelines.gate import Gate, evaluate_gate
from pipelines.rank_candidates import WeekFeatures
from pipelines.ranker_weeks import earlier_weeks, validation_week
from pipelines.refit import Refit, refit_towers
from pipelines.release_contents import release_contents
from pipelines.release_overlap import overlap_line
from pipelines.served_metrics import ServedMetrics, add_ranked, retrieval_metrics
from pipelines.train_ranker import TrainedRankers, carry_over_rankers, train_rankers
from pipelines.train_towers import TrainedTowers, train_towers
from pipelines.training_options import TrainingOptions


@dataclass(frozen=True)
class ListModels:
    """What turns candidates into lists, and how good the lists are in the validation window.

    Attributes:
        gate: the decision of the gate; None unless the result is released.
        served: metrics of the lists that would be served; None unless the result is released.
        blenders: None if the gate stopped the training.
        rankers: None if the gate stopped the training.
    """

    gate: Gate | None = None
    served: ServedMetrics | None = None
    blenders: Blenders | None = None
    rankers: TrainedRankers | None = None


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
    def release(self) -> tuple[Towers, ReleaseContents]:
        """The towers to be released, and the other contents of the release.

        Raises:
            InputError: the gate stopped the training.
            ValueError: the result is not released.
        """
        if self.refit is None:
            raise InputError("The gate is not passed and --require-better is set: no release was written.")
        if self.contents is None:
            raise ValueError("The result is not released: it has no release contents.")
        return self.refit.towers, self.contents

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
    def list_models(self) -> tuple[Blenders, TrainedRankers]:
        """The blenders and the rankers.

        Raises:
            ValueError: the gate stopped the training, or only towers were trained.
        """
        if self.models.blenders is None or self.models.rankers is None:
            raise ValueError("No blenders and rankers were trained.")
        return self.models.blenders, self.models.rankers

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
        folder: an empty folder for large files; it must exist as long as `towers.data` is used.
        reporter: receives stages, metrics and details.

    Returns:
        The models; without refit and contents if the gate is required and not passed.

    Raises:
        InputError: the data do not suffice, or the towers have a fault.
    """
    watch = Stopwatch()
    config, seed, release = options.config, options.seed, options.release
    reporter.stage("train towers")
    (folder / "towers").mkdir()
    trained = train_towers(
        store, config, options.split, folder / "towers", seed=seed, reporter=reporter, checkpoint=options.checkpoint
    )
    models = _fit_list_models(store, options, trained, folder, reporter) if options.ranker_weeks else ListModels()
    if models.gate and models.blenders is None:
        return TrainedRelease(trained, models, None, None, watch.seconds)
    reporter.stage("refit towers")
    refit = refit_towers(store, trained, config, folder / "refit", seed=seed, reporter=reporter)
    contents = None
    if release and models.blenders and models.rankers:
        if release.earlier:
            reporter.metrics(overlap_line(trained, refit.towers, release.earlier, release.releases))
        contents = release_contents(store, options, release, trained, models.blenders, models.rankers, refit)
    return TrainedRelease(trained, models, refit, contents, watch.seconds)


def _fit_list_models(
    store: FeatureStore, options: TrainingOptions, trained: TrainedTowers, folder: Path, reporter: Reporter
) -> ListModels:
    """Retrieve for the ranker weeks, evaluate the gate, fit the blender and train the rankers.

    The candidates of four weeks take about a gigabyte. They exist inside this function only, so that they are freed
    before the refit, which needs the memory for its training set.
    """
    seed, release = options.seed, options.release
    reporter.stage("retrieve for the validation window")
    week, sources = validation_week(store, trained, folder / "validation_week", seed=seed)
    gate = served = blended = None
    if release:
        try:
            blended = cross_fitted(week)
        except InputError as error:
            reporter.detail(str(error))
        served = retrieval_metrics(week, sources, blended, trained.window.cutoffs)
        gate = evaluate_gate(store, week, sources, served, release.releases)
        reporter.metrics(gate.text)
        if release.require_better and not gate.passed:
            return ListModels(gate, served)
    del sources
    reporter.stage("fit blender, train rankers")
    earlier = earlier_weeks(
        store, trained, options.config, folder / "ranker_weeks", weeks=options.ranker_weeks, seed=seed,
        reporter=reporter,
    )  # fmt: skip
    blenders = fit_blenders(week, reporter)
    if release and release.earlier:
        rankers = carry_over_rankers(store, week, release.earlier.release, seed=seed, reporter=reporter)
    else:
        rankers = train_rankers(store, [*earlier, week], seed=seed, reporter=reporter)
    if served and blended and (rankers.keep.validated or rankers.drop.validated):
        add_ranked(served, blended, WeekFeatures.read(store, week), rankers)
    reporter.metrics(rankers.served_order)
    return ListModels(gate, served, blenders, rankers)

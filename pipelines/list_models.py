"""Blender and rankers, which turn candidates into served lists, with the gate on what would be served."""

from dataclasses import dataclass

from feast import FeatureStore

from features.errors import InputError
from features.progress import Reporter
from models.release.release_models import POLICIES
from pipelines.check_order import OrderChecks, check_orders
from pipelines.cross_fit import cross_fitted
from pipelines.fit_blender import Blenders, fit_blenders
from pipelines.gate import Gate, evaluate_gate
from pipelines.left_out_weeks import left_out_weeks
from pipelines.ranker_weeks import earlier_weeks, validation_week
from pipelines.served_metrics import ServedMetrics, add_ranked, retrieval_metrics
from pipelines.train_ranker import (
    LeftOutExamples,
    TrainedRankers,
    carry_over_rankers,
    train_rankers,
    without_rankers,
)
from pipelines.train_towers import TrainedTowers
from pipelines.training_options import TrainingOptions
from pipelines.week_features import WeekFeatures


@dataclass(frozen=True)
class ListModels:
    """What turns candidates into lists, and how good the lists are in the validation window.

    Attributes:
        gate: the decision of the gate; None unless the result is released.
        served: metrics of the lists that would be served; None unless the result is released.
        blenders: None if the gate stopped the training.
        orders: the blenders compared with their best sources; None without left-out weeks.
        rankers: None if the gate stopped the training.
    """

    gate: Gate | None = None
    served: ServedMetrics | None = None
    blenders: Blenders | None = None
    orders: OrderChecks | None = None
    rankers: TrainedRankers | None = None

    @property
    def fitted(self) -> tuple[Blenders, TrainedRankers]:
        """The blenders and the rankers.

        Raises:
            ValueError: the gate stopped the training, or only towers were trained.
        """
        if self.blenders is None or self.rankers is None:
            raise ValueError("No blenders and rankers were trained.")
        return self.blenders, self.rankers


def fit_list_models(
    store: FeatureStore, options: TrainingOptions, trained: TrainedTowers, reporter: Reporter
) -> ListModels:
    """Retrieve for the ranker weeks, evaluate the gate, fit the blender and train the rankers.

    The candidates of four weeks take about a gigabyte. They exist inside this function only, so that they are freed
    before the refit, which needs the memory for its training set.
    """
    seed, release = options.seed, options.release
    reporter.stage("retrieve for the validation window")
    week, sources = validation_week(store, trained, seed=seed)
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
    earlier = earlier_weeks(store, trained, options.config, seed=seed)
    blenders, orders = fit_blenders([*earlier, week], reporter), None
    if release and release.earlier:
        previous = release.earlier.release
        blenders = blenders.with_leading(*(previous.blender[policy]["leading"] for policy in POLICIES))
        rankers = carry_over_rankers(store, week, previous, seed=seed, reporter=reporter)
    else:
        try:
            left_out = left_out_weeks([*earlier, week], reporter)
        except InputError as error:
            rankers = without_rankers(str(error).rstrip("."), reporter)
        else:
            orders = check_orders(left_out, seed)
            for note in orders.notes:
                reporter.metrics(note)
            blenders = blenders.with_leading(*orders.leading)
            examples = LeftOutExamples.build(store, [each.with_leading(*orders.leading) for each in left_out])
            del earlier, left_out  # the rankers take their memory
            rankers = train_rankers(examples, week.end, seed=seed, reporter=reporter)
    if served and blended and (rankers.keep.validated or rankers.drop.validated):
        add_ranked(served, blended, WeekFeatures.read(store, week), rankers)
    reporter.metrics(rankers.served_order)
    return ListModels(gate, served, blenders, orders, rankers)

"""Training of rankers, validated on each week with a ranker of the others, for all items and for new items."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from functools import cache, partial
from typing import Any, Literal, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from feast import FeatureStore
from numpy.typing import NDArray

from candidates.blender import Blender
from candidates.item_lists import ItemLists
from candidates.parallel import map_in_threads
from candidates.pool import Pool
from candidates.ranking.ranker import InsufficientDataError, Ranker
from candidates.ranking.training_examples import TrainingExamples
from evaluation.ranker.calibration import ReliabilityBin, reliability_bins
from evaluation.ranker.importances import Importance, feature_importances, group_importances
from evaluation.ranker.leakage_heuristics import suspicious_features
from evaluation.ranker.selection import RankerSelection, can_validate, select_ranker, skip_validation
from features.progress import SILENT, Reporter
from models.release.release import Release
from pipelines.left_out_weeks import LeftOutWeek
from pipelines.rank_candidates import RANKING_DEPTH
from pipelines.ranker_weeks import RankerWeek
from pipelines.training_stages import FEWEST_WEEKS
from pipelines.week_features import WeekFeatures


@dataclass(frozen=True)
class TrainedRanker:
    """A ranker and how it was chosen.

    Attributes:
        ranker: None if retrieval order is served.
        choice: the comparison with retrieval order.
        importances: of the features, the most important first; empty without a validated ranker.
        reliability: predicted and true shares of bought candidates in the last week.
        until: moment before which all purchases lie that the ranker was trained on, UTC; None without a ranker.
        validated: the ranker as it was validated in the last week, trained on no purchase of it; None if retrieval
            order is served, or if the ranker was carried over and has seen purchases of that week.
    """

    ranker: Ranker | None
    choice: RankerSelection
    importances: tuple[Importance, ...] = ()
    reliability: tuple[ReliabilityBin, ...] = ()
    until: datetime | None = None
    validated: Ranker | None = None

    def to_json(self) -> dict[str, Any]:
        """Return all but the rankers as JSON-ready values."""
        return {
            "choice": self.choice.to_json(),
            "importances": [asdict(each) for each in self.importances],
            "reliability": [asdict(each) for each in self.reliability],
            "until": self.until.isoformat() if self.until else None,
        }


@dataclass(frozen=True)
class TrainedRankers:
    """The rankers by policy for items bought before.

    Attributes:
        keep: of all items.
        drop: of items that the user never bought.
    """

    keep: TrainedRanker
    drop: TrainedRanker

    @property
    def rankers(self) -> dict[str, Ranker]:
        """The rankers that are served, by policy."""
        return {policy: each.ranker for policy, each in self._by_policy.items() if each.ranker is not None}

    @property
    def until(self) -> dict[str, str]:
        """The moment before which all training purchases of each ranker lie, as ISO text, by policy."""
        return {policy: each.until.isoformat() for policy, each in self._by_policy.items() if each.until is not None}

    @property
    def notes(self) -> tuple[str, str]:
        """A sentence for all items and one for new items: which order is served, and why."""
        return f"all items: {self.keep.choice.reason}", f"new items: {self.drop.choice.reason}"

    @property
    def served_order(self) -> str:
        """A sentence that names the order in which all items and new items are served."""
        orders = [_order(ranker) for ranker in (self.keep, self.drop)]
        return f"Served: all items {orders[0]}, new items {orders[1]}."

    @property
    def _by_policy(self) -> dict[str, TrainedRanker]:
        return {"keep": self.keep, "drop": self.drop}


@dataclass(frozen=True, eq=False)
class LeftOutExamples:
    """Training examples of left-out weeks, in order of time.

    Attributes:
        keep: of all items, for each week.
        drop: of items that the user never bought, for each week.
    """

    keep: tuple[TrainingExamples, ...]
    drop: tuple[TrainingExamples, ...]

    @classmethod
    def build(cls, store: FeatureStore, weeks: Sequence[LeftOutWeek]) -> Self:
        """Blend the candidates of each week as they would have been served, and read their features.

        Args:
            store: an applied feature store.
            weeks: in order of time, with blenders that were fitted on the weeks before each.
        """
        users = pc.unique(pa.chunked_array([each.week.user_ids for each in weeks], pa.string()))
        examples = []
        for each in weeks:
            week, blenders = each.week, each.blenders
            blend = partial(_examples, WeekFeatures.read(store, week), _codes(week, users))
            policies = (blenders.keep, week.keep, week.bought), (blenders.drop, week.drop, week.new)
            examples.append([*map_in_threads(blend, policies)])
        return cls(tuple(keep for keep, _ in examples), tuple(drop for _, drop in examples))


def train_rankers(
    examples: LeftOutExamples, until: datetime, *, seed: int, reporter: Reporter = SILENT
) -> TrainedRankers:
    """Train rankers on the left-out weeks; each week validates a ranker that was trained on the others.

    One week has too few users to tell a useful ranker from chance, and a ranker of it alone is a poor one, so that all
    weeks are left out in turn. The label of a list is in no other week, and no feature is an id that could carry it.

    Args:
        examples: of the left-out weeks.
        until: end of the last week, UTC.
        seed: of draws.
        reporter: receives the choice for each policy.
    """
    if len(examples.keep) < FEWEST_WEEKS - 1:
        available = len(examples.keep) + 1
        return without_rankers(
            f"{available} of at least {FEWEST_WEEKS} weeks are available: one fits the blender, one trains a ranker, "
            "one validates it",
            reporter,
        )
    train = partial(_train, end=until, seed=seed)
    return _reported(TrainedRankers(*map_in_threads(train, (examples.keep, examples.drop))), reporter)


def without_rankers(reason: str, reporter: Reporter) -> TrainedRankers:
    """Serve retrieval order, for a reason that starts in lower case and has no full stop; the reporter receives it."""
    choice = RankerSelection.unvalidated(reason)
    return _reported(TrainedRankers(TrainedRanker(None, choice), TrainedRanker(None, choice)), reporter)


def carry_over_rankers(
    store: FeatureStore, week: RankerWeek, earlier: Release, *, seed: int, reporter: Reporter = SILENT
) -> TrainedRankers:
    """Keep the rankers of an earlier release, unless retrieval order is better in a week they were not trained on.

    Args:
        store: an applied feature store with the ranker services of the release.
        week: the validation week.
        earlier: the release.
        seed: of draws.
        reporter: receives the choice for each policy.
    """
    features = cache(lambda: WeekFeatures.read(store, week))  # often there is no ranker to validate
    codes = _codes(week, pc.unique(week.user_ids))

    def carried_over(policy: Literal["keep", "drop"], pool: Pool, bought: ItemLists) -> TrainedRanker:
        ranker = earlier.rankers.get(policy)
        if ranker is None:
            return TrainedRanker(
                None, RankerSelection.unvalidated(f"release {earlier.version} has no ranker, and one week trains none")
            )
        until = earlier.ranker_trained_until(policy)
        if until > week.start:
            reason = f"it was trained on purchases up to {until:%Y-%m-%d}, some of them of the validation window"
            return TrainedRanker(ranker, RankerSelection.unvalidated(reason, ranked=True), until=until)
        blender = Blender.from_json(earlier.blender[policy])
        examples = _examples(features(), codes, (blender, pool, bought))
        trained = _validate([ranker], [examples], seed, incumbent=True)
        return replace(trained, ranker=ranker, until=until, validated=ranker) if trained.choice.ranked else trained

    keep, drop = carried_over("keep", week.keep, week.bought), carried_over("drop", week.drop, week.new)
    return _reported(TrainedRankers(keep, drop), reporter)


def _order(ranker: TrainedRanker) -> str:
    if ranker.ranker is None:
        return "in retrieval order"
    unseen = "" if ranker.validated else " (carried over; not evaluated here, it was trained on days of this window)"
    return f"in the order of the ranker{unseen}"


def _codes(week: RankerWeek, users: pa.Array) -> NDArray[np.int64]:
    """Return the position of each user of a week among all users, int64 (n,)."""
    return np.asarray(pc.index_in(week.user_ids, users), np.int64)


def _examples(
    features: WeekFeatures, codes: NDArray[np.int64], policy: tuple[Blender, Pool, ItemLists]
) -> TrainingExamples:
    """Return the blended candidates of a week with their features, under the policy of blender, pool and purchases."""
    blender, pool, bought = policy
    return TrainingExamples(features.pairs(blender.blend(pool, RANKING_DEPTH)), bought, codes)


def _reported(rankers: TrainedRankers, reporter: Reporter) -> TrainedRankers:
    for note in rankers.notes:
        reporter.metrics(note)
    return rankers


def _train(weeks: Sequence[TrainingExamples], end: datetime, seed: int) -> TrainedRanker:
    """Validate on each week a ranker that was trained on the others, and if it is chosen train on all weeks."""
    others = [[other for other in weeks if other is not week] for week in weeks]
    for needed in (weeks[-1:], *others):
        if not can_validate(needed):
            return TrainedRanker(None, skip_validation(needed))
    try:
        rankers = [Ranker.fit(TrainingExamples.concat(examples), seed) for examples in others]
    except InsufficientDataError as error:
        return TrainedRanker(None, RankerSelection.unvalidated(str(error)))
    trained = _validate(rankers, weeks, seed)
    if not trained.choice.ranked:
        return trained
    return replace(trained, ranker=Ranker.fit(TrainingExamples.concat(weeks), seed), until=end, validated=rankers[-1])


def _validate(
    rankers: Sequence[Ranker], weeks: Sequence[TrainingExamples], seed: int, *, incumbent: bool = False
) -> TrainedRanker:
    """Compare rankers with retrieval order, each on a week that it was not trained on.

    Suspected leakage in the last week disables the ranker, and is the reason of the choice.
    """
    scores = [ranker.score(week.pairs) for ranker, week in zip(rankers, weeks, strict=True)]
    choice = select_ranker(weeks, scores, seed, incumbent=incumbent)
    last = weeks[-1]
    if not can_validate([last]):
        return TrainedRanker(None, choice)
    by_feature = feature_importances(last, rankers[-1], seed)
    by_group = group_importances(last, rankers[-1], seed)
    findings = suspicious_features(last, scores[-1], by_feature, by_group)
    if findings:
        choice = choice.disable(" ".join(finding.message for finding in findings))
    return TrainedRanker(None, choice, by_feature, reliability_bins(scores[-1], last.bought))

"""Rankers, learned from past lists: for everything and for what is new to the user, each if it is worth its place."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from functools import cache
from itertools import pairwise
from typing import Any, Final, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from feast import FeatureStore
from numpy.typing import NDArray

from candidates.blender import BlendedLists, Blender
from candidates.histories import Histories
from candidates.item_lists import ItemLists
from candidates.pool import Pool
from candidates.ranking.entity_features import ItemFeatures, UserFeatures
from candidates.ranking.ranker import InsufficientDataError, Ranker
from candidates.ranking.ranker_features import build_pair_features
from candidates.ranking.reordering import RankedLists, rerank
from candidates.ranking.training_examples import TrainingExamples
from evaluation.ranker.calibration import ReliabilityBin, reliability_bins
from evaluation.ranker.importances import Importance, feature_importances, group_importances
from evaluation.ranker.leakage_heuristics import suspicious_features
from evaluation.ranker.selection import RankerSelection, can_validate, select_ranker, skip_validation
from features.errors import InputError
from features.store.reader import FeatureReader
from features.store.request_services import CANDIDATE_ITEMS, RANKING_USERS
from models.release.release import Release
from pipelines.fit_blender import fit_blenders
from pipelines.ranker_weeks import FEWEST_WEEKS, RankerWeek

RANKED: Final = 100  # candidates of each user that are put in order: those behind them hardly ever come to the top


@dataclass(frozen=True)
class TrainedRanker:
    """What came of learning an order.

    Attributes:
        ranker: None if retrieval's order stands.
        choice: how the two were compared.
        importances: of the features, the most important first; empty if nothing was learned.
        reliability: predicted and true shares of candidates, in a week after those from which the ranker had learned.
        until: all purchases from which the ranker has learned are of before this moment, UTC; None without one.
    """

    ranker: Ranker | None
    choice: RankerSelection
    importances: tuple[Importance, ...] = ()
    reliability: tuple[ReliabilityBin, ...] = ()
    until: datetime | None = None

    def to_json(self) -> dict[str, Any]:
        """Return all but the ranker as JSON-ready values."""
        return {
            "choice": self.choice.to_json(),
            "importances": [asdict(each) for each in self.importances],
            "reliability": [asdict(each) for each in self.reliability],
            "until": self.until.isoformat() if self.until else None,
        }


@dataclass(frozen=True)
class TrainedRankers:
    """How candidates are put in order: of everything, and of what the user never bought."""

    keep: TrainedRanker
    drop: TrainedRanker

    @property
    def rankers(self) -> dict[str, Ranker]:
        """Those that are worth their place, by policy for items bought before."""
        return {policy: each.ranker for policy, each in self._both.items() if each.ranker is not None}

    @property
    def until(self) -> dict[str, str]:
        """Up to which moment each of them has learned, as ISO text, by policy."""
        return {policy: each.until.isoformat() for policy, each in self._both.items() if each.until is not None}

    @property
    def _both(self) -> dict[str, TrainedRanker]:
        return {"keep": self.keep, "drop": self.drop}


def train_rankers(
    store: FeatureStore, weeks: Sequence[RankerWeek], *, seed: int, say: Callable[[str], object]
) -> TrainedRankers:
    """Learn to order candidates from past lists, and judge the order by the last week.

    The lists of each week are put together as they would have been served: with weights learned in the week before.
    So the first week teaches weights only, those between teach an order, and the last one says whether it lasts.

    Args:
        store: an applied feature store.
        weeks: in the order of time.
        seed: of draws.
        say: called with a sentence for each policy that tells who orders the candidates.
    """
    if len(weeks) < FEWEST_WEEKS:
        return _undecided(
            f"{len(weeks)} of the {FEWEST_WEEKS} weeks are there that it takes to learn weights, to learn an order, "
            "and to judge it",
            say,
        )
    everybody = pc.unique(pa.concat_arrays([week.user_ids for week in weeks]))
    keep, drop = [], []
    for before, week in pairwise(weeks):
        try:
            blenders = fit_blenders(before, say)
        except InputError as error:
            return _undecided(str(error).rstrip("."), say)
        facts = _Facts.of(store, week, everybody)
        keep.append(facts.examples(blenders.keep.blend(week.keep, RANKED), week.bought))
        drop.append(facts.examples(blenders.drop.blend(week.drop, RANKED), week.new))
    end = weeks[-1].end
    return _said(TrainedRankers(_learned(keep, end, seed), _learned(drop, end, seed)), say)


def carry_over_rankers(
    store: FeatureStore, week: RankerWeek, earlier: Release, *, seed: int, say: Callable[[str], object]
) -> TrainedRankers:
    """Go on with the rankers of an earlier release, unless in a week that they have not seen retrieval is better.

    Args:
        store: an applied feature store, whose services for rankers are those of the release.
        week: the last one.
        earlier: the release.
        seed: of draws.
        say: called with a sentence for each policy that tells who orders the candidates.
    """
    facts = cache(lambda: _Facts.of(store, week, pc.unique(week.user_ids)))  # often no ranker is asked

    def carried(policy: Literal["keep", "drop"], pool: Pool, bought: ItemLists) -> TrainedRanker:
        ranker = earlier.rankers.get(policy)
        if ranker is None:
            return TrainedRanker(
                None, RankerSelection.unvalidated(f"release {earlier.version} has no ranker, and one week teaches none")
            )
        until = earlier.ranker_trained_until(policy)
        if until > week.start:
            reason = f"it has learned from purchases up to {until:%Y-%m-%d}, some of which would judge it"
            return TrainedRanker(ranker, RankerSelection.unvalidated(reason, ranked=True), until=until)
        blended = Blender.from_json(earlier.blender[policy]).blend(pool, RANKED)
        judged = _judged(ranker, facts().examples(blended, bought), seed, incumbent=True)
        return replace(judged, ranker=ranker, until=until) if judged.choice.ranked else judged

    return _said(TrainedRankers(carried("keep", week.keep, week.bought), carried("drop", week.drop, week.new)), say)


@dataclass(frozen=True, eq=False)
class _Facts:
    """What a ranker is told of the users of one week, and of the catalogue by then."""

    week: RankerWeek
    users: UserFeatures
    items: ItemFeatures
    codes: NDArray[np.int64]

    @classmethod
    def of(cls, store: FeatureStore, week: RankerWeek, everybody: pa.Array) -> "_Facts":
        reader = FeatureReader(store, "offline")
        items = ItemFeatures.from_table(reader.read(CANDIDATE_ITEMS, week.item_ids, week.start))
        users = UserFeatures.from_table(reader.read(RANKING_USERS, week.user_ids, week.start), items)
        return cls(week, users, items, np.asarray(pc.index_in(week.user_ids, everybody), np.int64))

    def examples(self, blended: BlendedLists, bought: ItemLists) -> TrainingExamples:
        pairs = build_pair_features(blended, self.week.queries.histories, self.users, self.items)
        return TrainingExamples(pairs, bought, self.codes)


def ordered(
    blended: BlendedLists, ranker: Ranker | None, histories: Histories, told: pa.Table, items: ItemFeatures
) -> RankedLists:
    """Put the first `RANKED` candidates of n users in order, those from which rankers learn; behind them nothing moves.

    Args:
        blended: after all filters.
        ranker: None leaves retrieval's order.
        histories: what each of them had bought.
        told: what `FeatureReader` reads of them.
        items: of the catalogue, as of the same moment.
    """
    if ranker is None:
        return RankedLists.from_retrieval(blended)
    first = blended.first(RANKED)
    pairs = build_pair_features(first, histories, UserFeatures.from_table(told, items), items)
    return rerank(first, pairs, ranker.score(pairs)).append_rest(blended)


def _undecided(reason: str, say: Callable[[str], object]) -> TrainedRankers:
    choice = RankerSelection.unvalidated(reason)
    return _said(TrainedRankers(TrainedRanker(None, choice), TrainedRanker(None, choice)), say)


def _said(rankings: TrainedRankers, say: Callable[[str], object]) -> TrainedRankers:
    say(f"all items: {rankings.keep.choice.reason}")
    say(f"new items: {rankings.drop.choice.reason}")
    return rankings


def _learned(weeks: Sequence[TrainingExamples], end: datetime, seed: int) -> TrainedRanker:
    """Learn from all weeks but the last, be judged by it, and if that is passed learn from all."""
    *earlier, judge = weeks
    taught = TrainingExamples.concat(earlier)
    if not (can_validate(taught) and can_validate(judge)):
        return TrainedRanker(None, skip_validation(taught if can_validate(judge) else judge))
    try:
        ranker = Ranker.fit(taught, seed)
    except InsufficientDataError as error:
        return TrainedRanker(None, RankerSelection.unvalidated(str(error)))
    judged = _judged(ranker, judge, seed)
    if not judged.choice.ranked:
        return judged
    return replace(judged, ranker=Ranker.fit(TrainingExamples.concat(weeks), seed), until=end)


def _judged(ranker: Ranker, judge: TrainingExamples, seed: int, *, incumbent: bool = False) -> TrainedRanker:
    """Validate a ranker in a week that it has not seen; suspected leakage disables it, and the choice says why."""
    scores = ranker.score(judge.pairs)
    choice = select_ranker(judge, scores, seed, incumbent=incumbent)
    if not can_validate(judge):
        return TrainedRanker(None, choice)
    told = feature_importances(judge, ranker, seed)
    findings = suspicious_features(judge, scores, told, group_importances(judge, ranker, seed))
    if findings:
        choice = choice.disable(" ".join(finding.message for finding in findings))
    return TrainedRanker(None, choice, told, reliability_bins(scores, judge.bought))

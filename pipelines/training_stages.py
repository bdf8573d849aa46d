"""The stages of a training over time: an early one, the recent days before the cut, and those before the release.

days before the ranker weeks | ranker weeks 1, 2, 3 | validation window |
first ─────────────────────►                                              retrieves for ranker weeks 1 to 3
                  recent ──────────────────────────►                      retrieves for the validation window
                              refit ────────────────────────────────────► released
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Self

from features.progress import Reporter
from features.time_split import TimeSplit
from features.training_data.purchases import Purchases
from models.config import Config

RANKER_WEEKS: Final = 4  # rankers of fewer weeks do not generalize to the next one; each more takes a minute
FEWEST_WEEKS: Final = 3  # one fits the blender, one trains the ranker, one validates it


@dataclass(frozen=True)
class TrainingStages:
    """The days of each stage. A stage continues from the weights of the one before it.

    Attributes:
        first: training days from random weights or a checkpoint, and the window after them that selects the epoch: the
            first ranker week, or the validation window if there are no earlier weeks.
        recent: one pass over the most recent days before the cut; None if the first stage ends there.
        refit: one pass over the most recent days before the release, the validation window included.
        earlier_weeks: the ranker weeks before the validation window, in order of time; they follow each other.
    """

    first: TimeSplit
    recent: TimeSplit | None
    refit: TimeSplit
    earlier_weeks: tuple[TimeSplit, ...] = ()

    @classmethod
    def of(cls, split: TimeSplit, refit_days: int, earlier_weeks: Sequence[TimeSplit] = ()) -> Self:
        """Divide the days of a training.

        Args:
            split: of the whole training.
            refit_days: days of a pass over recent days; no day between two stages is left out.
            earlier_weeks: ranker weeks before the validation window.
        """
        refit = split.for_refit(refit_days)
        if not earlier_weeks:
            return cls(split, None, refit)
        week = earlier_weeks[0]
        recent = TimeSplit(split.start, week.cut, split.cut).for_refit(refit_days)
        return cls(TimeSplit(split.start, week.cut, week.as_of), recent, refit, tuple(earlier_weeks))

    @property
    def in_order(self) -> tuple[TimeSplit, ...]:
        """All stages."""
        return (*self.before_cut, self.refit)

    @property
    def before_cut(self) -> tuple[TimeSplit, ...]:
        """The stages whose towers are validated, in order."""
        return (self.first, self.recent) if self.recent else (self.first,)


def plan_stages(
    purchases: Purchases, config: Config, *, ranker_weeks: int, reporter: Reporter
) -> tuple[Purchases, TrainingStages]:
    """Divide a training into stages, with as many ranker weeks as requested or available.

    A release does not need a ranker: without the days or the purchases for earlier ranker weeks, the reason is reported
    and the training goes without.

    Args:
        purchases: of the training.
        config: number of training days and of days of a pass over recent days. With earlier ranker weeks, the training
            days are those before the first of them.
        ranker_weeks: number of requested ranker weeks, the validation window included; each is as long as that.
        reporter: receives what is missing.

    Returns:
        The purchases with the split of the stages, and the stages.
    """
    split = purchases.split
    length = timedelta(days=max((split.as_of - split.cut).days, 1))
    available = min(ranker_weeks, 1 + _most_before(purchases, length))
    if available < ranker_weeks:
        reporter.metrics(
            f"{available} of {ranker_weeks} ranker weeks are available: the purchases begin too late for more"
        )
    if available >= FEWEST_WEEKS:
        weeks = [
            TimeSplit(None, split.cut - number * length, split.cut - (number - 1) * length)
            for number in range(available - 1, 0, -1)
        ]
        start = split.start and split.start - len(weeks) * length
        longer = purchases.with_split(TimeSplit(start, split.cut, split.as_of))
        stages = TrainingStages.of(longer.split, config.refit_days, weeks)
        lacking = _lacking(longer, stages)
        if lacking is None:
            return longer, stages
        reporter.metrics(f"no ranker is trained: {lacking}")
    return purchases, TrainingStages.of(split, config.refit_days)


def _lacking(purchases: Purchases, stages: TrainingStages) -> str | None:
    """Return what the stages with earlier ranker weeks lack; None if they can be trained."""
    if not purchases.with_split(stages.first).training_rows:
        return f"there are no training purchases before {stages.first.cut:%Y-%m-%d}"
    for week in stages.earlier_weeks:
        if len(purchases.with_split(week).read_returning_users()) == 0:
            return f"no user has purchases before and in the ranker week from {week.cut:%Y-%m-%d} on"
    return None


def _most_before(purchases: Purchases, length: timedelta) -> int:
    """Return how many weeks fit before the cut if at least as many days are left to train on."""
    begin = purchases.time_range[0] if purchases.time_range else purchases.split.cut
    return max((purchases.split.cut - begin) // (2 * length), 0)

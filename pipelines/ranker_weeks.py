"""Weeks that teach: what the sources proposed at their beginning, by towers that had seen nothing of them."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
from feast import FeatureStore

from candidates.item_lists import ItemLists
from candidates.pool import Pool
from candidates.sources.source_set import DEPTH, Queries
from features.errors import InputError
from features.time_split import TimeSplit
from features.training_data.purchases import Purchases
from models.config import Config
from models.towers import Towers
from pipelines.build_sources import sources_at
from pipelines.messages import epoch_line
from pipelines.train_towers import TrainedTowers, train_towers
from pipelines.window import EvaluationWindow

RANKER_WEEKS: Final = 4  # fewer teach no order that lasts, and each more is a minute
FEWEST_WEEKS: Final = 3  # one that teaches the fusion's weights, one that teaches an order, one that judges it
_MOST_USERS = 2_000  # of a week, from whom weights and orders are learned
_EARLIER_DAYS = 126  # from which the towers of earlier weeks learn: they are asked for lists, and not released
_EARLIER_EPOCHS = 2


@dataclass(frozen=True, eq=False)
class RankerWeek:
    """Candidates of n users, and what they bought in the week after.

    Attributes:
        user_ids: string (n,).
        item_ids: string (items,), the catalogue.
        start: what the candidates are as of, UTC.
        end: until when is told what was bought, UTC.
        queries: what was asked for these users.
        keep: what all sources proposed.
        drop: the same without what each user had bought before.
        bought: what each of them bought.
        new: that of it which he had never bought before.
    """

    user_ids: pa.Array
    item_ids: pa.Array
    start: datetime
    end: datetime
    queries: Queries
    keep: Pool
    drop: Pool
    bought: ItemLists
    new: ItemLists


def label_weeks(
    store: FeatureStore, run: TrainedTowers, config: Config, folder: Path, *, weeks: int, seed: int,
    say: Callable[[str], None],
) -> list[RankerWeek]:  # fmt: skip
    """Retrieve for users of the last weeks before a release, each with towers that had learned only from before it.

    The validation week is listed by the kept towers of the training. They have seen the weeks before it, so these are
    listed by towers of their own, which end before the first of them. An order is not worth a training: whatever goes
    wrong with these is said, and the validation week stands alone.

    Args:
        store: an applied feature store.
        run: a training that has kept its best epoch.
        config: its settings.
        folder: for what is large; it must not exist yet.
        weeks: how many, at least 1; each is as long as the validation days.
        seed: of draws, weights, and of the users if there are many.
        say: called with a sentence for each finished step.

    Returns:
        The weeks, the last one last; that one alone if fewer than `FEWEST_WEEKS` are asked for or can be had.
    """
    folder.mkdir()
    split, found = run.data.purchases.split, []
    length = timedelta(days=_days(split))
    possible = min(weeks, 1 + _most_before(run.data.purchases, length))
    if possible < weeks:
        say(f"{possible} of {weeks} weeks can be listed for an order: the purchases begin too late for more")
    if possible >= FEWEST_WEEKS:
        try:
            found = _earlier_weeks(store, config, split.cut, length, possible - 1, folder, seed, say)
        except InputError as error:
            say(f"no order of candidates is learned, because of the weeks that would teach it: {error}")
    found.append(_listed(store, run.towers, split.cut, split.as_of, _made(folder / f"{split.cut:%Y-%m-%d}"), seed))
    return found


def _earlier_weeks(
    store: FeatureStore, config: Config, cut: datetime, length: timedelta, weeks: int, folder: Path, seed: int,
    say: Callable[[str], None],
) -> list[RankerWeek]:  # fmt: skip
    """So many weeks before a cut, listed by towers that end before the first of them.

    Raises:
        InputError: the towers cannot be trained, or nobody came back in one of the weeks.
    """
    first = cut - weeks * length
    say(f"earlier towers, for the lists of {weeks} weeks from {first:%Y-%m-%d} on:")
    days = min(_EARLIER_DAYS, config.training_days or _EARLIER_DAYS)
    few = replace(config, epochs=min(_EARLIER_EPOCHS, config.epochs), training_days=days)
    towers = train_towers(
        store,
        few,
        TimeSplit.for_release(first + length, validation_days=length.days, training_days=days),
        _made(folder / "earlier"),
        seed=seed,
        say=lambda epoch: say(epoch_line(epoch)),
    ).towers
    starts = [first + number * length for number in range(weeks)]
    return [
        _listed(store, towers, start, start + length, _made(folder / f"{start:%Y-%m-%d}"), seed) for start in starts
    ]


def _listed(store: FeatureStore, towers: Towers, start: datetime, end: datetime, folder: Path, seed: int) -> RankerWeek:
    week = EvaluationWindow.between(store, start, end, folder)
    users = np.arange(week.judge.users)
    if len(users) > _MOST_USERS:
        users = np.sort(np.random.default_rng(seed).permutation(users)[:_MOST_USERS])
    queries = week.queries(store, towers, users)
    sources, _ = sources_at(store, week.past, week.item_ids, week.item_vectors(store, towers), start)
    return RankerWeek(
        user_ids=week.user_ids.take(pa.array(users)),
        item_ids=week.item_ids,
        start=start,
        end=end,
        queries=queries,
        keep=sources.retrieve_pool(queries, DEPTH),
        drop=sources.retrieve_pool(queries, DEPTH, queries.histories.bought),
        bought=week.judge.relevant.take(users),
        new=week.judge.new_relevant.take(users),
    )


def _days(split: TimeSplit) -> int:
    """How many whole days validate."""
    return max((split.as_of - split.cut).days, 1)


def _most_before(purchases: Purchases, length: timedelta) -> int:
    """How many weeks may teach before the last one: at least as many days must be left for their towers."""
    begin = purchases.ends[0] if purchases.ends else purchases.split.cut
    return max((purchases.split.cut - begin) // (2 * length), 0)


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder

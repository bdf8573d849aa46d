"""Ranker weeks: candidates as of the start of a week, retrieved by towers trained before it, and its purchases."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
from feast import FeatureStore

from candidates.item_lists import ItemLists
from candidates.pool import Pool
from candidates.sources.source_set import DEPTH, Queries, SourceSet
from features.errors import InputError
from features.progress import SILENT, Reporter
from features.time_split import TimeSplit
from features.training_data.purchases import Purchases
from models.config import Config
from models.towers import Towers
from pipelines.build_sources import build_sources
from pipelines.train_towers import TrainedTowers, train_towers
from pipelines.training_messages import DetailReporter
from pipelines.window import EvaluationWindow

RANKER_WEEKS: Final = 4  # rankers of fewer weeks do not generalize to the next one; each more takes a minute
FEWEST_WEEKS: Final = 3  # one fits the blender, one trains the ranker, one validates it
_MOST_USERS = 2_000  # users of a week, enough for the weights of blender and ranker
_EARLIER_DAYS = 126  # training days of the towers of earlier weeks, which are never released
_EARLIER_EPOCHS = 2


@dataclass(frozen=True, eq=False)
class RankerWeek:
    """Candidates of n users as of the start of a week, and their purchases in the week.

    Attributes:
        user_ids: string (n,).
        item_ids: string (items,), the catalogue.
        start: moment of the candidates, UTC.
        end: end of the purchases, UTC.
        queries: query vectors and histories of the users.
        keep: candidates of all sources.
        drop: the same without the items that each user had bought before.
        bought: n lists, the items that each user bought in the week.
        new: n lists, those of them that the user had never bought before.
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


def validation_week(
    store: FeatureStore, trained: TrainedTowers, folder: Path, *, seed: int
) -> tuple[RankerWeek, SourceSet]:
    """Retrieve for users of the validation window with the kept towers, which are trained on the days before it.

    Args:
        store: an applied feature store.
        trained: towers with the weights of their best epoch.
        folder: for large files; it must not exist yet.
        seed: of the draw of users, if there are many.

    Returns:
        The week, and the sources as of its start.
    """
    split = trained.data.purchases.split
    return _retrieve(store, trained.towers, split.cut, split.as_of, folder, seed)


def earlier_weeks(
    store: FeatureStore,
    trained: TrainedTowers,
    config: Config,
    folder: Path,
    *,
    weeks: int,
    seed: int,
    reporter: Reporter = SILENT,
) -> list[RankerWeek]:
    """Retrieve for users of the weeks before the validation window.

    The kept towers are trained on these weeks, so towers of their own retrieve for them, trained on the days before the
    first of them. A release does not need a ranker: if anything fails here, the reason is reported and the release
    goes without.

    Args:
        store: an applied feature store.
        trained: the training whose validation window follows the weeks.
        config: its settings.
        folder: for large files; it must not exist yet.
        weeks: number of ranker weeks, the validation window included; each is as long as the validation window.
        seed: of draws, weights, and of the users, if there are many.
        reporter: receives the training of the towers as details.

    Returns:
        The weeks in order of time; empty if fewer than `FEWEST_WEEKS` ranker weeks are requested or available.
    """
    split = trained.data.purchases.split
    length = timedelta(days=max((split.as_of - split.cut).days, 1))
    available = min(weeks, 1 + _most_before(trained.data.purchases, length))
    if available < weeks:
        reporter.metrics(f"{available} of {weeks} ranker weeks are available: the purchases begin too late for more")
    if available < FEWEST_WEEKS:
        return []
    folder.mkdir()
    try:
        return _retrieve_earlier(store, config, split.cut, length, available - 1, folder, seed, reporter)
    except InputError as error:
        reporter.metrics(f"no ranker is trained, because the earlier ranker weeks failed: {error}")
        return []


def _retrieve_earlier(
    store: FeatureStore, config: Config, cut: datetime, length: timedelta, weeks: int, folder: Path, seed: int,
    reporter: Reporter,
) -> list[RankerWeek]:  # fmt: skip
    """Retrieve for the weeks before a cut with towers trained on the days before the first of them.

    Raises:
        InputError: the towers cannot be trained, or a week has no returning users.
    """
    first = cut - weeks * length
    reporter.detail(f"towers for the candidates of {weeks} weeks from {first:%Y-%m-%d} on:")
    days = min(_EARLIER_DAYS, config.training_days or _EARLIER_DAYS)
    shorter = replace(config, epochs=min(_EARLIER_EPOCHS, config.epochs), training_days=days)
    split = TimeSplit.for_release(first + length, validation_days=length.days, training_days=days)
    towers_folder = folder / "towers"
    towers_folder.mkdir()
    towers = train_towers(store, shorter, split, towers_folder, seed=seed, reporter=DetailReporter(reporter)).towers
    starts = [first + number * length for number in range(weeks)]
    return [_retrieve(store, towers, start, start + length, folder / f"{start:%Y-%m-%d}", seed)[0] for start in starts]


def _retrieve(
    store: FeatureStore, towers: Towers, start: datetime, end: datetime, folder: Path, seed: int
) -> tuple[RankerWeek, SourceSet]:
    folder.mkdir()
    window = EvaluationWindow.read(store, start, end, folder)
    users = np.arange(window.validation.users)
    if len(users) > _MOST_USERS:
        users = np.sort(np.random.default_rng(seed).permutation(users)[:_MOST_USERS])
    queries = window.read_queries(store, towers, users)
    sources, _ = build_sources(
        store, window.past_purchases, window.item_ids, window.read_item_vectors(store, towers), start
    )
    week = RankerWeek(
        user_ids=window.user_ids.take(pa.array(users)),
        item_ids=window.item_ids,
        start=start,
        end=end,
        queries=queries,
        keep=sources.retrieve_pool(queries, DEPTH),
        drop=sources.retrieve_pool(queries, DEPTH, queries.histories.bought),
        bought=window.validation.relevant.take(users),
        new=window.validation.new_relevant.take(users),
    )
    return week, sources


def _most_before(purchases: Purchases, length: timedelta) -> int:
    """Return how many weeks fit before the cut if at least as many days are left to train their towers."""
    begin = purchases.time_range[0] if purchases.time_range else purchases.split.cut
    return max((purchases.split.cut - begin) // (2 * length), 0)

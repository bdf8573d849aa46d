"""Ranker weeks: candidates as of the start of a week, retrieved by towers trained before it, and its purchases."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np
import pyarrow as pa
from feast import FeatureStore

from candidates.item_lists import ItemLists
from candidates.pool import Pool
from candidates.ranking.user_neighbours import UserNeighbours
from candidates.sources.source_set import DEPTH, Queries, SourceSet
from features.moments import datetime64
from features.store.service_schema import TowerSchemas
from models.config import Config
from models.towers import Towers
from pipelines.build_sources import build_sources, read_items
from pipelines.train_towers import TrainedTowers
from pipelines.window import EvaluationWindow, TowerWindow

_MOST_USERS: Final = 2_000  # users of a week, enough for the weights of blender and ranker


@dataclass(frozen=True, eq=False)
class RankerWeek:
    """Candidates of n users as of the start of a week, and their purchases in the week.

    Attributes:
        user_ids: string (n,).
        item_ids: string (items,), the catalogue.
        start: moment of the candidates, UTC.
        end: end of the purchases, UTC.
        items: features of the catalogue.
        queries: query vectors and histories of the users.
        keep: candidates of all sources.
        drop: the same without the items that each user had bought before.
        bought: n lists, the items that each user bought in the week.
        new: n lists, those of them that the user had never bought before.
        neighbours: the users to whom the n users are compared.
    """

    user_ids: pa.Array
    item_ids: pa.Array
    start: datetime
    end: datetime
    items: pa.Table
    queries: Queries
    keep: Pool
    drop: Pool
    bought: ItemLists
    new: ItemLists
    neighbours: UserNeighbours


def validation_week(store: FeatureStore, trained: TrainedTowers, *, seed: int) -> tuple[RankerWeek, SourceSet]:
    """Retrieve for users of the validation window with towers that are trained on the days before it.

    Args:
        store: an applied feature store.
        trained: the towers as validated.
        seed: of the draw of users, if there are many.

    Returns:
        The week, and the sources as of its start.
    """
    return _retrieve(store, trained.towers, trained.validation, trained.purchases.split.as_of, seed)


def earlier_weeks(store: FeatureStore, trained: TrainedTowers, config: Config, *, seed: int) -> list[RankerWeek]:
    """Retrieve for users of the weeks before the validation window.

    The validated towers are trained on these weeks, so those of the first stage retrieve, which are trained on the days
    before the first of them.

    Args:
        store: an applied feature store.
        trained: with the checkpoint of the first stage.
        config: settings of the towers.
        seed: of the draw of users, if there are many.

    Returns:
        The earlier weeks of the training's stages, in order of time; empty if there are none.
    """
    if trained.first_stage is None:
        return []
    towers, weeks = Towers.from_checkpoint(trained.first_stage, config), []
    schemas = TowerSchemas(towers.query.schema, towers.item.schema)
    for split in trained.stages.earlier_weeks:
        tower_window = trained.first_week
        if split.cut != tower_window.window.start:
            window = EvaluationWindow.of(store, trained.purchases.with_split(split))
            tower_window = TowerWindow.read(store, schemas, window)
        weeks.append(_retrieve(store, towers, tower_window, split.as_of, seed)[0])
    return weeks


def _retrieve(
    store: FeatureStore, towers: Towers, tower_window: TowerWindow, end: datetime, seed: int
) -> tuple[RankerWeek, SourceSet]:
    window = tower_window.window
    users = np.arange(window.validation.users)
    if len(users) > _MOST_USERS:
        users = np.sort(np.random.default_rng(seed).permutation(users)[:_MOST_USERS])
    queries = tower_window.read_queries(store, towers, users)
    vectors = tower_window.item_vectors(towers)
    items = read_items(store, window.item_ids, window.start)
    sources, _ = build_sources(items, window.past_purchases, window.item_ids, vectors, window.start)
    week = RankerWeek(
        user_ids=window.user_ids.take(pa.array(users)),
        item_ids=window.item_ids,
        start=window.start,
        end=end,
        items=items,
        queries=queries,
        keep=sources.retrieve_pool(queries, DEPTH),
        drop=sources.retrieve_pool(queries, DEPTH, queries.histories.bought),
        bought=window.validation.relevant.take(users),
        new=window.validation.new_relevant.take(users),
        neighbours=UserNeighbours.fit(window.past_purchases, datetime64(window.start), len(window.item_ids)),
    )
    return week, sources

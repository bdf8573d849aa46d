"""The week after a cut, and everything that is judged by it: the same users and catalogue for all."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from feast import FeatureStore
from numpy.typing import NDArray

from evaluation.lists import Lists
from evaluation.validation_week import ValidationWeek
from features.catalogue import catalogue_ids, features_at
from features.purchases import write_purchases
from features.schema import USER_ID
from features.time_split import TimeSplit
from filters.barred import Barred
from jobs.sourcing import purchases_before, queries_at
from models.training import Towers
from retrieval.fusion import Fused, Fusion
from retrieval.item_index import ItemIndex
from retrieval.item_lists import ItemLists
from retrieval.masks import Cap
from retrieval.purchase_codes import PurchaseCodes
from retrieval.retriever import Retriever
from retrieval.sources import DEPTH, USERS_PER_BLOCK, Queries, Sources


@dataclass(frozen=True)
class TestWeek:
    """What is asked, of whom, and what is known by then.

    Attributes:
        week: users who had bought before the cut, and what they buy in the seven days after it.
        user_ids: string (users,).
        item_ids: string (items,), the catalogue as of the cut.
        user_codes: int32 (users,), their numbers among the purchases.
        past: everybody's purchases before the cut.
        cold: what each of the others bought, who buy in that week and never had before.
    """

    week: ValidationWeek
    user_ids: pa.Array
    item_ids: pa.Array
    user_codes: NDArray[np.int32]
    past: PurchaseCodes
    cold: ItemLists

    @classmethod
    def after(cls, store: FeatureStore, split: TimeSplit, folder: Path) -> "TestWeek":
        """Read the week after a release's moment.

        Args:
            store: an applied feature store.
            split: of the release.
            folder: an empty folder.

        Raises:
            InputError: nobody who buys in that week had bought before.
        """
        cut = split.as_of
        purchases = write_purchases(store, TimeSplit(None, cut, cut + timedelta(days=7)), folder)
        users, items = purchases.returning_users(), catalogue_ids(store, cut)
        if len(users) == 0:
            raise purchases.nothing_left("the week that judges")
        after = purchases.after_cut()
        week = ValidationWeek.of(users, items, purchases.history(users), after, cut)
        others = pc.unique(after[USER_ID].filter(pc.invert(pc.is_in(after[USER_ID], users))))
        cold = ValidationWeek.of(others, items, after.slice(0, 0), after, cut).relevant  # they have no history
        return cls(week, users, items, purchases.codes_of(users), purchases_before(purchases, items, cut), cold)

    def queries(self, store: FeatureStore, towers: Towers, split: TimeSplit) -> Queries:
        """What two towers ask for these users, as of the cut."""
        vectors = towers.query_vectors(features_at(store, towers.query.schema, self.user_ids, split.as_of))
        return queries_at(store, self.user_ids, self.week.item_ids, vectors, split.as_of)

    def item_vectors(self, store: FeatureStore, towers: Towers, split: TimeSplit) -> NDArray[np.float32]:
        """The catalogue's vectors as of the cut, float32 (items, dimensions)."""
        return towers.item_vectors(features_at(store, towers.item.schema, self.item_ids, split.as_of))


def two_tower_lists(name: str, queries: Queries, index: ItemIndex) -> Lists:
    """What two towers list by themselves."""
    every, _ = index.search(queries.anything, DEPTH)
    fresh, _ = index.search(queries.something_new, DEPTH, queries.histories.bought)
    return Lists(name, every, fresh)


def fused(
    queries: Queries, sources: Sources, fusion: Fusion, barred: Barred, cap: Cap | None = None, k: int = DEPTH
) -> Fused:
    """What all sources list together for users with a history, k each, without what is barred for them."""
    parts, retriever = [], Retriever(sources, fusion, k)
    for start, block in zip(range(0, len(queries), USERS_PER_BLOCK), queries.blocks(USERS_PER_BLOCK), strict=True):
        pairs = None if barred.pairs is None else barred.pairs.slice(start, start + len(block))
        parts.append(retriever.fused(block, pairs, eligible=barred.eligible, cap=cap))
    return Fused.together(parts)

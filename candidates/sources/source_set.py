"""The candidate sources of a release, and what they need of a request."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from candidates.compiled import compiled
from candidates.histories import Histories
from candidates.index import ItemIndex
from candidates.item_lists import ItemLists
from candidates.parallel import map_in_threads
from candidates.pool import Pool
from candidates.scored_items import ScoredItems
from candidates.search_engine import SearchEngine
from candidates.sources.garment_groups import GarmentGroupPopularity
from candidates.sources.item_knn import ItemKnn
from candidates.sources.own_purchases import (
    repurchase_scores,
    top_by_frequency,
    top_by_recency,
    top_by_repurchase_rate,
)
from candidates.sources.popularity import PopularityList
from candidates.topk import TopK

TWO_TOWER: Final = "two_tower"
TWO_TOWER_NEW: Final = "two_tower_new"
BOUGHT_OFTEN: Final = "bought_often"
BOUGHT_LATELY: Final = "bought_lately"
BOUGHT_AGAIN: Final = "bought_again"
POPULARITY: Final = "popularity"
GARMENT_GROUP_POPULARITY: Final = "garment_group_popularity"
ITEM_TO_ITEM: Final = "item_to_item"
ITEM_TO_ITEM_SELLING: Final = "item_to_item_selling"
SOURCES: Final = (
    TWO_TOWER, TWO_TOWER_NEW, BOUGHT_OFTEN, BOUGHT_LATELY, BOUGHT_AGAIN, POPULARITY, GARMENT_GROUP_POPULARITY,
    ITEM_TO_ITEM, ITEM_TO_ITEM_SELLING,
)  # fmt: skip

DEPTH: Final = 300
USERS_PER_BLOCK: Final = 500
_NEVER_BOUGHT_DAYS = 10_000.0  # stands for the days since a purchase that never happened
_SIMILARITY_OFFSET = 0.01  # keeps the log of a similarity of 0 finite, and close to that of a negligible one

_Result = TypeVar("_Result")


@dataclass(frozen=True, eq=False)
class Queries:
    """Query vectors and histories of n users.

    Attributes:
        vectors: float32 (n, dimensions), query vectors for any item.
        new_item_vectors: float32 (n, content dimensions), query vectors for items that the user has not bought; their
            score of an item is the inner product with the first dimensions of the item vector.
        histories: of n users.
    """

    vectors: NDArray[np.float32]
    new_item_vectors: NDArray[np.float32]
    histories: Histories

    def __len__(self) -> int:
        """Return the number of users, n."""
        return len(self.vectors)

    def slice(self, start: int, stop: int) -> "Queries":
        """Return the queries of users start to stop - 1."""
        histories = self.histories.slice(start, stop)
        return Queries(self.vectors[start:stop], self.new_item_vectors[start:stop], histories)


def map_blocks(
    function: Callable[[Queries, ItemLists | None], _Result], queries: Queries, excluded: ItemLists | None
) -> list[_Result]:
    """Call a function with blocks of n users and their excluded items, in threads; return its results in order.

    Without users it is called once, with an empty block.
    """

    def call(start: int) -> _Result:
        stop = min(start + USERS_PER_BLOCK, len(queries))
        return function(queries.slice(start, stop), None if excluded is None else excluded.slice(start, stop))

    return [*map_in_threads(call, range(0, max(len(queries), 1), USERS_PER_BLOCK))]


@dataclass(frozen=True, eq=False)
class SourceSet:
    """All candidate sources as of one moment, over the same items.

    Attributes:
        index: the item vectors, which score any item.
        popularity: by sales of the last week.
        garment_groups: popularity within the garment groups in which a user buys.
        item_knn: nearest neighbours of each item.
        repurchase_rates: float32 (items,), repeat purchases of each item in 28 days per user who ever bought it.
        sales: float32 (items,), units sold in the last 28 days, the item weights of `ITEM_TO_ITEM_SELLING`.
        engine: lists the items of the two towers, for the vectors of the index; None for the index, which is exact.
    """

    index: ItemIndex
    popularity: PopularityList
    garment_groups: GarmentGroupPopularity
    item_knn: ItemKnn
    repurchase_rates: NDArray[np.float32]
    sales: NDArray[np.float32]
    engine: SearchEngine | None = None

    def retrieve(
        self,
        queries: Queries,
        depth: int,
        excluded: ItemLists | None = None,
        *,
        eligible: NDArray[np.bool_] | None = None,
    ) -> "SourceLists":
        """Retrieve the list of each source, `depth` long.

        The two towers list nothing for users without a history; only the popularity sources do.

        Args:
            queries: of n users.
            depth: the length of the lists.
            excluded: n lists of positions that must not be returned for their user; removed before the cut.
            eligible: bool (items,), False where an item must not be returned for any user; removed before the cut.
        """
        histories, mask = queries.histories, {"eligible": eligible}
        new_only = histories.bought if excluded is None else histories.bought.union(excluded)
        engine = self.index if self.engine is None else self.engine
        any_item = engine.search(queries.vectors, depth, excluded, **mask)
        new_item = engine.search(queries.new_item_vectors, depth, new_only, **mask)
        similar = self.item_knn.score(histories)
        selling = self._selling if eligible is None else self._selling & eligible
        return SourceLists(
            {
                TWO_TOWER: _clear_rows(any_item, histories.empty),
                TWO_TOWER_NEW: _clear_rows(new_item, histories.empty),
                BOUGHT_OFTEN: top_by_frequency(histories, depth, excluded, **mask),
                BOUGHT_LATELY: top_by_recency(histories, depth, excluded, **mask),
                BOUGHT_AGAIN: top_by_repurchase_rate(histories, self.repurchase_rates, depth, excluded, **mask),
                POPULARITY: self.popularity.top(len(queries), depth, excluded, **mask),
                GARMENT_GROUP_POPULARITY: self.garment_groups.top(histories, depth, excluded, **mask),
                ITEM_TO_ITEM: similar.top(depth, excluded, **mask),
                ITEM_TO_ITEM_SELLING: similar.weighted(self._sales_weights).top(depth, excluded, eligible=selling),
            },
            similar,
        )

    @cached_property
    def _sales_weights(self) -> NDArray[np.float32]:
        """Weights of neighbours, float32 (items,)."""
        return np.log1p(self.sales)

    @cached_property
    def _selling(self) -> NDArray[np.bool_]:
        """Items with sales, bool (items,)."""
        return self.sales > 0

    def retrieve_pool(self, queries: Queries, depth: int, excluded: ItemLists | None = None) -> Pool:
        """Return the scored pool of the lists of all sources, computed in blocks; arguments as for `retrieve`."""

        def retrieve(block: Queries, excluded: ItemLists | None) -> Pool:
            retrieved = self.retrieve(block, depth, excluded)
            return self.score_pool(Pool.from_lists(retrieved.lists), block, retrieved.similar)

        return Pool.concat(map_blocks(retrieve, queries, excluded))

    def score_pool(self, pool: Pool, queries: Queries, similar: ScoredItems) -> Pool:
        """Return the pool with scores of all candidates by the sources that can score any item.

        The scores of the two towers are the log softmax over the user's candidates. Longer training yields larger
        inner products, whose scale means nothing to blender weights that were fitted with other towers.

        Args:
            pool: of n users.
            queries: of the n users.
            similar: scores of the items similar to those of the n histories.
        """
        positions = pool.positions
        counts, days = queries.histories.look_up(pool.rows, positions)
        products = [
            self.index.score_pairs(vectors, pool.offsets, positions)
            for vectors in (queries.vectors, queries.new_item_vectors)
        ]
        rates = self.repurchase_rates[positions]
        return pool.with_scores(
            {
                TWO_TOWER: _log_shares(pool.offsets, products[0]),
                TWO_TOWER_NEW: _log_shares(pool.offsets, products[1]),
                BOUGHT_OFTEN: np.log1p(counts),
                BOUGHT_LATELY: -np.log1p(np.where(counts > 0, days, np.float32(_NEVER_BOUGHT_DAYS))),
                BOUGHT_AGAIN: np.where(counts > 0, repurchase_scores(rates), np.float32(0)),
                POPULARITY: np.log1p(self.popularity.scores_by_position[positions]),
                ITEM_TO_ITEM: np.log(similar.look_up(pool.offsets, positions) + _SIMILARITY_OFFSET),
            }
        )


@dataclass(frozen=True, eq=False)
class SourceLists:
    """What all sources retrieve for n users.

    Attributes:
        lists: by source, positions and scores (n, depth).
        similar: scores of the items similar to those of the histories, of which two of the lists are made.
    """

    lists: dict[str, TopK]
    similar: ScoredItems


def _clear_rows(top: TopK, rows: NDArray[np.bool_]) -> TopK:
    """Return the lists with those of some users empty."""
    positions, scores = top
    return np.where(rows[:, None], np.int32(-1), positions), np.where(rows[:, None], np.float32(-np.inf), scores)


def _log_shares(offsets: NDArray[np.int64], scores: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the log softmax over the scores of each user, float32 (pairs,)."""
    shares = np.empty(len(scores), np.float32)
    _write_log_shares(offsets, scores, shares)
    return shares


@compiled
def _write_log_shares(offsets: NDArray[np.int64], scores: NDArray[np.float32], shares: NDArray[np.float32]) -> None:
    for row in range(len(offsets) - 1):
        start, stop = offsets[row], offsets[row + 1]
        highest = -np.inf
        for pair in range(start, stop):
            highest = max(highest, np.float64(scores[pair]))
        total = 0.0
        for pair in range(start, stop):
            total += np.exp(scores[pair] - highest)
        for pair in range(start, stop):
            shares[pair] = scores[pair] - highest - np.log(total)

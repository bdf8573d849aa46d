"""The sources of candidates: each proposes its own, and says what it can of the others'."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from candidates.histories import Histories
from candidates.index import ItemIndex
from candidates.item_lists import ItemLists, TopK
from candidates.pool import Pool
from candidates.sources.garment_groups import GarmentGroupPopularity
from candidates.sources.item_knn import ItemKnn
from candidates.sources.own_purchases import repurchase_scores, top_by_frequency, top_by_recency, top_by_repurchase_rate
from candidates.sources.popularity import PopularityList

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
USERS_PER_BLOCK: Final = 1_000
_LONG_AGO = 10_000.0  # days; what was never bought was bought longer ago than anything
_HARDLY_NEAR = 0.01  # beside this, similarities of nothing in common and of next to nothing are the same


@dataclass(frozen=True, eq=False)
class Queries:
    """What is asked for n users.

    Attributes:
        vectors: float32 (n, dimensions), query vectors for any item.
        new_item_vectors: float32 (n, dimensions), query vectors for items that the user has not bought.
        histories: n.
    """

    vectors: NDArray[np.float32]
    new_item_vectors: NDArray[np.float32]
    histories: Histories

    def __len__(self) -> int:
        """How many users are asked for."""
        return len(self.vectors)

    def blocks(self, size: int) -> Iterator["Queries"]:
        """The queries of so many users at a time."""
        for start in range(0, len(self), size):
            part = slice(start, start + size)
            histories = self.histories.slice(start, min(start + size, len(self)))
            yield Queries(self.vectors[part], self.new_item_vectors[part], histories)


@dataclass(frozen=True, eq=False)
class SourceSet:
    """Everything that proposes candidates, as of one moment, over one catalogue.

    Attributes:
        index: the item vectors.
        popularity: by sales of the last week.
        garment_groups: popularity within the garment groups in which a user buys.
        item_knn: items bought by the same people.
        repurchase_rates: float32 (items,), how many of those who have an item buy it again in 28 days.
        sales: float32 (items,), units sold in the last 28 days, by which neighbours are weighed.
    """

    index: ItemIndex
    popularity: PopularityList
    garment_groups: GarmentGroupPopularity
    item_knn: ItemKnn
    repurchase_rates: NDArray[np.float32]
    sales: NDArray[np.float32]

    def retrieve(
        self,
        queries: Queries,
        depth: int,
        excluded: ItemLists | None = None,
        *,
        eligible: NDArray[np.bool_] | None = None,
    ) -> dict[str, TopK]:
        """Each source's own list, positions and scores (n, depth); users without history have popularity only.

        Args:
            queries: what is asked.
            depth: the length of the lists.
            excluded: n lists of what must not be listed, taken out before the cut.
            eligible: bool (items,), False for what must not be listed for anybody, taken out before the cut.
        """
        histories, bought, mask = queries.histories, queries.histories.bought, {"eligible": eligible}
        exclusions = bought if excluded is None else bought.union(excluded)
        nobody = np.diff(histories.offsets) == 0
        weights = np.log1p(self.sales)
        return {
            TWO_TOWER: _without(nobody, self.index.search(queries.vectors, depth, excluded, **mask)),
            TWO_TOWER_NEW: _without(nobody, self.index.search(queries.new_item_vectors, depth, exclusions, **mask)),
            BOUGHT_OFTEN: top_by_frequency(histories, depth, excluded, **mask),
            BOUGHT_LATELY: top_by_recency(histories, depth, excluded, **mask),
            BOUGHT_AGAIN: top_by_repurchase_rate(histories, self.repurchase_rates, depth, excluded, **mask),
            POPULARITY: self.popularity.top(len(queries), depth, excluded, **mask),
            GARMENT_GROUP_POPULARITY: self.garment_groups.top(histories, depth, excluded, **mask),
            ITEM_TO_ITEM: self.item_knn.top(histories, depth, None, excluded, **mask),
            ITEM_TO_ITEM_SELLING: self.item_knn.top(histories, depth, weights, excluded, **mask),
        }

    def retrieve_pool(self, queries: Queries, depth: int, excluded: ItemLists | None = None) -> Pool:
        """What all sources propose, with the scores of those that can score any candidate; arguments as above."""
        return self.score_pool(Pool.from_lists(self.retrieve(queries, depth, excluded)), queries)

    def score_pool(self, pool: Pool, queries: Queries) -> Pool:
        """The pool of these queries, with the scores of those sources that can score any candidate.

        Those of the two towers are log shares: the logarithm of the softmax over the user's candidates. Towers that
        have learned longer give larger products, whose height means nothing to weights learned from others.
        """
        rows, positions = pool.rows, pool.positions
        counts, days = queries.histories.look_up(rows, positions)
        vectors = self.index.vectors
        return pool.with_scores(
            {
                TWO_TOWER: _log_shares(_products(queries.vectors, vectors, rows, positions), rows),
                TWO_TOWER_NEW: _log_shares(_products(queries.new_item_vectors, vectors, rows, positions), rows),
                BOUGHT_OFTEN: np.log1p(counts),
                BOUGHT_LATELY: -np.log1p(np.where(counts > 0, days, np.float32(_LONG_AGO))),
                BOUGHT_AGAIN: np.where(counts > 0, repurchase_scores(self.repurchase_rates[positions]), np.float32(0)),
                POPULARITY: np.log1p(self.popularity.scores_by_position[positions]),
                ITEM_TO_ITEM: np.log(self.item_knn.score_pairs(queries.histories, rows, positions) + _HARDLY_NEAR),
            }
        )


def _without(rows: NDArray[np.bool_], ranked: TopK) -> TopK:
    """Empty the lists of some users."""
    positions, scores = ranked
    return np.where(rows[:, None], np.int32(-1), positions), np.where(rows[:, None], np.float32(-np.inf), scores)


def _log_shares(scores: NDArray[np.float32], rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """Log softmax within each row, float32 (pairs,); rows ascend."""
    if len(rows) == 0:
        return scores
    starts = np.flatnonzero(np.diff(rows, prepend=-1))
    sizes = np.diff(starts, append=len(rows))
    below = scores.astype(np.float64) - np.repeat(np.maximum.reduceat(scores, starts), sizes)
    totals = np.add.reduceat(np.exp(below), starts)
    return np.asarray(below - np.log(np.repeat(totals, sizes)), np.float32)


def _products(
    queries: NDArray[np.float32],
    items: NDArray[np.float32],
    rows: NDArray[np.int64],
    positions: NDArray[np.int32],
) -> NDArray[np.float32]:
    """The dot product of each pair, float32 (pairs,), in blocks that fit into the cache."""
    scores = np.empty(len(rows), np.float32)
    for start in range(0, len(rows), 2**16):
        part = slice(start, start + 2**16)
        scores[part] = np.einsum("pd,pd->p", queries[rows[part]], items[positions[part]])
    return scores

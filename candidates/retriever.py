"""From query vectors and histories to fused lists: every source, filtered before the cut, and their fusion."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from candidates.blender import BlendedLists, Blender
from candidates.deepening import deepened
from candidates.item_lists import ItemLists, Ranked
from candidates.masks import Cap
from candidates.over_fetching import over_fetched
from candidates.pool import Pool
from candidates.sources.source_set import DEPTH, POPULARITY, Queries, SourceSet


@dataclass(frozen=True, eq=False)
class Retriever:
    """What one release needs to retrieve.

    Attributes:
        sources: what proposes candidates.
        blender: how they are put together.
        k: candidates for each user; fewer only if fewer items may be shown.
    """

    sources: SourceSet
    blender: Blender
    k: int

    def blended(
        self,
        queries: Queries,
        excluded: ItemLists | None = None,
        *,
        eligible: NDArray[np.bool_] | None = None,
        cap: Cap | None = None,
    ) -> BlendedLists:
        """Return the fused lists of n users.

        All masks hold for every source and for the bestsellers, before any cut.

        Args:
            queries: n; without a history a user gets what sells, with units sold as score.
            excluded: n lists of positions that their user must not be shown.
            eligible: bool (items,), False where an item must not be shown to anybody.
            cap: what a list may hold.
        """
        pool = Pool.of(self.sources.lists(queries, max(DEPTH, self.k), excluded, eligible=eligible))
        if cap is not None:
            pool = deepened(pool, self.sources.index, queries, self.k, cap, excluded, eligible=eligible)
        blended = self.blender.blend(self.sources.scored(pool, queries), self.k, cap)
        nobody = np.flatnonzero(np.diff(queries.histories.offsets) == 0)
        self._write_bestsellers(blended, nobody, excluded, eligible, cap)
        return blended

    def _write_bestsellers(
        self,
        blended: BlendedLists,
        users: NDArray[np.intp],
        excluded: ItemLists | None,
        eligible: NDArray[np.bool_] | None,
        cap: Cap | None,
    ) -> None:
        """Give some users the bestsellers: nothing else speaks for them, and the weights were learned from others."""

        def search(some: NDArray[np.intp], depth: int) -> Ranked:
            exclusions = None if excluded is None else excluded.take(users[some])
            return self.sources.popularity.top(len(some), depth, exclusions, eligible=eligible)

        if cap is None:
            positions, scores = search(np.arange(len(users)), self.k)
        else:
            possible = cap.possible(len(blended.positions), excluded, eligible)[users]
            positions, scores = over_fetched(search, len(users), self.k, cap.stands, possible)
        blended.positions[users], blended.scores[users], blended.ranks[users], blended.source_scores[users] = (
            -1,
            -np.inf,
            0,
            0,
        )
        rows, places = np.nonzero(positions >= 0)
        listed, column = users[rows], blended.sources.index(POPULARITY)
        blended.positions[listed, places] = positions[rows, places]
        blended.scores[listed, places] = scores[rows, places]
        blended.ranks[listed, places, column] = places + 1
        blended.source_scores[listed, places, column] = scores[rows, places]

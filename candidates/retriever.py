"""From query vectors and histories to fused lists: every source, filtered before the cut, and their fusion."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from candidates.blender import BlendedLists, Blender
from candidates.index import ItemIndex
from candidates.item_lists import ItemLists, TopK
from candidates.over_fetching import Cap, over_fetch, search_deeper
from candidates.pool import Pool
from candidates.sources.source_set import DEPTH, POPULARITY, TWO_TOWER, Queries, SourceSet


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

    def retrieve(
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
        pool = Pool.from_lists(self.sources.retrieve(queries, max(DEPTH, self.k), excluded, eligible=eligible))
        if cap is not None:
            pool = deepen_pool(pool, self.sources.index, queries, self.k, cap, excluded, eligible=eligible)
        blended = self.blender.blend(self.sources.score_pool(pool, queries), self.k, cap)
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

        def search(some: NDArray[np.intp], depth: int) -> TopK:
            exclusions = None if excluded is None else excluded.take(users[some])
            return self.sources.popularity.top(len(some), depth, exclusions, eligible=eligible)

        if cap is None:
            positions, scores = search(np.arange(len(users)), self.k)
        else:
            possible = cap.max_lengths(len(blended.positions), excluded, eligible)[users]
            positions, scores = over_fetch(search, len(users), self.k, cap.keep_mask, possible)
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


def deepen_pool(
    pool: Pool,
    index: ItemIndex,
    queries: Queries,
    k: int,
    cap: Cap,
    excluded: ItemLists | None = None,
    *,
    eligible: NDArray[np.bool_] | None = None,
) -> Pool:
    """Return the pool with more of the two towers' list, for those of whose candidates the cap would leave too few.

    The towers' search is exact and can list the whole catalogue. Their k best that stand under the cap are enough: a
    cap leaves at least as many of these together with others, in whatever order. Sources that are short for one user
    cost the others nothing.

    Args:
        pool: what all sources propose to n users under the masks.
        index: the item vectors.
        queries: n. Users without a history get nothing more: the towers do not speak for them.
        k: candidates wanted for each user, at least 1.
        cap: what a list may hold.
        excluded: n lists of positions that must not be returned for their user.
        eligible: bool (items,), False where an item must not be returned for anybody.
    """
    standing = np.bincount(pool.rows[cap.keep_mask(pool.rows, pool.positions)], minlength=len(queries))
    possible = cap.max_lengths(len(queries), excluded, eligible)
    known = np.diff(queries.histories.offsets) > 0
    short = np.flatnonzero(known & (standing < np.minimum(k, possible)))

    def search(users: NDArray[np.intp], depth: int) -> TopK:
        asked = short[users]
        exclusions = None if excluded is None else excluded.take(asked)
        return index.search(queries.vectors[asked], depth, exclusions, eligible=eligible)

    rows, ranks, positions, scores = search_deeper(search, len(short), k, cap.keep_mask, possible[short])
    return pool.with_candidates(TWO_TOWER, short[rows], positions, ranks, scores)

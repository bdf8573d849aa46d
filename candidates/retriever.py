"""Retrieval: from query vectors and histories to blended lists, with all masks applied before any cut."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from candidates.blender import BlendedLists, Blender
from candidates.index import ItemIndex
from candidates.item_lists import ItemLists
from candidates.over_fetching import Cap, over_fetch, search_deeper
from candidates.pool import Pool
from candidates.sources.source_set import DEPTH, POPULARITY, TWO_TOWER, Queries, SourceSet
from candidates.topk import TopK


@dataclass(frozen=True, eq=False)
class Retriever:
    """The retrieval stage of one release.

    Attributes:
        sources: the candidate sources.
        blender: merges their lists.
        k: candidates for each user; a list is shorter only if fewer items are eligible.
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
        """Return the blended lists of n users.

        The masks apply to every source and to the list of cold users, before any cut.

        Args:
            queries: of n users. A user without a history gets the popularity list, with units sold as score.
            excluded: n lists of positions that must not be returned for their user.
            eligible: bool (items,), False where an item must not be returned for any user.
            cap: a limit on what one list may hold.
        """
        retrieved = self.sources.retrieve(queries, max(DEPTH, self.k), excluded, eligible=eligible)
        pool = Pool.from_lists(retrieved.lists)
        if cap is not None:
            pool = deepen_pool(pool, self.sources.index, queries, self.k, cap, excluded, eligible=eligible)
        blended = self.blender.blend(self.sources.score_pool(pool, queries, retrieved.similar), self.k, cap)
        cold = np.flatnonzero(queries.histories.empty)
        if len(cold):
            self._write_popular(blended, cold, excluded, eligible, cap)
        return blended

    def _write_popular(
        self,
        blended: BlendedLists,
        users: NDArray[np.intp],
        excluded: ItemLists | None,
        eligible: NDArray[np.bool_] | None,
        cap: Cap | None,
    ) -> None:
        """Overwrite the lists of cold users with the popularity list: the blender was fitted on other users."""

        def search(selected: NDArray[np.intp], depth: int) -> TopK:
            exclusions = None if excluded is None else excluded.take(users[selected])
            return self.sources.popularity.top(len(selected), depth, exclusions, eligible=eligible)

        if cap is None:
            positions, scores = search(np.arange(len(users)), self.k)
        else:
            max_lengths = cap.max_lengths(len(blended.positions), excluded, eligible)[users]
            positions, scores = over_fetch(search, len(users), self.k, cap.keep_mask, max_lengths)
        blended.positions[users], blended.scores[users] = -1, -np.inf
        blended.ranks[users], blended.source_scores[users] = 0, 0
        rows, columns = np.nonzero(positions >= 0)
        cells, source = (users[rows], columns), blended.sources.index(POPULARITY)
        blended.positions[cells], blended.scores[cells] = positions[rows, columns], scores[rows, columns]
        blended.ranks[*cells, source], blended.source_scores[*cells, source] = columns + 1, scores[rows, columns]


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
    """Return the pool with more candidates of the two towers for users whom a cap would leave fewer than k.

    The search of the towers is exact and can list all items. Their k best items under the cap are enough: a cap leaves
    at least as many of these together with other candidates, in any order. Other users are not searched again.

    Args:
        pool: the candidates of all sources for n users, under the masks.
        index: the item vectors.
        queries: of n users. Users without a history get no more candidates, because the towers do not list for them.
        k: candidates wanted for each user, at least 1.
        cap: a limit on what one list may hold.
        excluded: n lists of positions that must not be returned for their user.
        eligible: bool (items,), False where an item must not be returned for any user.
    """
    kept = np.bincount(pool.rows[cap.keep_mask(pool.rows, pool.positions)], minlength=len(queries))
    max_lengths = cap.max_lengths(len(queries), excluded, eligible)
    short = np.flatnonzero(~queries.histories.empty & (kept < np.minimum(k, max_lengths)))

    def search(selected: NDArray[np.intp], depth: int) -> TopK:
        users = short[selected]
        exclusions = None if excluded is None else excluded.take(users)
        return index.search(queries.vectors[users], depth, exclusions, eligible=eligible)

    rows, ranks, positions, scores = search_deeper(search, len(short), k, cap.keep_mask, max_lengths[short])
    return pool.with_candidates(TWO_TOWER, short[rows], positions, ranks, scores)

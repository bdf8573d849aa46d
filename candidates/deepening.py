"""A pool from which a cap on lists still leaves k for each user."""

import numpy as np
from numpy.typing import NDArray

from candidates.index import ItemIndex
from candidates.item_lists import ItemLists, Ranked
from candidates.masks import Cap
from candidates.over_fetching import found_deep
from candidates.pool import Pool
from candidates.sources.source_set import TWO_TOWER, Queries


def deepened(
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
    standing = np.bincount(pool.rows[cap.stands(pool.rows, pool.positions)], minlength=len(queries))
    possible = cap.possible(len(queries), excluded, eligible)
    known = np.diff(queries.histories.offsets) > 0
    short = np.flatnonzero(known & (standing < np.minimum(k, possible)))

    def search(users: NDArray[np.intp], depth: int) -> Ranked:
        asked = short[users]
        exclusions = None if excluded is None else excluded.take(asked)
        return index.search(queries.anything[asked], depth, exclusions, eligible=eligible)

    rows, ranks, positions, scores = found_deep(search, len(short), k, cap.stands, possible[short])
    return pool.joined(TWO_TOWER, short[rows], positions, ranks, scores)

"""Over-fetching: lists that are filtered after the search are requested deeper until enough items remain."""

from collections.abc import Callable
from typing import Any, Final, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from candidates.item_lists import ItemLists
from candidates.topk import TopK, ranks_within_groups, top_k_of_sorted

Search: TypeAlias = Callable[[NDArray[np.intp], int], TopK]
"""Takes some of n users (m,) and a depth, returns their lists (m, width), best first. A list shorter than the depth,
padded with -1 or narrow, is complete."""

KeepMask: TypeAlias = Callable[[NDArray[np.integer[Any]], NDArray[np.int32]], NDArray[np.bool_]]
"""Takes pairs of user and item position, by user, best first, and returns which of them may stay, bool (pairs,)."""

Pairs: TypeAlias = tuple[NDArray[np.intp], NDArray[np.int32], NDArray[np.int32], NDArray[np.float32]]
"""Pairs by user, best first: users, ranks on the user's unfiltered list from 1, positions and scores."""

SLOTS_PER_SEARCH: Final = 2**23


class Cap(Protocol):
    """A limit on what one list may hold: whether an item may stay depends on the items above it."""

    def keep_mask(self, rows: NDArray[np.integer[Any]], positions: NDArray[np.integer[Any]]) -> NDArray[np.bool_]:
        """Return which pairs may stay, bool (pairs,).

        The number of items that stay must not depend on the order of a user's items, and must not fall if the user
        has more of them.

        Args:
            rows: (pairs,), the user of each pair.
            positions: (pairs,), positions in the item index, each user's in the order of the list, best first.
        """

    def max_lengths(self, n: int, excluded: ItemLists | None, eligible: NDArray[np.bool_] | None) -> NDArray[np.int64]:
        """Return the length of the longest list that each of n users can get under these masks, int64 (n,)."""


def over_fetch(
    search: Search, n: int, k: int, keep_mask: KeepMask, max_lengths: NDArray[np.integer[Any]] | None = None
) -> TopK:
    """Return the first k items of each user that pass a filter, doubling the depth for users who have fewer.

    Used for a search without masks, such as an approximate one, and for a `Cap`, which needs ordered lists. A search
    that applies masks before its cut does not need over-fetching.

    Args:
        search: returns lists without repeated items.
        n: the number of users.
        k: at least 1.
        keep_mask: the filter.
        max_lengths: (n,), how many items of a user can pass at all, if known; the search for a user stops there.

    Returns:
        Lists of width k, padded where the search has no more items.

    Raises:
        ValueError: k is below 1, or the search returns lists of other users.
    """
    rows, _, positions, scores = search_deeper(search, n, k, keep_mask, max_lengths)
    return top_k_of_sorted(rows, positions, scores, n, k)


def search_deeper(
    search: Search, n: int, k: int, keep_mask: KeepMask, max_lengths: NDArray[np.integer[Any]] | None = None
) -> Pairs:
    """Return the same items as `over_fetch` as pairs, with their ranks on the unfiltered lists."""
    if k < 1:
        raise ValueError(f"k must be at least 1, not {k}.")
    wanted = np.full(n, k) if max_lengths is None else np.minimum(k, max_lengths)
    found: list[Pairs] = []
    users, depth = np.flatnonzero(wanted > 0), k
    while len(users):
        block = max(1, SLOTS_PER_SEARCH // depth)
        short: list[NDArray[np.intp]] = []
        for start in range(0, len(users), block):
            requested = users[start : start + block]
            (rows, ranks, positions, scores), complete = _search_at_depth(search, requested, depth)
            kept = keep_mask(rows, positions)
            rows, ranks, positions, scores = rows[kept], ranks[kept], positions[kept], scores[kept]
            lacking = ~complete & (np.bincount(rows, minlength=n)[requested] < wanted[requested])
            done = ~np.isin(rows, requested[lacking]) & (ranks_within_groups(rows) < k)
            found.append((rows[done], ranks[done], positions[done], scores[done]))
            short.append(requested[lacking])
        users, depth = np.concatenate(short), 2 * depth
    return _concat_by_user(found)


def _search_at_depth(search: Search, users: NDArray[np.intp], depth: int) -> tuple[Pairs, NDArray[np.bool_]]:
    """Return the lists of one search as pairs, and which users have no more items, bool (users,)."""
    positions, scores = search(users, depth)
    if len(positions) != len(users) or positions.shape != scores.shape:
        raise ValueError(f"Of {len(users)} users the search returned lists of {positions.shape} and {scores.shape}.")
    listed = positions >= 0
    rows, columns = np.nonzero(listed)
    pairs = users[rows], (columns + 1).astype(np.int32), positions[listed], scores[listed]
    return pairs, listed.sum(axis=1) < depth


def _concat_by_user(found: list[Pairs]) -> Pairs:
    if not found:
        return np.empty(0, np.intp), np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0, np.float32)
    rows, ranks, positions, scores = (np.concatenate(column) for column in zip(*found, strict=True))
    order = np.argsort(rows, kind="stable")
    return rows[order], ranks[order], positions[order], scores[order]

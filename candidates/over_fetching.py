"""Lists that are filtered after the search: asked deeper and deeper, until filtering leaves as many as were wanted."""

from collections.abc import Callable
from typing import Any, Final, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from candidates.item_lists import ItemLists, TopK
from candidates.topk import top_k_of_sorted

Search: TypeAlias = Callable[[NDArray[np.intp], int], TopK]
"""Given some of n users (m,) and a depth: their lists (m, width), the best first. A list that comes shorter than asked,
padded with -1 or narrow, has no more."""

Allowed: TypeAlias = Callable[[NDArray[np.integer[Any]], NDArray[np.int32]], NDArray[np.bool_]]
"""Given pairs of user and item position, by user, the best first: which of them may stay, (pairs,) bool."""

Found: TypeAlias = tuple[NDArray[np.intp], NDArray[np.int32], NDArray[np.int32], NDArray[np.float32]]
"""Pairs by user, the best first: users, places on the user's unfiltered list from 1, positions and scores."""

PLACES_PER_SEARCH: Final = 2**23


class Cap(Protocol):
    """A rule on what a list may hold, of which each item can only be judged by what stands above it."""

    def keep_mask(self, rows: NDArray[np.integer[Any]], positions: NDArray[np.integer[Any]]) -> NDArray[np.bool_]:
        """Tell which pairs may stay, (pairs,) bool.

        How many stay must not depend on the order in which a user's items stand, and must not fall if he has more.

        Args:
            rows: (pairs,) the user of each pair.
            positions: (pairs,) positions in the item index, each user's in the order of his list, the best first.
        """

    def max_lengths(self, n: int, excluded: ItemLists | None, eligible: NDArray[np.bool_] | None) -> NDArray[np.int64]:
        """Return how many items the longest list of each of n users can hold under these masks, (n,) int64."""


def over_fetch(
    search: Search, n: int, k: int, allowed: Allowed, possible: NDArray[np.integer[Any]] | None = None
) -> TopK:
    """Return each user's first k items that are allowed, asking for lists of twice the length while some have fewer.

    For a search that takes no masks, as approximate ones do, and for a `Cap`, which only a list in order can be asked.
    A search that takes masks before it cuts needs none of this for them.

    Args:
        search: What makes the lists, of no item twice.
        n: The number of users.
        k: At least 1.
        allowed: The filter.
        possible: (n,) how many items of a user can be allowed at all, where that is known: a user who has them is not
            asked for any more.

    Returns:
        Positions (n, k) int32 and scores (n, k) float32, best first; where the search has no more, position -1 with
        score -inf.

    Raises:
        ValueError: k is below 1, or the search answers for other users than it was asked.
    """
    rows, _, positions, scores = search_deeper(search, n, k, allowed, possible)
    return top_k_of_sorted(rows, positions, scores, n, k)


def search_deeper(
    search: Search, n: int, k: int, allowed: Allowed, possible: NDArray[np.integer[Any]] | None = None
) -> Found:
    """Return the same as pairs, with the places where the items stand on the unfiltered lists."""
    if k < 1:
        raise ValueError(f"k must be at least 1, not {k}.")
    wanted = np.full(n, k) if possible is None else np.minimum(k, possible)
    found: list[Found] = []
    users, depth = np.flatnonzero(wanted > 0), k
    while len(users):
        block = max(1, PLACES_PER_SEARCH // depth)
        short: list[NDArray[np.intp]] = []
        for start in range(0, len(users), block):
            asked = users[start : start + block]
            rows, places, positions, scores, more = _at_depth(search, asked, depth)
            stays = allowed(rows, positions)
            rows, places, positions, scores = rows[stays], places[stays], positions[stays], scores[stays]
            lacking = more & (np.bincount(rows, minlength=n)[asked] < wanted[asked])
            ranks = np.arange(len(rows)) - np.searchsorted(rows, rows)
            done = ~np.isin(rows, asked[lacking]) & (ranks < k)
            found.append((rows[done], places[done], positions[done], scores[done]))
            short.append(asked[lacking])
        users, depth = np.concatenate(short), 2 * depth
    return _by_user(found)


def _at_depth(
    search: Search, users: NDArray[np.intp], depth: int
) -> tuple[NDArray[np.intp], NDArray[np.int32], NDArray[np.int32], NDArray[np.float32], NDArray[np.bool_]]:
    """Return one search as pairs, and who has more than was asked for, (users,) bool."""
    positions, scores = search(users, depth)
    if len(positions) != len(users) or positions.shape != scores.shape:
        raise ValueError(f"Of {len(users)} users the search returned lists of {positions.shape} and {scores.shape}.")
    listed = positions >= 0
    rows, places = np.nonzero(listed)
    more = listed.sum(axis=1) >= depth
    return users[rows], (places + 1).astype(np.int32), positions[listed], scores[listed], more


def _by_user(found: list[Found]) -> Found:
    if not found:
        return np.empty(0, np.intp), np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0, np.float32)
    rows, places, positions, scores = (np.concatenate(column) for column in zip(*found, strict=True))
    order = np.argsort(rows, kind="stable")
    return rows[order], places[order], positions[order], scores[order]

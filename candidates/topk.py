"""Top-k lists from scored items of several users."""

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from candidates.compiled import compiled
from candidates.item_lists import ItemLists

TopK: TypeAlias = tuple[NDArray[np.int32], NDArray[np.float32]]
"""Positions int32 (n, width) and scores float32 (n, width), best first; padding is position -1 with score -inf."""

_HIGH = np.uint64(32)
_LOW = np.uint64(0xFFFFFFFF)
_SIGN = np.uint32(0x80000000)
_ALL_ELIGIBLE = np.empty(0, np.bool_)


def top_k(
    offsets: NDArray[np.int64],
    positions: NDArray[np.int32],
    scores: NDArray[np.float32],
    k: int,
    excluded: ItemLists | None = None,
    eligible: NDArray[np.bool_] | None = None,
) -> TopK:
    """Return the k items with the largest scores of each user; ties are ordered and cut by position.

    Args:
        offsets: int64 (n + 1,); the items of user i are those from offsets[i] to offsets[i + 1] - 1.
        positions: int32 (m,), at least 0, no item twice for one user, in any order.
        scores: float32 (m,), not NaN.
        k: at least 1.
        excluded: n lists of positions that must not be returned for their user; removed before the cut.
        eligible: bool (items,), False where an item must not be returned for any user; removed before the cut.

    Returns:
        Lists of width k.
    """
    n = len(offsets) - 1
    exclusions = ItemLists.empty(n) if excluded is None else excluded
    allowed = _ALL_ELIGIBLE if eligible is None else eligible
    keys = np.zeros((n, k), np.uint64)
    _select(offsets, positions, scores, exclusions.offsets, exclusions.positions, allowed, keys)
    keys.sort(axis=1)  # by vector instructions: a tenth of the time that compiled code takes
    return _unpack(keys)


@compiled
def _select(
    offsets: NDArray[np.int64],
    positions: NDArray[np.int32],
    scores: NDArray[np.float32],
    excluded_offsets: NDArray[np.int64],
    excluded_positions: NDArray[np.int32],
    eligible: NDArray[np.bool_],
    best: NDArray[np.uint64],
) -> None:
    """Write the top k of each user, in any order.

    Score and position are packed into one integer, the key: larger keys are better, and no two are equal. No key is 0,
    which is padding: it would be NaN.
    """
    n, k = best.shape
    longest, highest = 0, -1
    for row in range(n):
        longest = max(longest, offsets[row + 1] - offsets[row])
    for position in excluded_positions:
        highest = max(highest, position)
    excluded_by = np.full(highest + 1, -1, np.int32)
    keys = np.empty(longest, np.uint64)
    for row in range(n):
        for entry in range(excluded_offsets[row], excluded_offsets[row + 1]):
            excluded_by[excluded_positions[entry]] = row
        count = 0
        for entry in range(offsets[row], offsets[row + 1]):
            position = positions[entry]
            if len(eligible) > 0 and not eligible[position]:
                continue
            if position <= highest and excluded_by[position] == row:
                continue
            bits = np.float32(scores[entry] + np.float32(0)).view(np.uint32)  # -0 becomes 0
            keys[count] = (np.uint64(_ordered(bits)) << _HIGH) | (_LOW - np.uint64(position))
            count += 1
        kept = min(k, count)
        if kept < count:
            _partition(keys, count, kept)
        for rank in range(kept):
            best[row, rank] = keys[rank]


@compiled
def _unpack(keys: NDArray[np.uint64]) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Return positions int32 (n, k) and scores float32 (n, k) from ascending keys."""
    n, k = keys.shape
    positions, scores = np.full((n, k), -1, np.int32), np.full((n, k), -np.inf, np.float32)
    for row in range(n):
        for rank in range(k):
            key = keys[row, k - 1 - rank]
            if key == 0:
                break
            scores[row, rank] = np.uint32(_bits(np.uint32(key >> _HIGH))).view(np.float32)
            positions[row, rank] = np.int64(_LOW - (key & _LOW))
    return positions, scores


@compiled
def _ordered(bits: np.uint32) -> np.uint32:
    """Return an integer for the bits of a float32, ordered as the numbers are."""
    return ~bits if bits & _SIGN else bits | _SIGN


@compiled
def _bits(ordered: np.uint32) -> np.uint32:
    """Return the bits of a float32 from the integer of `_ordered`."""
    return ordered & ~_SIGN if ordered & _SIGN else ~ordered


@compiled
def _partition(keys: NDArray[np.uint64], count: int, kept: int) -> None:
    """Move the `kept` largest of the first `count` keys to the front (Hoare's quickselect); keys are distinct."""
    low, high = 0, count - 1
    while low < high:
        first, middle, last = keys[low], keys[(low + high) // 2], keys[high]
        pivot = max(min(first, middle), min(max(first, middle), last))  # their median
        left, right = low, high
        while left <= right:
            while keys[left] > pivot:
                left += 1
            while keys[right] < pivot:
                right -= 1
            if left <= right:
                keys[left], keys[right] = keys[right], keys[left]
                left += 1
                right -= 1
        if kept <= right:
            high = right
        elif kept > left:
            low = left
        else:
            break


def top_k_of_sorted(
    rows: NDArray[np.integer[Any]], positions: NDArray[np.integer[Any]], scores: NDArray[np.float32], n: int, k: int
) -> TopK:
    """Return the first k pairs of each user, in the order given.

    Args:
        rows: (m,), the user of each pair, 0 to n - 1, ascending.
        positions: (m,), positions in the item index, no item twice for one user.
        scores: float32 (m,), in any order.
        n: the number of users.
        k: at least 1.

    Returns:
        Lists of width k.
    """
    ranks = ranks_within_groups(rows)
    listed = ranks < k
    cells = rows[listed], ranks[listed]
    ranked_positions = np.full((n, k), -1, np.int32)
    ranked_scores = np.full((n, k), -np.inf, np.float32)
    ranked_positions[cells], ranked_scores[cells] = positions[listed], scores[listed]
    return ranked_positions, ranked_scores


def first_k(rows: NDArray[np.integer[Any]], positions: NDArray[np.integer[Any]], n: int, k: int) -> NDArray[np.int32]:
    """Return the first k items of each user, int32 (n, k), padded with -1; arguments as for `top_k_of_sorted`."""
    first, _ = top_k_of_sorted(rows, positions, np.zeros(len(rows), np.float32), n, k)
    return first


def ranks_within_groups(groups: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
    """Return how many earlier elements belong to the same group, int64 (m,): 0 for the first of each group.

    Args:
        groups: (m,), the group of each element, in any order. Ascending groups need no sort.
    """
    if (groups[1:] < groups[:-1]).any():
        order = np.argsort(groups, kind="stable")
        ranks = np.empty(len(groups), np.int64)
        ranks[order] = ranks_within_groups(groups[order])
        return ranks
    elements = np.arange(len(groups))
    first = np.ones(len(groups), np.bool_)
    first[1:] = groups[1:] != groups[:-1]
    return elements - np.maximum.accumulate(np.where(first, elements, 0))

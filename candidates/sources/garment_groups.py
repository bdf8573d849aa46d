"""Personalized popularity as a candidate source: the best sellers of the garment groups in which a user buys."""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from candidates.compiled import compiled
from candidates.histories import Histories
from candidates.item_lists import ItemLists, check_request
from candidates.topk import TopK

PRIOR: Final = 20.0  # purchases
_SMALLEST = np.finfo(np.float32).tiny


@dataclass(frozen=True, eq=False)
class GarmentGroupPopularity:
    """Items by garment group and sales, with score(u, i) = share(u, g) * sales_i / sales_g, where g is the group of i.

    sales_g is the sum of the sales of all items of g. share(u, g) is the share of g in the purchases of u, smoothed
    towards its share in all sales: (purchases of u in g + PRIOR * sales_g / sales) / (purchases of u + PRIOR). A user
    without history therefore gets items by sales. This is the estimate of a multinomial with a Dirichlet prior: Zhai
    and Lafferty, "A study of smoothing methods for language models", ACM TOIS 22(2), 2004, with users as documents and
    garment groups as words.

    Measured on the four weeks from 2017-11-07 of completejourney (recall@100 of all purchases / of items new to the
    user; 31 groups, sales with a half-life of 4 days): 0.176 / 0.077; without the prior 0.176 / 0.075; with
    share(u, g) * sales_i, which counts the size of a group twice, 0.127 / 0.064; by sales alone 0.167 / 0.076.

    Attributes:
        garment_groups: int32 (items,), the code of each item's group; -1, unknown, is a group like any other.
        sales: float32 (items,), at least 0, as of the cut date. Items without sales are never listed.

    Raises:
        ValueError: the arrays do not have this form.
    """

    garment_groups: NDArray[np.int32]
    sales: NDArray[np.float32]

    def __post_init__(self) -> None:
        if self.garment_groups.dtype != np.int32 or self.sales.dtype != np.float32:
            raise ValueError(
                f"Garment groups must be int32 and sales float32, not {self.garment_groups.dtype} and "
                f"{self.sales.dtype}."
            )
        if self.garment_groups.ndim != 1 or self.garment_groups.shape != self.sales.shape:
            raise ValueError(
                f"Garment groups and sales must be (items,), not {self.garment_groups.shape} and {self.sales.shape}."
            )
        if self.garment_groups.min(initial=-1) < -1:
            raise ValueError("Garment groups must be codes from 0, or -1 where unknown.")
        if not (np.isfinite(self.sales).all() and (self.sales >= 0).all()):
            raise ValueError("Sales must be finite and at least 0.")

    def __len__(self) -> int:
        """Return the number of items."""
        return len(self.garment_groups)

    def top(
        self,
        histories: Histories,
        k: int,
        excluded: ItemLists | None = None,
        *,
        eligible: NDArray[np.bool_] | None = None,
    ) -> TopK:
        """Return the k items with the largest score for each user; ties by position.

        Args:
            histories: of n users, over the same items.
            k: the width of the lists, at least 1.
            excluded: n lists of positions that must not be returned for their user; removed before the cut.
            eligible: bool (items,), False where an item must not be returned for any user; its sales still count for
                its group.

        Returns:
            Lists of width k, padded where fewer items have sales.

        Raises:
            ValueError: an argument does not have this form.
        """
        check_request(len(histories), k, len(self), excluded, eligible)
        histories.check_positions(len(self))
        lists = ItemLists.empty(len(histories)) if excluded is None else excluded
        mask = np.ones(len(self), np.bool_) if eligible is None else eligible
        top = np.full((len(histories), k), -1, np.int32), np.full((len(histories), k), -np.inf, np.float32)
        _write_lists(
            histories.bought.offsets, histories.positions, histories.counts, self._groups, self._prior, self._starts,
            self._sold_items, self._fractions, mask, lists.offsets, lists.positions, *top,
        )  # fmt: skip
        return top

    @cached_property
    def _groups(self) -> NDArray[np.int32]:
        """The group of each item, int32 (items,); 0 is the unknown group."""
        return self.garment_groups + np.int32(1)

    @cached_property
    def _totals(self) -> NDArray[np.float64]:
        """Sales of each group, float64 (groups + 1,); position 0 is the unknown group."""
        return np.asarray(np.bincount(self._groups, self.sales), np.float64)

    @cached_property
    def _prior(self) -> NDArray[np.float64]:
        """Purchases added to those of a user, by group, float64 (groups + 1,)."""
        return np.asarray(PRIOR * self._totals / max(self._totals.sum(), 1.0))

    @cached_property
    def _sold_items(self) -> NDArray[np.int32]:
        """Positions of the items with sales, int32 (m,), by group, best first; ties by position."""
        sold = np.flatnonzero(self.sales > 0)
        return sold[np.lexsort((sold, -self.sales[sold], self.garment_groups[sold]))].astype(np.int32)

    @cached_property
    def _starts(self) -> NDArray[np.int64]:
        """Where each group begins in the items with sales, int64 (groups + 2,)."""
        return np.searchsorted(self._groups[self._sold_items], np.arange(len(self._totals) + 1)).astype(np.int64)

    @cached_property
    def _fractions(self) -> NDArray[np.float64]:
        """sales_i / sales_g of the items with sales, float64 (m,)."""
        return np.asarray(self.sales[self._sold_items] / self._totals[self._groups[self._sold_items]])


@compiled
def _write_lists(
    offsets: NDArray[np.int64],
    positions: NDArray[np.int32],
    counts: NDArray[np.float32],
    groups: NDArray[np.int32],
    prior: NDArray[np.float64],
    starts: NDArray[np.int64],
    items: NDArray[np.int32],
    fractions: NDArray[np.float64],
    eligible: NDArray[np.bool_],
    excluded_offsets: NDArray[np.int64],
    excluded_positions: NDArray[np.int32],
    top_positions: NDArray[np.int32],
    top_scores: NDArray[np.float32],
) -> None:
    """Write the list of each user: a merge of the groups, each of which is ordered already.

    The groups are kept in a heap by the score of their best remaining item. Group g holds the items from starts[g] to
    starts[g + 1] - 1; `fractions` are sales_i / sales_g.
    """
    n, k = top_positions.shape
    excluded_by = np.full(len(groups), -1, np.int32)
    shares, heads = np.empty(len(prior)), np.empty(len(prior), np.int64)
    heap, head_scores = np.empty(len(prior), np.int64), np.empty(len(prior), np.float32)
    for row in range(n):
        for entry in range(excluded_offsets[row], excluded_offsets[row + 1]):
            excluded_by[excluded_positions[entry]] = row
        _write_shares(offsets[row], offsets[row + 1], positions, counts, groups, prior, shares)
        size = 0
        for group in range(len(prior)):
            heads[group] = _next_allowed(starts[group], starts[group + 1], items, eligible, excluded_by, row)
            if heads[group] < starts[group + 1]:
                head_scores[group] = shares[group] * fractions[heads[group]]
                heap[size] = group
                size += 1
        for slot in range(size // 2 - 1, -1, -1):
            _sift_down(heap, size, slot, head_scores, heads, items)
        rank = 0
        while size > 0 and rank < k and head_scores[heap[0]] >= _SMALLEST:
            group = heap[0]
            top_positions[row, rank], top_scores[row, rank] = items[heads[group]], head_scores[group]
            rank += 1
            heads[group] = _next_allowed(heads[group] + 1, starts[group + 1], items, eligible, excluded_by, row)
            if heads[group] < starts[group + 1]:
                head_scores[group] = shares[group] * fractions[heads[group]]
            else:
                size -= 1
                heap[0] = heap[size]
            _sift_down(heap, size, 0, head_scores, heads, items)


@compiled
def _write_shares(
    start: int,
    stop: int,
    positions: NDArray[np.int32],
    counts: NDArray[np.float32],
    groups: NDArray[np.int32],
    prior: NDArray[np.float64],
    shares: NDArray[np.float64],
) -> None:
    """Write share(u, g) of one user, whose history is the entries from start to stop - 1."""
    shares[:] = prior
    purchases = PRIOR
    for entry in range(start, stop):
        shares[groups[positions[entry]]] += counts[entry]
        purchases += counts[entry]
    shares /= purchases


@compiled
def _next_allowed(
    slot: int,
    stop: int,
    items: NDArray[np.int32],
    eligible: NDArray[np.bool_],
    excluded_by: NDArray[np.int32],
    row: int,
) -> int:
    """Return the first slot of an item that is eligible and not excluded for the user `row`, or `stop`."""
    while slot < stop and (not eligible[items[slot]] or excluded_by[items[slot]] == row):
        slot += 1
    return slot


@compiled
def _sift_down(
    heap: NDArray[np.int64],
    size: int,
    slot: int,
    head_scores: NDArray[np.float32],
    heads: NDArray[np.int64],
    items: NDArray[np.int32],
) -> None:
    """Restore the order of the heap below a slot: larger scores above smaller ones, equal ones by position."""
    while 2 * slot + 1 < size:
        child = 2 * slot + 1
        if child + 1 < size and _is_before(heap[child + 1], heap[child], head_scores, heads, items):
            child += 1
        if not _is_before(heap[child], heap[slot], head_scores, heads, items):
            break
        heap[slot], heap[child] = heap[child], heap[slot]
        slot = child


@compiled
def _is_before(
    one: int, other: int, head_scores: NDArray[np.float32], heads: NDArray[np.int64], items: NDArray[np.int32]
) -> bool:
    if head_scores[one] != head_scores[other]:
        return bool(head_scores[one] > head_scores[other])
    return bool(items[heads[one]] < items[heads[other]])

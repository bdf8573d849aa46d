"""Popularity: one ranking for all users, the source for cold users and the simplest baseline."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from candidates.compiled import compiled
from candidates.item_lists import ItemLists, check_request
from candidates.topk import TopK

_ALL_ELIGIBLE = np.empty(0, np.bool_)


@dataclass(frozen=True, eq=False)
class PopularityList:
    """All items in one fixed order.

    Attributes:
        ranking: int32 (items,), each position once, best first.
        scores: float32 (items,), the scores in the order of `ranking`, not rising.

    Raises:
        ValueError: the arrays do not have this form.
    """

    ranking: NDArray[np.int32]
    scores: NDArray[np.float32]

    def __post_init__(self) -> None:
        if self.ranking.dtype != np.int32 or self.scores.dtype != np.float32:
            raise ValueError(
                f"Ranking must be int32 and scores float32, not {self.ranking.dtype} and {self.scores.dtype}."
            )
        if self.ranking.shape != self.scores.shape or self.ranking.ndim != 1 or len(self.ranking) == 0:
            raise ValueError(
                f"Ranking and scores must be (items,) with at least one item, not {self.ranking.shape} and "
                f"{self.scores.shape}."
            )
        if not np.array_equal(np.sort(self.ranking), np.arange(len(self.ranking))):
            raise ValueError(f"The ranking must hold each position from 0 to {len(self.ranking) - 1} once.")
        if not (np.isfinite(self.scores).all() and (np.diff(self.scores) <= 0).all()):
            raise ValueError("Scores must be finite and must not rise along the ranking.")

    @classmethod
    def from_counts(cls, counts: NDArray[np.number[Any]]) -> Self:
        """Rank positions by count, largest first; ties by position.

        Args:
            counts: numbers (items,), for example purchases in the last week; items without any are ranked, too.

        Raises:
            ValueError: `counts` is empty, not one-dimensional or not finite.
        """
        order = np.argsort(-counts.astype(np.float64), kind="stable")
        return cls(order.astype(np.int32), counts[order].astype(np.float32))

    def __len__(self) -> int:
        """Return the number of items."""
        return len(self.ranking)

    @cached_property
    def scores_by_position(self) -> NDArray[np.float32]:
        """The score of each item, float32 (items,), in the order of positions."""
        scores = np.empty_like(self.scores)
        scores[self.ranking] = self.scores
        return scores

    def top(
        self,
        n: int,
        k: int,
        excluded: ItemLists | None = None,
        *,
        eligible: NDArray[np.bool_] | None = None,
    ) -> TopK:
        """Return the first k allowed items of the ranking for each of n users.

        Args:
            n: the number of users.
            k: at least 1; a k above the number of items means all items.
            excluded: n lists of positions that must not be returned for their user.
            eligible: bool (items,), False where an item must not be returned for any user.

        Returns:
            Lists of width min(k, items), padded where fewer items remain.

        Raises:
            ValueError: an argument does not have this form.
        """
        check_request(n, k, len(self), excluded, eligible)
        width = min(k, len(self))
        lists = ItemLists.empty(n) if excluded is None else excluded
        allowed = _ALL_ELIGIBLE if eligible is None else eligible
        top = np.full((n, width), -1, np.int32), np.full((n, width), -np.inf, np.float32)
        _write_lists(self.ranking, self.scores, lists.offsets, lists.positions, allowed, *top)
        return top


@compiled
def _write_lists(
    ranking: NDArray[np.int32],
    scores: NDArray[np.float32],
    excluded_offsets: NDArray[np.int64],
    excluded_positions: NDArray[np.int32],
    eligible: NDArray[np.bool_],
    top_positions: NDArray[np.int32],
    top_scores: NDArray[np.float32],
) -> None:
    """Write the first items of the ranking that are eligible and not excluded; all are if `eligible` is empty."""
    n, k = top_positions.shape
    excluded_by = np.full(len(ranking), -1, np.int32)
    for row in range(n):
        for entry in range(excluded_offsets[row], excluded_offsets[row + 1]):
            excluded_by[excluded_positions[entry]] = row
        rank = 0
        for slot in range(len(ranking)):
            if rank == k:
                break
            item = ranking[slot]
            if excluded_by[item] != row and (len(eligible) == 0 or eligible[item]):
                top_positions[row, rank], top_scores[row, rank] = item, scores[slot]
                rank += 1

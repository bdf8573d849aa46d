"""Popularity: one ranking for all users, the source for cold users and the simplest baseline."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from candidates.item_lists import ItemLists, check_request
from candidates.topk import TopK, top_k_of_sorted

SLOTS_PER_BLOCK: Final = 2**23


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
        allowed = np.ones(len(self), np.bool_) if eligible is None else eligible[self.ranking]
        ranking, ranked_scores = self.ranking[allowed], self.scores[allowed]
        slots = np.full(len(self), len(self), np.int64)  # ineligible items lie past the end of every list
        slots[ranking] = np.arange(len(ranking))

        k = min(k, len(self))
        exclusions = ItemLists.from_padded(np.empty((n, 0), np.int32)) if excluded is None else excluded
        # With at most m items excluded for any user, the first k + m slots hold the best k of the remaining items.
        depth = min(len(ranking), k + int(exclusions.lengths.max(initial=0)))
        positions, scores = np.empty((n, k), np.int32), np.empty((n, k), np.float32)
        block = max(1, SLOTS_PER_BLOCK // max(1, depth))
        for start in range(0, n, block):
            part = exclusions.slice(start, min(start + block, n))
            kept = np.ones((len(part), depth), np.bool_)
            excluded_slots = slots[part.positions]
            within = excluded_slots < depth
            kept[part.rows[within], excluded_slots[within]] = False
            rows, found = np.nonzero(kept)
            top = top_k_of_sorted(rows, ranking[found], ranked_scores[found], len(part), k)
            positions[start : start + block], scores[start : start + block] = top
        return positions, scores

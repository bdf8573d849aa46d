"""One ranking for everybody: the source for users without history, and the list that any model has to beat."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from candidates.item_lists import ItemLists, TopK, check_masks

PLACES_PER_BLOCK: Final = 2**23


@dataclass(frozen=True, eq=False)
class PopularityList:
    """All items in one fixed order.

    Attributes:
        ranking: (items,) int32, each position once, best first.
        scores: (items,) float32, the score of each place of `ranking`, never rising.

    Raises:
        ValueError: The arrays do not have this form.
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
        """Rank positions by count, the largest first, equal counts by position.

        Args:
            counts: (items,) numbers, for example purchases in the last week; an item without any still has a place.

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
        """The score of each item, (items,) float32, in the order of positions."""
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
        """Return for each of n users the first k items of the ranking that are allowed.

        Args:
            n: The number of users.
            k: How many items to return, at least 1; more than there are items is the same as all items.
            excluded: n lists of positions that must not be returned for their user.
            eligible: (items,) bool, False where an item must not be returned for anybody.

        Returns:
            Positions (n, min(k, items)) int32 and scores (n, min(k, items)) float32, best first. Where fewer items
            remain, the rest is position -1 with score -inf.

        Raises:
            ValueError: An argument does not have this form.
        """
        if k < 1:
            raise ValueError(f"k must be at least 1, not {k}.")
        check_masks(n, len(self), excluded, eligible)
        allowed = np.ones(len(self), np.bool_) if eligible is None else eligible[self.ranking]
        ranking, ranked_scores = self.ranking[allowed], self.scores[allowed]
        places = np.full(len(self), len(self), np.int64)  # ineligible items lie past the end of every list
        places[ranking] = np.arange(len(ranking))

        k = min(k, len(self))
        exclusions = (
            ItemLists.from_pairs(np.empty(0, np.int64), np.empty(0, np.int64), n) if excluded is None else excluded
        )
        # With at most m items barred for anybody, the first k + m places hold the best k of what remains.
        depth = min(len(ranking), k + int(exclusions.counts.max(initial=0)))
        positions = np.full((n, k), -1, np.int32)
        scores = np.full((n, k), -np.inf, np.float32)
        block = max(1, PLACES_PER_BLOCK // max(1, depth))
        for start in range(0, n, block):
            part = exclusions.slice(start, min(start + block, n))
            kept = np.ones((len(part), depth), np.bool_)
            barred_places = places[part.positions]
            within = barred_places < depth
            kept[part.rows[within], barred_places[within]] = False
            ranks = kept.cumsum(axis=1) - 1
            rows, found = np.nonzero(kept & (ranks < k))
            positions[start + rows, ranks[rows, found]] = ranking[found]
            scores[start + rows, ranks[rows, found]] = ranked_scores[found]
        return positions, scores

"""Item-kNN as a candidate source: items that are similar to those in the user's history."""

from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from candidates.compiled import compiled
from candidates.histories import Histories
from candidates.item_lists import ItemLists, check_request
from candidates.purchase_codes import PurchaseCodes
from candidates.scored_items import ScoredItems
from candidates.sources.item_similarity import nearest, purchase_matrix
from candidates.topk import TopK

HALF_LIFE: Final = 90.0  # days


@dataclass(frozen=True, eq=False)
class ItemKnn:
    """Each item's nearest neighbours, including the item itself, because users buy the same item again.

    Attributes:
        neighbours: int32 (items, width), positions, none twice in a row; -1 is padding.
        similarities: float32 (items, width), at least 0; 0 for padding.

    Raises:
        ValueError: the arrays do not have this form.
    """

    neighbours: NDArray[np.int32]
    similarities: NDArray[np.float32]

    def __post_init__(self) -> None:
        if self.neighbours.dtype != np.int32 or self.similarities.dtype != np.float32:
            raise ValueError(
                f"Neighbours must be int32 and similarities float32, not {self.neighbours.dtype} and "
                f"{self.similarities.dtype}."
            )
        if self.neighbours.ndim != 2 or self.neighbours.shape != self.similarities.shape:
            raise ValueError(
                f"Neighbours and similarities must be (items, width), not {self.neighbours.shape} and "
                f"{self.similarities.shape}."
            )
        if self.neighbours.min(initial=-1) < -1 or self.neighbours.max(initial=-1) >= len(self):
            raise ValueError(f"Neighbours must be positions below {len(self)}, or -1 for padding.")
        if not (np.isfinite(self.similarities).all() and (self.similarities >= 0).all()):
            raise ValueError("Similarities must be finite and at least 0.")
        if self.similarities[self.neighbours < 0].any():
            raise ValueError("Padding must have similarity 0.")

    @classmethod
    def fit(
        cls,
        purchases: PurchaseCodes,
        cut: np.datetime64,
        n_items: int,
        *,
        width: int = 20,
        half_life: float = 180.0,
        newest: int = 1_000,
        shrinkage: float = 20.0,
        sharpness: float = 3.0,
    ) -> Self:
        """Fit to purchases before the cut: `purchase_matrix`, then `nearest` of `candidates.sources.item_similarity`.

        The defaults were chosen on the weeks from 2017-11-14 and 2017-11-21 of completejourney; nearby values are as
        good. In the four weeks from 2017-11-07 their recall@100 of all purchases / of items new to the user was
        0.342 / 0.083, and 0.323 / 0.085 with item weights of sqrt(recent sales). The baseline of own purchases by
        frequency, filled with bestsellers, had 0.338 / 0.073.

        Args:
            purchases: of all users; those at or after the cut are left out.
            cut: the cut date, UTC.
            n_items: the number of items in the index.
            width: the number of neighbours of each item.
            half_life: days in which a purchase loses half its weight.
            newest: the number of newest purchases of one user that are used.
            shrinkage: lowers similarities that rest on few users.
            sharpness: lowers small similarities.

        Raises:
            ValueError: an argument does not have this form.
        """
        matrix = purchase_matrix(purchases, cut, n_items, half_life, newest)
        neighbours, similarities = nearest(matrix, width, shrinkage, sharpness)
        return cls(neighbours, np.where(neighbours < 0, np.float32(0), similarities))

    def __len__(self) -> int:
        """Return the number of items."""
        return len(self.neighbours)

    def score(self, histories: Histories) -> ScoredItems:
        """Return the scores of n users for all items similar to those of their histories.

        score(u, i) = sum over the items h of u's history of log(1 + count_h) * 0.5 ** (days_h / HALF_LIFE) *
        similarity(h, i), summed in float64 in the order of the history and rounded once.

        Args:
            histories: of n users, over the same items.

        Raises:
            ValueError: a history holds an item that is not among the items.
        """
        histories.check_positions(len(self))
        offsets, positions, weights = histories.bought.offsets, histories.positions, _weights(histories)
        capacity = len(positions) * self.neighbours.shape[1]
        scored_offsets = np.zeros(len(offsets), np.int64)
        scored = np.empty(capacity, np.int32), np.empty(capacity, np.float32)
        neighbours = self.neighbours, self.similarities
        count = _score_neighbours(offsets, positions, weights, *neighbours, scored_offsets, *scored)
        return ScoredItems(scored_offsets, *(array[:count] for array in scored))

    def top(
        self,
        histories: Histories,
        k: int,
        item_weights: NDArray[np.float32] | None = None,
        excluded: ItemLists | None = None,
        *,
        eligible: NDArray[np.bool_] | None = None,
    ) -> TopK:
        """Return the k items with the largest score times weight for each user; ties by position.

        Args:
            histories: of n users, over the same items.
            k: the width of the lists, at least 1.
            item_weights: float32 (items,), at least 0, for example the square root of recent sales; items of weight 0
                are not listed.
            excluded: n lists of positions that must not be returned for their user; removed before the cut.
            eligible: bool (items,), False where an item must not be returned for any user.

        Returns:
            Lists of width k, padded where fewer items have a score above 0.

        Raises:
            ValueError: an argument does not have this form.
        """
        check_request(len(histories), k, len(self), excluded, eligible)
        scored = self.score(histories)
        if item_weights is None:
            return scored.top(k, excluded, eligible=eligible)
        if item_weights.shape != (len(self),) or not np.isfinite(item_weights).all() or (item_weights < 0).any():
            raise ValueError(f"Item weights must be ({len(self)},), finite and at least 0, not {item_weights.shape}.")
        weighted = item_weights > 0
        return scored.weighted(item_weights).top(
            k, excluded, eligible=weighted if eligible is None else weighted & eligible
        )

    def strongest(
        self, histories: Histories, rows: NDArray[np.int64], positions: NDArray[np.int32]
    ) -> NDArray[np.int64]:
        """Return the entry of the user's history that contributes most to the score of each candidate.

        The item itself does not count.

        Args:
            histories: of n users, over the same items.
            rows: int64 (pairs,), ascending: the user of each candidate, 0 to n - 1.
            positions: int32 (pairs,), positions of items, none twice for one user.

        Returns:
            int64 (pairs,), the number of the entry in `histories`, the first of equal ones; -1 where none contributes.
        """
        histories.check_positions(len(self))
        entries = np.full(len(positions), -1, np.int64)
        history = histories.bought.offsets, histories.positions, _weights(histories)
        _find_strongest(*history, self.neighbours, self.similarities, rows, positions, entries)
        return entries


def _weights(histories: Histories) -> NDArray[np.float64]:
    """Return the weight of each entry of the histories, float64 (m,)."""
    return np.asarray(np.log1p(histories.counts) * 0.5 ** (histories.days.astype(np.float64) / HALF_LIFE), np.float64)


@compiled
def _find_strongest(
    offsets: NDArray[np.int64],
    history: NDArray[np.int32],
    weights: NDArray[np.float64],
    neighbours: NDArray[np.int32],
    similarities: NDArray[np.float32],
    rows: NDArray[np.int64],
    positions: NDArray[np.int32],
    entries: NDArray[np.int64],
) -> None:
    """Write the strongest entry of each candidate; `entries` holds -1."""
    pair_of, best = np.full(len(neighbours), -1, np.int64), np.zeros(len(positions))
    start = 0
    while start < len(rows):
        row, stop = rows[start], start
        while stop < len(rows) and rows[stop] == row:
            pair_of[positions[stop]] = stop
            stop += 1
        for entry in range(offsets[row], offsets[row + 1]):
            item, weight = history[entry], weights[entry]
            for slot in range(neighbours.shape[1]):
                neighbour = neighbours[item, slot]
                if neighbour < 0 or neighbour == item or pair_of[neighbour] < 0:
                    continue
                pair, contribution = pair_of[neighbour], weight * similarities[item, slot]
                if contribution > best[pair]:
                    best[pair], entries[pair] = contribution, entry
        for pair in range(start, stop):
            pair_of[positions[pair]] = -1
        start = stop


@compiled
def _score_neighbours(
    offsets: NDArray[np.int64],
    positions: NDArray[np.int32],
    weights: NDArray[np.float64],
    neighbours: NDArray[np.int32],
    similarities: NDArray[np.float32],
    scored_offsets: NDArray[np.int64],
    scored_positions: NDArray[np.int32],
    scores: NDArray[np.float32],
) -> int:
    """Write the scores of each user's neighbours, one user after the other, and return their number."""
    items, width = neighbours.shape
    totals, seen, found = np.zeros(items, np.float64), np.zeros(items, np.bool_), np.empty(items, np.int32)
    written = 0
    for row in range(len(offsets) - 1):
        count = 0
        for entry in range(offsets[row], offsets[row + 1]):
            item, weight = positions[entry], weights[entry]
            for slot in range(width):
                neighbour = neighbours[item, slot]
                if neighbour < 0:
                    continue
                totals[neighbour] += weight * similarities[item, slot]
                if not seen[neighbour]:
                    seen[neighbour] = True
                    found[count] = neighbour
                    count += 1
        for number in range(count):
            item = found[number]
            score = np.float32(totals[item])
            if score > 0:
                scored_positions[written], scores[written] = item, score
                written += 1
            totals[item], seen[item] = 0.0, False
        scored_offsets[row + 1] = written
    return written

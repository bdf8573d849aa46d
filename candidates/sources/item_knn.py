"""Item-kNN as a candidate source: items that are similar to those in the user's history."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from candidates.histories import Histories
from candidates.item_lists import ItemLists, check_request
from candidates.purchase_codes import PurchaseCodes
from candidates.sources.item_similarity import blocks_of, nearest, purchase_matrix
from candidates.topk import TopK, top_k

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

    def top(
        self,
        histories: Histories,
        k: int,
        item_weights: NDArray[np.float32] | None = None,
        excluded: ItemLists | None = None,
        *,
        eligible: NDArray[np.bool_] | None = None,
    ) -> TopK:
        """Return the k items with the largest score for each user; ties by position.

        score(u, i) = item_weights_i * sum over the items h of u's history of
        log(1 + count_h) * 0.5 ** (days_h / HALF_LIFE) * similarity(h, i).

        Args:
            histories: of n users, over the same items.
            k: the width of the lists, at least 1.
            item_weights: float32 (items,), at least 0, for example the square root of recent sales.
            excluded: n lists of positions that must not be returned for their user; removed before the cut.
            eligible: bool (items,), False where an item must not be returned for any user.

        Returns:
            Lists of width k, padded where fewer items have a score above 0.

        Raises:
            ValueError: an argument does not have this form.
        """
        check_request(len(histories), k, len(self), excluded, eligible)
        histories.check_positions(len(self))
        if item_weights is not None and (
            item_weights.shape != (len(self),) or not np.isfinite(item_weights).all() or (item_weights < 0).any()
        ):
            raise ValueError(f"Item weights must be ({len(self)},), finite and at least 0, not {item_weights.shape}.")
        n = len(histories)
        positions, scores = np.empty((n, k), np.int32), np.empty((n, k), np.float32)
        for start, stop, product in self._products(histories):
            rows = np.repeat(np.arange(stop - start), np.diff(product.indptr))
            weighted = product.data if item_weights is None else product.data * item_weights[product.indices]
            weighted = weighted.astype(np.float32)
            kept = weighted > 0 if eligible is None else (weighted > 0) & eligible[product.indices]
            pairs = (rows[kept], product.indices[kept], weighted[kept])
            exclusions = None if excluded is None else excluded.slice(start, stop)
            positions[start:stop], scores[start:stop] = top_k(*pairs, stop - start, k, exclusions)
        return positions, scores

    def score_pairs(
        self, histories: Histories, rows: NDArray[np.integer[Any]], positions: NDArray[np.integer[Any]]
    ) -> NDArray[np.float32]:
        """Return the scores of pairs of user and item, without item weights, float32 (pairs,), at least 0.

        Args:
            histories: of n users, over the same items.
            rows: (pairs,), the user of each pair, 0 to n - 1, ascending.
            positions: (pairs,), positions of items.
        """
        scores = np.zeros(len(rows), np.float32)
        for start, stop, product in self._products(histories):
            part = slice(*np.searchsorted(rows, (start, stop)))
            scores[part] = np.asarray(product[rows[part] - start, positions[part]]).reshape(-1)
        return scores

    def _products(self, histories: Histories) -> Iterator[tuple[int, int, csr_array]]:
        """Yield blocks of users: start, stop, and the sparse scores of users start to stop - 1 for all items."""
        n, similar = len(histories), self._matrix
        weights = np.log1p(histories.counts) * 0.5 ** (histories.days.astype(np.float64) / HALF_LIFE)
        bought = csr_array((weights, histories.positions, histories.bought.offsets), shape=(n, len(self)))
        products = np.bincount(histories.rows, np.diff(similar.indptr)[histories.positions], minlength=n)
        for start, stop in blocks_of(products):
            yield start, stop, bought[start:stop] @ similar

    @cached_property
    def _matrix(self) -> csr_array:
        """The similarities, sparse float64 (items, items), so that their sums are rounded once, at the end."""
        listed = self.neighbours >= 0
        offsets = np.concatenate([[0], np.cumsum(listed.sum(axis=1))])
        entries = (self.similarities[listed].astype(np.float64), self.neighbours[listed], offsets)
        return csr_array(entries, shape=(len(self), len(self)))

"""What is bought by those who buy the same, as a source of candidates."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from candidates.histories import Histories, check_request
from candidates.item_lists import ItemLists, TopK
from candidates.purchase_codes import PurchaseCodes
from candidates.sources.item_similarity import blocks_of, nearest, purchase_matrix
from candidates.topk import top_k

HALF_LIFE: Final = 90.0


@dataclass(frozen=True, eq=False)
class ItemKnn:
    """Each item's nearest neighbours, itself among them: people buy the same again.

    Attributes:
        neighbours: (items, width) int32 positions, none twice in a row; -1 is padding.
        similarities: (items, width) float32, at least 0, and 0 for padding.

    Raises:
        ValueError: The arrays do not have this form.
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

        The settings were chosen in the weeks from 2017-11-14 and 2017-11-21 of completejourney, near ones being as
        good. In the four weeks from 2017-11-07 they found, as recall@100 of everything / of what was new to the user,
        0.342 / 0.083, and weighed by the root of recent sales 0.323 / 0.085; what users bought most often, then
        bestsellers, 0.338 / 0.073.

        Args:
            purchases: Everybody's; those at or after the cut are passed over.
            cut: The moment of the forecast, UTC.
            n_items: The number of items in the index.
            width: How many neighbours to keep of each item.
            half_life: Days in which a purchase loses half its weight.
            newest: How many purchases of one user are looked at.
            shrinkage: Keeps down what few users have in common.
            sharpness: Keeps down what many items have a little of.

        Raises:
            ValueError: An argument does not have this form.
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
        """Return the k items with the largest score for each user, equal scores by position.

        score(u, i) = item_weights_i * sum over the items h of u's history of
        log(1 + count_h) * 0.5 ** (days_h / HALF_LIFE) * similarity(h, i).

        Args:
            histories: Of n users, over the same items.
            k: The width of the lists, at least 1.
            item_weights: (items,) float32, at least 0, for example the root of recent sales.
            excluded: n lists of positions that must not be returned for their user; taken out before the cut.
            eligible: (items,) bool, False where an item must not be returned for anybody.

        Returns:
            Positions (n, k) int32 and scores (n, k) float32, best first; where fewer items score above 0, the rest is
            position -1 with score -inf.

        Raises:
            ValueError: An argument does not have this form.
        """
        check_request(histories, k, excluded, len(self), eligible)
        if item_weights is not None and (
            item_weights.shape != (len(self),) or not np.isfinite(item_weights).all() or (item_weights < 0).any()
        ):
            raise ValueError(f"Item weights must be ({len(self)},), finite and at least 0, not {item_weights.shape}.")
        n = len(histories)
        positions, scores = np.empty((n, k), np.int32), np.empty((n, k), np.float32)
        for start, stop, product in self._products(histories):
            rows = np.repeat(np.arange(stop - start), np.diff(product.indptr))
            found = product.data if item_weights is None else product.data * item_weights[product.indices]
            found = found.astype(np.float32)
            kept = found > 0 if eligible is None else (found > 0) & eligible[product.indices]
            pairs = (rows[kept], product.indices[kept], found[kept])
            exclusions = None if excluded is None else excluded.slice(start, stop)
            positions[start:stop], scores[start:stop] = top_k(*pairs, stop - start, k, exclusions)
        return positions, scores

    def score_pairs(
        self, histories: Histories, rows: NDArray[np.integer[Any]], positions: NDArray[np.integer[Any]]
    ) -> NDArray[np.float32]:
        """Return the scores of pairs of history and item, without item weights, float32 (pairs,), at least 0.

        Args:
            histories: Of n users, over the same items.
            rows: (pairs,) from 0 to n - 1, ascending.
            positions: (pairs,) positions of items.
        """
        found = np.zeros(len(rows), np.float32)
        for start, stop, product in self._products(histories):
            part = slice(*np.searchsorted(rows, (start, stop)))
            found[part] = np.asarray(product[rows[part] - start, positions[part]]).reshape(-1)
        return found

    def _products(self, histories: Histories) -> Iterator[tuple[int, int, csr_array]]:
        """The scores of users start to stop - 1 and all items, sparse, for block after block of users."""
        n, similar = len(histories), self._matrix
        weights = np.log1p(histories.counts) * 0.5 ** (histories.days.astype(np.float64) / HALF_LIFE)
        asked = csr_array((weights, histories.positions, histories.offsets), shape=(n, len(self)))
        products = np.bincount(histories.rows, np.diff(similar.indptr)[histories.positions], minlength=n)
        for start, stop in blocks_of(products):
            yield start, stop, asked[start:stop] @ similar

    @cached_property
    def _matrix(self) -> csr_array:
        """Return the similarities as float64 (items, items), so that sums of them are rounded once, at the end."""
        listed = self.neighbours >= 0
        offsets = np.concatenate([[0], np.cumsum(listed.sum(axis=1))])
        entries = (self.similarities[listed].astype(np.float64), self.neighbours[listed], offsets)
        return csr_array(entries, shape=(len(self), len(self)))

"""Baselines from similar users: user-kNN, TIFU-kNN and UP-CF, the field's references for repeat purchases.

All three represent each user by a sparse vector over the items, find the most similar users, and mix the user's own
vector with theirs. A basket is what a user bought on one UTC day.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, diags, vstack

from candidates.item_lists import ItemLists
from candidates.purchase_codes import PurchaseCodes
from candidates.scored_items import ScoredItems
from candidates.topk import TopK

MAX_USERS: Final = 50_000  # among whom similar ones are found: those who bought last
_USERS_PER_BLOCK: Final = 200


@dataclass(frozen=True, eq=False)
class Baskets:
    """One entry for each item that a user bought on a day before the cut.

    Attributes:
        rows: int64 (m,), the user, 0 to users - 1; the n users of the lists come first.
        positions: int64 (m,), the item.
        days: int64 (m,), days from the basket to the day before the cut.
        age: int64 (m,), the number of the basket, the user's newest is 0.
        counts: int64 (users,), baskets of each user.
        n: the number of users of the lists.
        items: the number of items.
    """

    rows: NDArray[np.int64]
    positions: NDArray[np.int64]
    days: NDArray[np.int64]
    age: NDArray[np.int64]
    counts: NDArray[np.int64]
    n: int
    items: int

    @classmethod
    def of(cls, purchases: PurchaseCodes, cut: np.datetime64, users: NDArray[np.int32], n_items: int) -> Self:
        """Collect the baskets of some users, and of those who bought last.

        Args:
            purchases: of all users; those at or after the cut are ignored.
            cut: the moment of the forecast, UTC.
            users: (n,) user codes of the lists, unique; they need not have purchases.
            n_items: the number of items in the index.
        """
        past = purchases.before(cut)
        everyone = np.concatenate([users, np.setdiff1d(past.latest_buyers(MAX_USERS), users)])
        order = np.argsort(everyone)
        found = np.searchsorted(everyone[order], past.user_codes).clip(max=len(everyone) - 1)
        rows = order[found]
        known = everyone[rows] == past.user_codes
        day = past.purchased_at.astype("datetime64[D]").astype(np.int64)
        last_day = (cut - np.timedelta64(1, "us")).astype("datetime64[D]").astype(np.int64)
        rows, days, positions = np.unique(np.stack([rows, last_day - day, past.item_positions])[:, known], axis=1)
        new_basket = np.ones(len(rows), np.bool_)
        new_basket[1:] = (rows[1:] != rows[:-1]) | (days[1:] != days[:-1])
        counts = np.bincount(rows[new_basket], minlength=len(everyone))
        age = np.cumsum(new_basket) - 1 - (np.cumsum(counts) - counts)[rows]
        return cls(rows, positions, days, age, counts, len(users), n_items)

    def vectors(self, weights: NDArray[np.float64]) -> Any:
        """Return the sums of weights (m,) of each user and item, a sparse matrix (users, items)."""
        shape = len(self.counts), self.items
        return csr_matrix((weights, (self.rows, self.positions)), shape)


@dataclass(frozen=True, eq=False)
class UserKnn:
    """Vectors of users, similar users of the first n of them, and how both are mixed.

    Attributes:
        vectors: sparse (users, items), what a user is expected to buy.
        similarities: sparse (n, users), the weights of the neighbours of each user.
        own_weight: weight of the user's own vector; the weighted mean of the neighbours' vectors has the rest.
    """

    vectors: Any
    similarities: Any
    own_weight: float

    @classmethod
    def cosine(
        cls, baskets: Baskets, *, half_life: float = 90.0, neighbours: int = 100, own_weight: float = 0.5
    ) -> Self:
        """User-kNN: baskets that halve in `half_life` days, vectors of length 1, neighbours by cosine.

        Args:
            baskets: of all users.
            half_life: in days.
            neighbours: of each user.
            own_weight: 0 to 1.
        """
        vectors = baskets.vectors(0.5 ** (baskets.days / half_life))
        vectors = diags(_inverse(np.sqrt(_row_sums(vectors.multiply(vectors))))) @ vectors
        similarities = _nearest(vectors, vectors, baskets.n, neighbours, lambda products, _: products)
        return cls(vectors, similarities, own_weight)

    @classmethod
    def tifu(
        cls,
        baskets: Baskets,
        *,
        groups: int = 7,
        within: float = 0.9,
        across: float = 0.7,
        neighbours: int = 300,
        own_weight: float = 0.7,
    ) -> Self:
        """TIFU-kNN: frequencies that decay over groups of baskets.

        Hu, He, Gao and Zhang, "Modeling personalized item frequency information for next-basket recommendation", SIGIR
        2020. Neighbours are nearest by Euclidean distance, and count alike.

        Args:
            baskets: of all users.
            groups: into which the baskets of a user are divided by time, of equal size.
            within: factor from one basket to the next older one within a group.
            across: factor from one group to the next older one.
            neighbours: of each user.
            own_weight: 0 to 1.
        """
        counts = baskets.counts[baskets.rows]
        size = -(-counts // groups)
        group = baskets.age // size
        in_group = np.minimum(size, counts - group * size)
        weights = within ** (baskets.age % size) / in_group * across**group / -(-counts // size)
        vectors = baskets.vectors(weights)
        squares = _row_sums(vectors.multiply(vectors))
        similarities = _nearest(
            vectors, vectors, baskets.n, neighbours, lambda products, rows: 2 * products - squares - squares[rows, None]
        )
        similarities.data[:] = 1
        return cls(vectors, similarities, own_weight)

    @classmethod
    def up_cf(cls, baskets: Baskets, *, newest: int = 100, alpha: float = 0.5, locality: float = 5.0) -> Self:
        """UP-CF@r: the share of recent baskets that hold an item, summed over similar users.

        Faggioli, Polato and Aiolli, "Recency aware collaborative filtering for next basket recommendation", UMAP 2020.
        The similarity is the asymmetric cosine of the sets of items; a user has the similarity 1 to oneself.

        Args:
            baskets: of all users.
            newest: baskets of each user that count.
            alpha: exponent of the size of the user's own set; the other set has 1 - alpha.
            locality: power to which similarities are raised.
        """
        shares = np.where(baskets.age < newest, 1 / np.minimum(baskets.counts[baskets.rows], newest), 0)
        sets = baskets.vectors(np.ones(len(baskets.rows)))
        sets.data[:] = 1
        sizes = _row_sums(sets)
        own, other = _inverse(sizes**alpha), diags(_inverse(sizes ** (1 - alpha))) @ sets
        similarities = _nearest(
            sets,
            other,
            baskets.n,
            len(sizes),
            lambda products, rows: (products * own[rows, None]) ** locality,
            with_self=True,
        )
        return cls(baskets.vectors(shares), similarities, 0.0)

    def top(self, k: int, excluded: ItemLists | None = None) -> TopK:
        """Return the k items with the largest score above 0 for each user, equal ones by position.

        Args:
            k: the width of the lists, at least 1.
            excluded: n lists of positions that must not be returned for their user.

        Returns:
            Lists of n users, padded where fewer items have a score above 0.
        """
        parts = []
        for start in range(0, self.similarities.shape[0], _USERS_PER_BLOCK):
            near = self.similarities[start : start + _USERS_PER_BLOCK]
            stop = start + near.shape[0]
            mean = diags(_inverse(_row_sums(near))) @ near @ self.vectors
            scores = csr_matrix(self.own_weight * self.vectors[start:stop] + (1 - self.own_weight) * mean)
            scores.eliminate_zeros()
            offsets, values = scores.indptr.astype(np.int64), scores.data.astype(np.float32)
            scored = ScoredItems(offsets, scores.indices.astype(np.int32), values)
            parts.append(scored.top(k, None if excluded is None else excluded.slice(start, stop)))
        positions, scores = zip(*parts, strict=True)
        return np.concatenate(positions), np.concatenate(scores)


def _nearest(
    queries: Any,
    vectors: Any,
    n: int,
    neighbours: int,
    similarity: Callable[[NDArray[np.float64], NDArray[np.int64]], NDArray[np.float64]],
    *,
    with_self: bool = False,
) -> Any:
    """Return the similarities of the nearest users of the first n, sparse (n, users), equal ones in their order.

    Args:
        queries: sparse (users, items).
        vectors: sparse (users, items).
        n: of the first rows of `queries`.
        neighbours: of each user at most.
        similarity: takes inner products (block, users) and the numbers of the block's users.
        with_self: whether a user is among one's own neighbours.
    """
    blocks = []
    for start in range(0, n, _USERS_PER_BLOCK):
        rows = np.arange(start, min(start + _USERS_PER_BLOCK, n))
        near = similarity((queries[rows] @ vectors.T).toarray(), rows)
        if not with_self:
            near[np.arange(len(rows)), rows] = -np.inf
        near[queries[rows].getnnz(axis=1) == 0] = -np.inf  # a user without purchases has no neighbours
        columns = np.argsort(-near, axis=1, kind="stable")[:, :neighbours]
        values = np.take_along_axis(near, columns, axis=1)
        kept = np.isfinite(values) & (values != 0)
        indices = np.broadcast_to(np.arange(len(rows))[:, None], columns.shape)
        blocks.append(csr_matrix((values[kept], (indices[kept], columns[kept])), (len(rows), near.shape[1])))
    return vstack(blocks, format="csr")


def _row_sums(matrix: Any) -> NDArray[np.float64]:
    return np.asarray(matrix.sum(axis=1), np.float64).ravel()


def _inverse(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return 1 / values, 0 for 0."""
    return np.divide(1, values, out=np.zeros_like(values), where=values != 0)

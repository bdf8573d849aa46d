"""Matrix factorization of implicit feedback by the package `implicit`, which the project does without if need be."""

import importlib.util
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from candidates.index import ItemIndex
from candidates.item_lists import ItemLists
from candidates.purchase_codes import PurchaseCodes
from candidates.sources.item_similarity import purchase_matrix
from candidates.topk import TopK

_EVERY_PURCHASE: Final = 2**31 - 1  # the work for a user grows only in proportion to them


def available() -> bool:
    """Tell whether the package `implicit` is installed."""
    return importlib.util.find_spec("implicit") is not None


@dataclass(frozen=True, eq=False)
class ImplicitAls:
    """Factors of n users and of all items, found by alternating least squares.

    Hu, Koren and Volinsky, "Collaborative filtering for implicit feedback datasets", ICDM 2008; solved by conjugate
    gradients after Takács, Pilászy and Tikk, RecSys 2011.

    Attributes:
        users: (n, factors) float32; zeros for a user who had not bought anything.
        items: searched by inner product.
    """

    users: NDArray[np.float32]
    items: ItemIndex

    @classmethod
    def fitted(
        cls,
        purchases: PurchaseCodes,
        cut: np.datetime64,
        users: NDArray[np.int32],
        n_items: int,
        *,
        factors: int = 128,
        half_life: float = 30.0,
        confidence: float = 20.0,
        regularization: float = 50.0,
        iterations: int = 15,
        seed: int = 0,
    ) -> Self:
        """Fit to everybody's purchases before the cut.

        The confidence in a purchase is `confidence` times its weight in
        `candidates.sources.item_similarity.purchase_matrix`. The settings were chosen in the weeks from
        2017-11-14 and 2017-11-21 of completejourney, where fading weights were
        worth a quarter of the recall.

        Args:
            purchases: Everybody's; those at or after the cut are passed over.
            cut: The moment of the forecast, UTC.
            users: (n,) user codes, in the order wanted; they need not have bought anything.
            n_items: The number of items in the index.
            factors: The length of the vectors.
            half_life: Days in which a purchase loses half its weight.
            confidence: alpha of the paper.
            regularization: lambda of the paper.
            iterations: How often both sides are solved.
            seed: Of the factors to begin with.

        Raises:
            ValueError: An argument does not have this form.
            ImportError: `implicit` is not installed; ask `available` first.
        """
        # Neither is needed unless this baseline is asked for.
        from implicit.als import AlternatingLeastSquares  # noqa: PLC0415
        from threadpoolctl import threadpool_limits  # noqa: PLC0415

        weights = purchase_matrix(purchases, cut, n_items, half_life, _EVERY_PURCHASE)
        buyers = np.unique(purchases.before(cut).user_codes)  # a row of the matrix each
        with threadpool_limits(1, "blas"):  # implicit has threads of its own; both together are many times slower
            model = AlternatingLeastSquares(
                factors, regularization, alpha=confidence, iterations=iterations, random_state=seed, use_gpu=False
            )
            model.fit(csr_matrix(weights, dtype=np.float32), show_progress=False)
        rows = np.searchsorted(buyers, users).clip(max=len(buyers) - 1)
        found = np.where((buyers[rows] == users)[:, None], model.user_factors[rows], np.float32(0))
        item_ids = np.char.zfill(np.arange(n_items).astype(np.str_), len(str(n_items)))
        return cls(found, ItemIndex(item_ids, model.item_factors))

    def top(self, k: int, excluded: ItemLists | None = None) -> TopK:
        """Return the k items with the largest inner product for each user, equal ones by position.

        Args:
            k: How many items to return, at least 1; more than there are items is the same as all items.
            excluded: n lists of positions that must not be returned for their user; taken out before the cut.

        Returns:
            Positions (n, min(k, items)) int32 and scores float32, best first; missing places, and all places of a user
            who had not bought anything, hold -1 and -inf.

        Raises:
            ValueError: An argument does not have this form.
        """
        positions, scores = self.items.search(self.users, k, excluded)
        unknown = ~self.users.any(axis=1)
        positions[unknown], scores[unknown] = -1, -np.inf
        return positions, scores

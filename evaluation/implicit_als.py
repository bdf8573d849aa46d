"""Matrix factorization of implicit feedback (iALS) with the optional package `implicit`."""

import importlib.util
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from candidates.index import ItemIndex
from candidates.item_lists import ItemLists
from candidates.purchase_codes import PurchaseCodes
from candidates.sources.item_similarity import purchase_matrix
from candidates.topk import TopK

_ALL_PURCHASES: Final = 2**31 - 1  # no limit per user: the cost is linear in the purchases


def available() -> bool:
    """Return whether the package `implicit` is installed."""
    return importlib.util.find_spec("implicit") is not None


@dataclass(frozen=True, eq=False)
class ImplicitAls:
    """Factors of n users and of all items, fitted by alternating least squares.

    Hu, Koren and Volinsky, "Collaborative filtering for implicit feedback datasets", ICDM 2008; solved by conjugate
    gradients after Takács, Pilászy and Tikk, RecSys 2011.

    Attributes:
        users: (n, factors) float32; zeros for a user without purchases.
        items: item factors, searched by inner product.
    """

    users: NDArray[np.float32]
    items: ItemIndex

    @classmethod
    def fit(
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
        """Fit to the purchases of all users before the cut.

        The confidence in a purchase is `confidence` times its weight in
        `candidates.sources.item_similarity.purchase_matrix`. The settings were chosen in the weeks from 2017-11-14 and
        2017-11-21 of completejourney, where decaying weights raised recall by a quarter.

        Args:
            purchases: Of all users; those at or after the cut are ignored.
            cut: The moment of the forecast, UTC.
            users: (n,) user codes, in the order of the lists; users without purchases are allowed.
            n_items: The number of items in the index.
            factors: The length of the vectors.
            half_life: Days after which a purchase has half its weight.
            confidence: alpha of the paper.
            regularization: lambda of the paper.
            iterations: The number of alternations.
            seed: Of the initial factors.

        Raises:
            ValueError: An argument does not have this form.
            ImportError: `implicit` is not installed; see `available`.
        """
        # Optional dependencies of this baseline only.
        from implicit.als import AlternatingLeastSquares  # noqa: PLC0415
        from threadpoolctl import threadpool_limits  # noqa: PLC0415

        weights = purchase_matrix(purchases, cut, n_items, half_life, _ALL_PURCHASES)
        buyers = np.unique(purchases.before(cut).user_codes)  # the rows of the matrix
        with threadpool_limits(1, "blas"):  # implicit has its own threads; BLAS threads on top are many times slower
            model = AlternatingLeastSquares(
                factors, regularization, alpha=confidence, iterations=iterations, random_state=seed, use_gpu=False
            )
            model.fit(csr_matrix(weights, dtype=np.float32), show_progress=False)
        rows = np.searchsorted(buyers, users).clip(max=len(buyers) - 1)
        user_factors = np.where((buyers[rows] == users)[:, None], model.user_factors[rows], np.float32(0))
        item_ids = pc.utf8_lpad(pa.array(np.arange(n_items)).cast(pa.string()), len(str(n_items)), "0")
        return cls(user_factors, ItemIndex(item_ids, model.item_factors))

    def top(self, k: int, excluded: ItemLists | None = None) -> TopK:
        """Return the k items with the largest inner product for each user, equal ones by position.

        Args:
            k: How many items to return, at least 1; at most the number of items is returned.
            excluded: n lists of positions that must not be returned for their user; removed before the top k are taken.

        Returns:
            Positions (n, min(k, items)) int32 and scores float32, best first; padding is -1 with -inf. The
            lists of users without purchases are padding only.

        Raises:
            ValueError: An argument does not have this form.
        """
        positions, scores = self.items.search(self.users, k, excluded)
        unknown = ~self.users.any(axis=1)
        positions[unknown], scores[unknown] = -1, -np.inf
        return positions, scores

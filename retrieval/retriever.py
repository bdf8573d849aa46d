"""From query vectors and seen sets to candidate sets: search, filter before the cut, fall back to what sells."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from retrieval.candidates import candidates, choose_by_history
from retrieval.filters import AlreadyBought, excluded_items
from retrieval.item_index import ItemIndex
from retrieval.popularity import PopularityList


@dataclass(frozen=True, eq=False)
class Retriever:
    """What one release needs to retrieve.

    Attributes:
        index: the catalogue's vectors.
        popularity: the list for users without history, over the same items.
        already_bought: policy for items that a user has bought before.
        k: candidates for each user; fewer only if fewer items remain.
    """

    index: ItemIndex
    popularity: PopularityList
    already_bought: AlreadyBought
    k: int

    @classmethod
    def over(
        cls,
        item_ids: NDArray[np.str_],
        item_vectors: NDArray[np.float32],
        item_sales: NDArray[np.float32],
        already_bought: AlreadyBought,
        k: int,
    ) -> Self:
        """Build from a release's arrays, (items,), (items, dimensions) and (items,), ids ascending."""
        return cls(ItemIndex(item_ids, item_vectors), PopularityList.from_counts(item_sales), already_bought, k)

    def retrieve(self, user_ids: Sequence[str], queries: NDArray[np.float32], bought: pa.ListArray) -> pa.Table:
        """Return the candidate sets of some users.

        Args:
            user_ids: n ids, unique.
            queries: float32 (n, dimensions).
            bought: list<string> (n,), the item ids each user has bought; null or empty without history.

        Returns:
            A table with the schema `retrieval.candidates.CANDIDATES`, users in the order given.
        """
        has_history = np.asarray(pc.fill_null(pc.greater(pc.list_value_length(bought), 0), fill_value=False))
        known = np.flatnonzero(has_history)
        seen = [items.values.to_numpy(zero_copy_only=False) for items in bought.take(pa.array(known))]
        excluded = excluded_items(seen, self.index.item_ids, self.already_bought)
        two_tower = self.index.search(queries[known], self.k, excluded)
        popular = self.popularity.top(len(user_ids) - len(known), self.k)
        positions, scores, sources = choose_by_history(has_history, two_tower, popular)
        return candidates(np.array(user_ids, np.str_), positions, scores, self.index.item_ids, sources)

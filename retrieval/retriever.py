"""From query vectors and histories to candidate sets: every source, filtered before the cut, and their fusion."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from retrieval.candidates import candidates
from retrieval.filters import AlreadyBought
from retrieval.fusion import Fused, Fusion
from retrieval.histories import left_out
from retrieval.sources import DEPTH, POPULARITY, Queries, Sources


@dataclass(frozen=True, eq=False)
class Retriever:
    """What one release needs to retrieve.

    Attributes:
        sources: what proposes candidates.
        fusion: how they are put together, learned for this policy.
        already_bought: policy for items that a user has bought before: "drop" leaves them out, before the cut.
        k: candidates for each user; fewer only if the sources propose fewer.
    """

    sources: Sources
    fusion: Fusion
    already_bought: AlreadyBought
    k: int

    def retrieve(self, user_ids: Sequence[str], queries: Queries) -> pa.Table:
        """Return the candidate sets of some users.

        Args:
            user_ids: n ids, unique.
            queries: n; without a history a user gets what sells, with units sold as score.

        Returns:
            A table with the schema `retrieval.candidates.CANDIDATES`, users in the order given.
        """
        pool = self.sources.pool(queries, max(DEPTH, self.k), left_out(queries.histories, self.already_bought))
        fused = self._with_bestsellers(self.fusion.fuse(pool, self.k), np.diff(queries.histories.offsets) == 0)
        return candidates(np.array(user_ids, np.str_), fused, self.sources.index.item_ids)

    def _with_bestsellers(self, fused: Fused, users: NDArray[np.bool_]) -> Fused:
        """Give some users the bestsellers: nothing else speaks for them, and the weights were learned from others."""
        top = min(self.k, len(self.sources.popularity))
        positions, scores = self.sources.popularity.top(int(users.sum()), top)
        column = fused.sources.index(POPULARITY)
        fused.positions[users], fused.scores[users], fused.ranks[users], fused.source_scores[users] = -1, -np.inf, 0, 0
        rows = np.flatnonzero(users)[:, None]
        places = np.arange(top)[None]
        fused.positions[rows, places], fused.scores[rows, places] = positions, scores
        fused.ranks[rows, places, column], fused.source_scores[rows, places, column] = places + 1, scores
        return fused

"""What several sources propose, each candidate once, with what every source said of it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from candidates.item_lists import TopK


@dataclass(frozen=True, eq=False)
class Pool:
    """The union of the sources' lists.

    Attributes:
        sources: their names, in order.
        users: how many users there are, n.
        rows: int64 (pairs,), ascending: whose candidate it is, 0 to n - 1.
        positions: int32 (pairs,), ascending within a user: which item it is.
        ranks: int32 (pairs, sources), the place on the source's list from 1, 0 if it is not on it.
        scores: float32 (pairs, sources), the source's own score; 0 if it is not on the list and the source says
            nothing of what it does not list.
    """

    sources: tuple[str, ...]
    users: int
    rows: NDArray[np.int64]
    positions: NDArray[np.int32]
    ranks: NDArray[np.int32]
    scores: NDArray[np.float32]

    @classmethod
    def from_lists(cls, lists: Mapping[str, TopK]) -> Self:
        """Put the lists of all sources together.

        Args:
            lists: by source, positions and scores (n, width); -1 is padding, no item twice in a row.

        Raises:
            ValueError: there are no sources, or they are not about the same number of users.
        """
        users = {len(positions) for positions, _ in lists.values()}
        if len(users) != 1:
            raise ValueError(f"All sources must list for the same users, at least one source, not for {sorted(users)}.")
        [n] = users
        entries = [_entries(source, *ranked) for source, ranked in enumerate(lists.values())]
        rows, positions, sources, ranks, scores = map(np.concatenate, zip(*entries, strict=True))
        width = int(positions.max(initial=0)) + 1
        pairs, place = np.unique(rows * width + positions, return_inverse=True)
        all_ranks = np.zeros((len(pairs), len(lists)), np.int32)
        all_scores = np.zeros((len(pairs), len(lists)), np.float32)
        all_ranks[place, sources] = ranks
        all_scores[place, sources] = scores
        return cls(tuple(lists), n, pairs // width, (pairs % width).astype(np.int32), all_ranks, all_scores)

    def with_scores(self, scores: Mapping[str, NDArray[np.float32]]) -> Self:
        """Return the pool with some sources' scores of every candidate, listed or not, float32 (pairs,) each."""
        every = self.scores.copy()
        for source, column in scores.items():
            every[:, self.sources.index(source)] = column
        return replace(self, scores=every)

    def with_candidates(
        self,
        source: str,
        rows: NDArray[np.integer[Any]],
        positions: NDArray[np.int32],
        ranks: NDArray[np.int32],
        scores: NDArray[np.float32],
    ) -> Self:
        """Return the pool with more that a source lists: pairs (m,) of user and item, none twice, in any order."""
        width = int(max(self.positions.max(initial=0), positions.max(initial=0))) + 1
        own, more = self.rows * width + self.positions, rows.astype(np.int64) * width + positions
        # Sorting and dropping repeats by hand takes a tenth of the time of np.union1d.
        pairs = np.sort(np.concatenate([own, more]))
        pairs = pairs[np.diff(pairs, prepend=-1) > 0]
        all_ranks = np.zeros((len(pairs), len(self.sources)), np.int32)
        all_scores = np.zeros((len(pairs), len(self.sources)), np.float32)
        places = np.searchsorted(pairs, own)
        all_ranks[places], all_scores[places] = self.ranks, self.scores
        places, column = np.searchsorted(pairs, more), self.sources.index(source)
        all_ranks[places, column], all_scores[places, column] = ranks, scores
        return replace(
            self, rows=pairs // width, positions=(pairs % width).astype(np.int32), ranks=all_ranks, scores=all_scores
        )

    def __len__(self) -> int:
        """How many pairs of user and candidate there are."""
        return len(self.rows)


def _entries(
    source: int, positions: NDArray[np.int32], scores: NDArray[np.float32]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int32], NDArray[np.float32]]:
    """Row, position, source, rank and score of everything on a source's lists."""
    rows, places = np.nonzero(positions >= 0)
    return (
        rows,
        positions[rows, places].astype(np.int64),
        np.full(len(rows), source),
        (places + 1).astype(np.int32),
        scores[rows, places],
    )

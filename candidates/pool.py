"""The candidate pool: the union of the lists of several sources, with each source's rank and score."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from candidates.compiled import compiled
from candidates.topk import TopK


@dataclass(frozen=True, eq=False)
class Pool:
    """The candidates of n users, each once, as pairs of user and item.

    Attributes:
        sources: names of the sources, in order.
        offsets: int64 (n + 1,); the candidates of user i are those from offsets[i] to offsets[i + 1] - 1.
        positions: int32 (pairs,), ascending within a user, the item of each candidate.
        ranks: int32 (pairs, sources), the rank on each source's list from 1; 0 if it is not on the list.
        scores: float32 (pairs, sources), each source's score; 0 if the candidate is not on the list and the source
            does not score other items.
    """

    sources: tuple[str, ...]
    offsets: NDArray[np.int64]
    positions: NDArray[np.int32]
    ranks: NDArray[np.int32]
    scores: NDArray[np.float32]

    @classmethod
    def from_lists(cls, lists: Mapping[str, TopK]) -> Self:
        """Build the union of the lists of all sources.

        Args:
            lists: for each source, positions and scores (n, width), no item twice in a row; -1 is padding, which may
                stand anywhere.

        Raises:
            ValueError: there are no sources, or their numbers of users differ.
        """
        users = {len(positions) for positions, _ in lists.values()}
        if len(users) != 1:
            raise ValueError(f"All sources must list for the same users, at least one source, not for {sorted(users)}.")
        [n] = users
        shape = (len(lists), n, max(positions.shape[1] for positions, _ in lists.values()))
        listed, list_scores = np.full(shape, -1, np.int32), np.empty(shape, np.float32)
        for number, (positions, scores) in enumerate(lists.values()):
            listed[number, :, : positions.shape[1]], list_scores[number, :, : scores.shape[1]] = positions, scores
        items = int(listed.max(initial=-1)) + 1
        offsets = np.zeros(n + 1, np.int64)
        _count(listed, np.full(items, -1, np.int64), offsets)
        cells = (int(offsets[-1]), len(lists))
        pool = cls(
            tuple(lists),
            offsets,
            np.empty(cells[0], np.int32),
            np.zeros(cells, np.int32),
            np.zeros(cells, np.float32),
        )
        marks = np.zeros(-(-items // 8) * 8, np.bool_)
        _merge(
            listed, list_scores, marks, marks.view(np.uint64), np.empty(items, np.int64),
            offsets, pool.positions, pool.ranks, pool.scores,
        )  # fmt: skip
        return pool

    @classmethod
    def concat(cls, parts: Sequence[Self]) -> Self:
        """Concatenate the pools of consecutive blocks of users; at least one part, all of the same sources."""
        starts = np.cumsum([0, *(len(part) for part in parts)])
        return cls(
            parts[0].sources,
            np.concatenate([[0], *(part.offsets[1:] + start for part, start in zip(parts, starts[:-1], strict=True))]),
            np.concatenate([part.positions for part in parts]),
            np.concatenate([part.ranks for part in parts]),
            np.concatenate([part.scores for part in parts]),
        )

    @property
    def users(self) -> int:
        """The number of users, n."""
        return len(self.offsets) - 1

    @cached_property
    def rows(self) -> NDArray[np.int64]:
        """The user of each candidate, int64 (pairs,), ascending, 0 to n - 1."""
        return np.repeat(np.arange(self.users), np.diff(self.offsets))

    def with_scores(self, scores: Mapping[str, NDArray[np.float32]]) -> Self:
        """Return the pool with other scores of some sources, float32 (pairs,) each, for listed and unlisted items."""
        replaced = self.scores.copy()
        for source, column in scores.items():
            replaced[:, self.sources.index(source)] = column
        return replace(self, scores=replaced)

    def with_candidates(
        self,
        source: str,
        rows: NDArray[np.integer[Any]],
        positions: NDArray[np.int32],
        ranks: NDArray[np.int32],
        scores: NDArray[np.float32],
    ) -> Self:
        """Return the pool with more candidates of one source: pairs (m,) of user and item in any order, none twice."""
        width = int(max(self.positions.max(initial=0), positions.max(initial=0))) + 1
        current, added = self.rows * width + self.positions, rows.astype(np.int64) * width + positions
        # Sorting and dropping repeats by hand takes a tenth of the time of np.union1d.
        keys = np.sort(np.concatenate([current, added]))
        keys = keys[np.diff(keys, prepend=-1) > 0]
        all_ranks = np.zeros((len(keys), len(self.sources)), np.int32)
        all_scores = np.zeros((len(keys), len(self.sources)), np.float32)
        pairs = np.searchsorted(keys, current)
        all_ranks[pairs], all_scores[pairs] = self.ranks, self.scores
        pairs, column = np.searchsorted(keys, added), self.sources.index(source)
        all_ranks[pairs, column], all_scores[pairs, column] = ranks, scores
        offsets = np.searchsorted(keys, np.arange(self.users + 1, dtype=np.int64) * width).astype(np.int64)
        return type(self)(self.sources, offsets, (keys % width).astype(np.int32), all_ranks, all_scores)

    def take(self, users: NDArray[np.bool_]) -> Self:
        """Return the candidates of the users where `users`, bool (n,), is True; the others keep none."""
        kept = users[self.rows]
        offsets = np.concatenate([[0], np.cumsum(np.where(users, np.diff(self.offsets), 0))])
        return type(self)(self.sources, offsets, self.positions[kept], self.ranks[kept], self.scores[kept])

    def __len__(self) -> int:
        """Return the number of pairs of user and candidate."""
        return len(self.positions)


@compiled
def _count(listed: NDArray[np.int32], counted_for: NDArray[np.int64], offsets: NDArray[np.int64]) -> None:
    """Write the offsets of the pool; `counted_for` holds -1 for each item."""
    sources, n, width = listed.shape
    for row in range(n):
        count = 0
        for source in range(sources):
            for slot in range(width):
                item = listed[source, row, slot]
                if item >= 0 and counted_for[item] != row:
                    counted_for[item] = row
                    count += 1
        offsets[row + 1] = offsets[row] + count


@compiled
def _merge(
    listed: NDArray[np.int32],
    list_scores: NDArray[np.float32],
    marks: NDArray[np.bool_],
    words: NDArray[np.uint64],
    pairs: NDArray[np.int64],
    offsets: NDArray[np.int64],
    positions: NDArray[np.int32],
    ranks: NDArray[np.int32],
    scores: NDArray[np.float32],
) -> None:
    """Write positions, ranks and scores of the pool.

    `marks` holds False for each item, `words` is the same memory, eight items to a word: reading it in order sorts the
    candidates without comparing them. `pairs` is room for the pair of each item.
    """
    sources, n, width = listed.shape
    for row in range(n):
        for source in range(sources):
            for slot in range(width):
                item = listed[source, row, slot]
                if item >= 0:
                    marks[item] = True
        _collect(marks, words, offsets[row], positions, pairs)
        for source in range(sources):
            for slot in range(width):
                item = listed[source, row, slot]
                if item >= 0:
                    ranks[pairs[item], source] = slot + 1
                    scores[pairs[item], source] = list_scores[source, row, slot]


@compiled
def _collect(
    marks: NDArray[np.bool_],
    words: NDArray[np.uint64],
    pair: int,
    positions: NDArray[np.int32],
    pairs: NDArray[np.int64],
) -> None:
    """Write the marked items in order, from a pair on, and clear the marks."""
    for word in range(len(words)):
        if words[word] == 0:
            continue
        for item in range(8 * word, 8 * word + 8):
            if marks[item]:
                positions[pair], pairs[item] = item, pair
                pair += 1
        words[word] = 0

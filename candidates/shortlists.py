"""Shortlists: the items that may be among the k best of each query, found while their scores arrive tile by tile."""

from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from candidates.compiled import compiled

CHUNK: Final = 64
_SAMPLE: Final = 4_096
_LOWEST: Final = np.finfo(np.float32).min  # above -inf, which is the score of a masked item

_Scores = NDArray[np.float32]
_Positions = NDArray[np.int32]
_Integers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Shortlists:
    """The shortlists of n queries. All arrays but `margins` change while scores are collected.

    Scores are compared with a bound, the k-th best score so far less a margin. A chunk of scores takes a few vector
    instructions; most chunks hold no score that reaches the bound, and only the others are read score by score. The
    bound rises every few dozen items.

    Attributes:
        k: how many items are needed of each query, at least 1.
        margins: float64 (n,), how far below the k-th best score an item may be and still be needed.
        bounds: float32 (n,), the scores that an item must reach.
        positions: int32 (n, capacity), the items that reached the bound of that time.
        scores: float32 (n, capacity), their scores.
        counts: int64 (n,), how many there are; -1 if more items than the capacity holds are within the margin.
        limits: int64 (n,), the count at which the bound is raised.
    """

    k: int
    margins: NDArray[np.float64]
    bounds: _Scores
    positions: _Positions
    scores: _Scores
    counts: _Integers
    limits: _Integers

    @classmethod
    def empty(cls, k: int, margins: NDArray[np.float64], capacity: int) -> Self:
        """Return empty shortlists, one for each margin.

        Raises:
            ValueError: the capacity is less than 2 (k + `CHUNK`).
        """
        n = len(margins)
        if capacity < 2 * (k + CHUNK):
            raise ValueError(f"The capacity must be at least 2 ({k} + {CHUNK}), not {capacity}.")
        return cls(
            k,
            margins,
            bounds=np.full(n, _LOWEST, np.float32),
            positions=np.empty((n, capacity), np.int32),
            scores=np.empty((n, capacity), np.float32),
            counts=np.zeros(n, np.int64),
            limits=np.full(n, k + CHUNK, np.int64),
        )

    def collect(self, scores: _Scores, first: int) -> None:
        """Add a tile of scores.

        Args:
            scores: float32 (n, width), contiguous, of the items `first` to `first + width - 1`; -inf is no item. The
                width is a multiple of `CHUNK`.
            first: position of the first item.
        """
        chunks = scores.reshape(len(self.counts), -1, CHUNK)
        _collect(
            chunks, first, self.k, self.margins, self.bounds, self.positions, self.scores, self.counts, self.limits
        )

    def finish(self) -> tuple[_Integers, _Positions]:
        """Return the items within the margin of the k-th best score, or all if there are at most k.

        Returns:
            Offsets int64 (n + 1,) and positions int32; the items of query i are `positions[offsets[i]:offsets[i + 1]]`.
            There are none if the count is -1.
        """
        return _finish(self.k, self.margins, self.bounds, self.positions, self.scores, self.counts)


@compiled
def _collect(
    chunks: _Scores,
    first: int,
    k: int,
    margins: NDArray[np.float64],
    bounds: _Scores,
    positions: _Positions,
    scores: _Scores,
    counts: _Integers,
    limits: _Integers,
) -> None:
    n, per_row, width = chunks.shape
    capacity = positions.shape[1]
    for row in range(n):
        if counts[row] < 0:
            continue
        count, bound, limit = counts[row], bounds[row], limits[row]
        if bound == _LOWEST:
            sample = chunks[row, : _SAMPLE // CHUNK].reshape(-1)
            bound = _lower(_reached(sample, len(sample), k, k + k // 2), margins[row])
        for chunk in range(per_row):
            if not _any_reaches(chunks, row, chunk, bound):
                continue
            for slot in range(width):
                if chunks[row, chunk, slot] >= bound:
                    positions[row, count], scores[row, count] = first + chunk * width + slot, chunks[row, chunk, slot]
                    count += 1
            if count >= limit:
                bound, count = _raise_bound(k, margins[row], bound, positions[row], scores[row], count)
                limit = min(count + max(CHUNK, k // 2), capacity - width + 1)
                if count < 0:
                    break
        counts[row], bounds[row], limits[row] = count, bound, limit


@compiled
def _any_reaches(chunks: _Scores, row: int, chunk: int, bound: np.float32) -> bool:
    reaching = False
    for slot in range(chunks.shape[2]):
        reaching |= chunks[row, chunk, slot] >= bound
    return reaching


@compiled
def _raise_bound(
    k: int, margin: float, bound: np.float32, positions: _Positions, scores: _Scores, count: int
) -> tuple[np.float32, int]:
    """Return the bound after the entries so far, and their count; without room for another chunk, entries are cut."""
    bound = max(bound, _lower(_reached(scores, count, k, k), margin))
    if count + CHUNK > len(scores):
        count = _cut(positions, scores, count, bound)
        # Cutting a few entries again and again would take quadratic time.
        if count > len(scores) // 2:
            count = -1
    return bound, count


@compiled
def _finish(
    k: int,
    margins: NDArray[np.float64],
    bounds: _Scores,
    positions: _Positions,
    scores: _Scores,
    counts: _Integers,
) -> tuple[_Integers, _Positions]:
    n = len(counts)
    offsets = np.zeros(n + 1, np.int64)
    for row in range(n):
        count = max(counts[row], 0)
        if count > k:
            bound = max(bounds[row], _lower(_reached(scores[row], count, k, k), margins[row]))
            count = _cut(positions[row], scores[row], count, bound)
        offsets[row + 1] = offsets[row] + count
    found = np.empty(offsets[n], np.int32)
    for row in range(n):
        for entry in range(offsets[row + 1] - offsets[row]):
            found[offsets[row] + entry] = positions[row, entry]
    return offsets, found


@compiled
def _cut(positions: _Positions, scores: _Scores, count: int, bound: np.float32) -> int:
    """Keep the entries that reach the bound, in their order, and return how many there are."""
    kept = 0
    for entry in range(count):
        if scores[entry] >= bound:
            positions[kept], scores[kept] = positions[entry], scores[entry]
            kept += 1
    return kept


@compiled
def _reached(scores: _Scores, count: int, k: int, most: int) -> np.float32:
    """Return a score that at least k of the first `count` scores reach, and at most `most` unless there are ties.

    It is -inf if there are fewer than k. Bisection over all float32 numbers, each step counting the scores with vector
    instructions: faster than quickselect for some hundred scores, and independent of their order.
    """
    low, high = _order(np.float32(-np.inf)), _order(np.float32(np.inf)) + 1
    while high - low > 1:
        middle = (low + high) // 2
        bound = _score_of_order(middle)
        reaching = np.int32(0)  # 32 bits, as wide as a score
        for entry in range(count):
            reaching = np.int32(reaching + (np.int32(1) if scores[entry] >= bound else np.int32(0)))
        if reaching < k:
            high = middle
        else:
            low = middle
            if reaching <= most:
                break
    return _score_of_order(low)


@compiled
def _lower(score: np.float32, margin: float) -> np.float32:
    return np.float32(max(np.float64(score) - margin, np.float64(_LOWEST)))


@compiled
def _order(score: np.float32) -> np.int64:
    """Return an integer of 32 bits whose order is that of the scores; the inverse of `_score_of_order`."""
    bits = np.float32(score).view(np.int32)
    return np.int64(bits if bits >= 0 else bits ^ np.int32(0x7FFFFFFF))


@compiled
def _score_of_order(order: np.int64) -> np.float32:
    bits = np.int32(order)
    return np.int32(bits if bits >= 0 else bits ^ np.int32(0x7FFFFFFF)).view(np.float32)

"""Words to codes: the same codes from Arrow columns in training and from raw strings in serving."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

MISSING = 0
UNKNOWN = 1
FIRST_TOKEN = 2


@dataclass(frozen=True)
class Vocabulary:
    """The words seen in training, ascending. Code 0 is a missing word, code 1 an unknown one, the others follow."""

    tokens: tuple[str, ...]

    @classmethod
    def of(cls, column: Iterable[pa.Array]) -> Self:
        """Collect the distinct words of a string column that comes in pieces; null and "" are missing, not words."""
        words: set[str] = set()
        for piece in column:
            words.update(pc.unique(piece).drop_null().to_pylist())
        return cls(tuple(sorted(words - {""})))

    @property
    def size(self) -> int:
        """How many codes there are, with the two reserved ones."""
        return len(self.tokens) + FIRST_TOKEN

    def union(self, other: Self) -> Self:
        """The words of both."""
        return type(self)(tuple(sorted({*self.tokens, *other.tokens})))

    def recode(self, other: Self) -> NDArray[np.int32]:
        """The code that each word has in another vocabulary, in the order of its code here, int32 (size,)."""
        words = other.encode(pa.array(self.tokens, pa.string()))
        return np.concatenate([np.array([MISSING, UNKNOWN], np.int32), words])

    @cached_property
    def _codes(self) -> dict[str, int]:
        return {"": MISSING, **{word: code for code, word in enumerate(self.tokens, FIRST_TOKEN)}}

    def encode(self, column: pa.ChunkedArray | pa.Array) -> NDArray[np.int32]:
        """Codes of a string column, int32, (rows,)."""
        column = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
        # Each word of the column is looked up once. Arrow's own look-up would hash the whole vocabulary every time.
        distinct = pc.dictionary_encode(column)
        codes = [self._codes.get(word, UNKNOWN) for word in distinct.dictionary.to_pylist()]
        places = distinct.indices.fill_null(len(codes)).to_numpy()
        return np.asarray(np.array([*codes, MISSING], np.int32)[places])

    def encode_lists(self, column: pa.ChunkedArray, length: int) -> NDArray[np.int32]:
        """Codes of the first `length` words of each list, int32, (rows, length), padded with 0."""
        lists = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
        return pad_lists(lists, length, np.int32(MISSING), self.encode(lists.flatten()))


def pad_lists(
    column: pa.ChunkedArray | pa.Array, length: int, padding: np.generic, values: NDArray[Any] | None = None
) -> NDArray[Any]:
    """The first `length` elements of each list, (rows, length), of the type of `padding`, which fills the rest.

    Args:
        column: lists; null is an empty one.
        length: how many are kept.
        padding: what stands where there is no element.
        values: what to take instead of the lists' own elements, one for each, in their order.
    """
    lists = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    counts = pc.fill_null(pc.list_value_length(lists), 0).to_numpy(zero_copy_only=False).astype(np.int64)
    flat = lists.flatten().to_numpy(zero_copy_only=False) if values is None else values
    rows = np.repeat(np.arange(len(counts)), counts)
    places = np.arange(len(flat)) - np.repeat(np.cumsum(counts) - counts, counts)
    kept = places < length
    answer = np.full((len(counts), length), padding)
    answer[rows[kept], places[kept]] = flat[kept]
    return answer

"""Strings to integer codes: the same codes for Arrow columns in training and for raw strings in serving."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from candidates.list_columns import read_lists
from candidates.text_codes import TextCodes

MISSING = 0
UNKNOWN = 1
FIRST_TOKEN = 2


@dataclass(frozen=True)
class Vocabulary:
    """The distinct values (tokens) of an id or category in the training set, ascending.

    Code 0 is a missing value, code 1 an unknown one; token i has code i + 2.
    """

    tokens: tuple[str, ...]

    @classmethod
    def of(cls, chunks: Iterable[pa.Array]) -> Self:
        """Collect the distinct values of a string column, given in chunks; null and "" count as missing."""
        tokens: set[str] = set()
        for chunk in chunks:
            tokens.update(pc.unique(chunk).drop_null().to_pylist())
        return cls(tuple(sorted(tokens - {""})))

    @property
    def size(self) -> int:
        """Number of codes, including the two reserved ones."""
        return len(self.tokens) + FIRST_TOKEN

    def union(self, other: Self) -> Self:
        """Return the vocabulary of the tokens of both."""
        return type(self)(tuple(sorted({*self.tokens, *other.tokens})))

    def recode(self, other: Self) -> NDArray[np.int32]:
        """Return the code in `other` of each code of this vocabulary, int32 (size,)."""
        codes = other.encode(pa.array(self.tokens, pa.string()))
        return np.concatenate([np.array([MISSING, UNKNOWN], np.int32), codes])

    @cached_property
    def _codes(self) -> TextCodes:
        return TextCodes.from_texts(pa.array(["", *self.tokens], pa.string()))

    def encode(self, column: pa.ChunkedArray | pa.Array) -> NDArray[np.int32]:
        """Return the codes of a string column, int32 (rows,)."""
        found = self._codes.find(column)  # "" is 0, the first token 1; -1 is unknown or null
        codes = np.where(
            found > 0, found + (FIRST_TOKEN - 1), np.where(found < 0, np.int32(UNKNOWN), np.int32(MISSING))
        )
        if column.null_count:
            codes[np.asarray(column.is_null())] = MISSING
        return codes

    def encode_lists(self, column: pa.ChunkedArray | pa.Array, length: int) -> NDArray[np.int32]:
        """Return the codes of the first `length` elements of each list, int32 (rows, length), padded with 0."""
        lists = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
        return pad_lists(lists, length, np.int32(MISSING), self.encode(lists.flatten()))


def pad_lists(
    column: pa.ChunkedArray | pa.Array, length: int, padding: np.generic, values: NDArray[Any] | None = None
) -> NDArray[Any]:
    """Return the first `length` elements of each list, (rows, length), padded at the end.

    Args:
        column: lists; null counts as an empty list.
        length: number of columns of the result; longer lists are truncated.
        padding: fills missing positions, and decides the dtype of the result.
        values: used instead of the lists' own elements, one per element, in their order.
    """
    lists = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    lengths, elements = read_lists(lists)
    counts = lengths.astype(np.int64)
    flat = elements.to_numpy(zero_copy_only=False) if values is None else values
    rows = np.repeat(np.arange(len(counts)), counts)
    positions = np.arange(len(flat)) - np.repeat(np.cumsum(counts) - counts, counts)
    kept = positions < length
    padded = np.full((len(counts), length), padding)
    padded[rows[kept], positions[kept]] = flat[kept]
    return padded

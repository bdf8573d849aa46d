"""List inputs of a tower as flat arrays, without padding."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from candidates.list_columns import read_lists
from features.store.service_schema import FeatureColumn
from models.encoding import Encoding
from models.pooling import log_numbers
from models.vocabulary import Vocabulary

Positions = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class FlatLists:
    """Lists of n rows: list i holds the positions `starts[i]` to `starts[i] + counts[i]`.

    Attributes:
        starts: (n,).
        counts: (n,), at most the length that the tower uses.
        codes: int32 (positions,).
        numbers: float32 (positions, numbers), log(1 + x) of the numbers aligned with the list, 0 if one is missing or
            negative; without any, one column of ones.
    """

    starts: Positions
    counts: Positions
    codes: NDArray[np.int32]
    numbers: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class ListInput:
    """A list input of a tower.

    Attributes:
        name: of the list.
        numbers: names of the numbers aligned with it.
        length: number of elements that the tower uses.
        vocabulary: of the elements.
    """

    name: str
    numbers: tuple[str, ...]
    length: int
    vocabulary: Vocabulary

    @classmethod
    def from_column(cls, encoding: Encoding, column: FeatureColumn) -> Self:
        """Return the input for a column of the encoding's service."""
        numbers = tuple(number.name for number in encoding.schema.aligned_with(column.name))
        return cls(column.name, numbers, encoding.schema.max_length(column), encoding.vocabularies[column.name])

    def read(self, rows: pa.Table) -> FlatLists:
        """Read the lists, and the numbers aligned with them, from rows of features."""
        elements, starts, counts = _flatten(rows[self.name], self.length)
        numbers = np.zeros((len(elements), max(len(self.numbers), 1)), np.float32)
        for column, name in enumerate(self.numbers):
            values, number_starts, number_counts = _flatten(rows[name], self.length)
            flat = values.to_numpy(zero_copy_only=False).astype(np.float32)  # nulls become NaN
            log_numbers(starts, np.minimum(counts, number_counts), number_starts, flat, numbers, column)
        if not self.numbers:
            numbers[:] = 1
        return FlatLists(starts, counts, self.vocabulary.encode(elements), numbers)


def _flatten(column: pa.ChunkedArray, length: int) -> tuple[pa.Array, Positions, Positions]:
    """Return the elements of all lists, and the start and the number, at most `length`, of those of each list."""
    lengths, elements = read_lists(column.combine_chunks())
    counts = lengths.astype(np.int64)
    return elements, np.cumsum(counts) - counts, np.minimum(counts, length)

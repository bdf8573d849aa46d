"""Columns of lists in feature tables, as flat arrays."""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


def flatten_lists(
    columns: Mapping[str, pa.ListArray | pa.ChunkedArray],
) -> tuple[NDArray[np.int64], tuple[pa.Array, ...]]:
    """Flatten aligned columns of lists.

    Args:
        columns: lists (n,) by name; null and empty lists are equal.

    Returns:
        Offsets int64 (n + 1,) and the values of each column: those of row i are `offsets[i]:offsets[i + 1]`.

    Raises:
        ValueError: the lists of a row differ in length.
    """
    lists = [column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column for column in columns.values()]
    lengths = [list_lengths(column) for column in lists]
    for name, other in zip(columns, lengths, strict=True):
        if not np.array_equal(other, lengths[0]):
            raise ValueError(f"{next(iter(columns))} and {name} must be equally long for each user.")
    offsets = np.zeros(len(lengths[0]) + 1, np.int64)
    np.cumsum(lengths[0], out=offsets[1:])
    return offsets, tuple(column.flatten() for column in lists)


def list_lengths(lists: pa.ListArray) -> NDArray[np.int32]:
    """Return the number of values of each list that `ListArray.flatten` returns, int32 (n,); 0 for null."""
    lengths = np.diff(np.asarray(lists.offsets))
    if lists.null_count:
        lengths[np.asarray(lists.is_null())] = 0  # Arrow allows values behind a null; `flatten` leaves them out
    return lengths

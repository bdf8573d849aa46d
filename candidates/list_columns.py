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
    flat = [read_lists(column) for column in lists]
    lengths = [each for each, _ in flat]
    for name, other in zip(columns, lengths, strict=True):
        if not np.array_equal(other, lengths[0]):
            raise ValueError(f"{next(iter(columns))} and {name} must be equally long for each user.")
    offsets = np.zeros(len(lengths[0]) + 1, np.int64)
    np.cumsum(lengths[0], out=offsets[1:])
    return offsets, tuple(values for _, values in flat)


def read_lists(lists: pa.ListArray) -> tuple[NDArray[np.int32], pa.Array]:
    """Return the length of each list, int32 (n,), 0 for null, and the values of all lists, one after the other."""
    # For one user, `np.diff` and `ListArray.flatten` take several times as long as this.
    offsets = lists.offsets.to_numpy()
    lengths = offsets[1:] - offsets[:-1]
    if lists.null_count:
        lengths[np.asarray(lists.is_null())] = 0  # Arrow allows values behind a null; `flatten` leaves them out
        return lengths, lists.flatten()
    return lengths, lists.values[offsets[0] : offsets[-1]]

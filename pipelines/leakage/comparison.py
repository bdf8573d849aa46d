"""Snapshots of the same data from two sources, compared value by value."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from features.parquet_rows import ROWS_PER_BATCH, ParquetRows

SHOWN_ROWS: Final = 5
_SHOWN_ELEMENTS: Final = 5


@dataclass(frozen=True)
class Snapshot:
    """Rows that must be the same whichever source they come from.

    Attributes:
        name: what the rows are.
        rows: in an order that does not depend on the source.
        keys: the columns that identify a row.
        views: the feature view of each column to compare, keys included.
    """

    name: str
    rows: pa.Table | ParquetRows
    keys: tuple[str, ...]
    views: Mapping[str, str]


@dataclass(frozen=True)
class DifferentRow:
    """One row in which a column differs.

    Attributes:
        key: values of the key columns.
        expected: the correct value; of a list, the first elements from the first difference on.
        found: the value in the other snapshot.
    """

    key: tuple[Any, ...]
    expected: Any
    found: Any


@dataclass(frozen=True)
class Difference:
    """One column in which two snapshots differ.

    Attributes:
        snapshot: their name.
        view: the feature view of the column.
        column: its name; the names of the keys if the rows themselves differ.
        keys: names of the values in `DifferentRow.key`.
        count: number of different rows.
        rows: the first of them.
    """

    snapshot: str
    view: str
    column: str
    keys: tuple[str, ...]
    count: int
    rows: tuple[DifferentRow, ...]


@dataclass(frozen=True)
class SnapshotComparison:
    """The result of comparing two snapshots.

    Attributes:
        snapshot: their name.
        rows: number of rows compared.
        columns: number of columns compared, keys included.
        differences: empty if all values are equal.
    """

    snapshot: str
    rows: int
    columns: int
    differences: tuple[Difference, ...]


def compare(expected: Snapshot, found: Snapshot) -> SnapshotComparison:
    """Compare two snapshots row by row, in their order.

    Values are equal if both are null, both are NaN, or their bits are the same. From the first row with different keys
    on, rows do not correspond: their values are not compared, and all of them count as different.

    Args:
        expected: the correct snapshot.
        found: the snapshot to check, with the same columns.
    """
    counts: dict[str, int] = {}
    first: dict[str, list[DifferentRow]] = {}
    compared = 0
    for left, right in _paired_parts(expected.rows, found.rows):
        aligned = _aligned(left, right, expected.keys)
        for name in expected.views:
            positions = np.flatnonzero(_unequal(left[name].slice(0, aligned), right[name].slice(0, aligned)))
            if len(positions):
                rows = first.setdefault(name, [])
                counts[name] = counts.get(name, 0) + len(positions)
                shown = positions[: SHOWN_ROWS - len(rows)]
                rows.extend(_different_row(left, right, expected.keys, name, int(position)) for position in shown)
        compared += aligned
        if aligned < max(left.num_rows, right.num_rows):
            all_keys = ", ".join(expected.keys)
            counts[all_keys] = max(expected.rows.num_rows, found.rows.num_rows) - compared
            first[all_keys] = _unmatched_rows(left.slice(aligned), right.slice(aligned), expected.keys)
            break
    views = {", ".join(expected.keys): expected.views[expected.keys[0]], **expected.views}
    differences = tuple(
        Difference(expected.name, views[name], name, expected.keys, count, tuple(first[name]))
        for name, count in counts.items()
    )
    return SnapshotComparison(expected.name, compared, len(expected.views), differences)


def _paired_parts(left: pa.Table | ParquetRows, right: pa.Table | ParquetRows) -> Iterator[tuple[pa.Table, pa.Table]]:
    """Yield parts of both that begin at the same row; after the end of one, its parts are empty."""
    empty = (left if isinstance(left, pa.Table) else left.schema.empty_table()).slice(0, 0)
    return zip_longest(_parts(left), _parts(right), fillvalue=empty)


def _parts(rows: pa.Table | ParquetRows) -> Iterator[pa.Table]:
    starts = range(0, rows.num_rows, ROWS_PER_BATCH)
    if isinstance(rows, pa.Table):
        return (rows.slice(start, ROWS_PER_BATCH) for start in starts)
    return rows.split([min(ROWS_PER_BATCH, rows.num_rows - start) for start in starts])


def _aligned(left: pa.Table, right: pa.Table, keys: tuple[str, ...]) -> int:
    """Return the number of leading rows with equal keys."""
    aligned: int = min(left.num_rows, right.num_rows)
    for key in keys:
        others = np.flatnonzero(_unequal(left[key].slice(0, aligned), right[key].slice(0, aligned)))
        aligned = int(others[0]) if len(others) else aligned
    return aligned


def _unequal(left: pa.ChunkedArray, right: pa.ChunkedArray) -> NDArray[np.bool_]:
    """Return where two columns of one type and length differ, bool (rows,)."""
    if pa.types.is_floating(left.type):
        return _unequal_floats(left, right)
    if pa.types.is_list(left.type):
        return _unequal_lists(left, right)
    if left.equals(right):
        return np.zeros(len(left), np.bool_)
    one_is_null = pc.xor(left.is_null(), right.is_null())
    return np.asarray(pc.or_(one_is_null, pc.fill_null(pc.not_equal(left, right), fill_value=False)))


def _unequal_lists(left: pa.ChunkedArray, right: pa.ChunkedArray) -> NDArray[np.bool_]:
    """Compare lists of equal lengths element by element, because Arrow has no comparison of list columns."""
    lengths, other_lengths = (np.asarray(pc.fill_null(pc.list_value_length(lists), -1)) for lists in (left, right))
    unequal = np.asarray(lengths != other_lengths)
    rows = np.flatnonzero(~unequal)
    elements = (pc.list_flatten(lists.take(pa.array(rows))) for lists in (left, right))
    unequal[np.repeat(rows, np.maximum(lengths[rows], 0))[_unequal(*elements)]] = True
    return unequal


def _unequal_floats(left: pa.ChunkedArray, right: pa.ChunkedArray) -> NDArray[np.bool_]:
    left_null, right_null = np.asarray(left.is_null()), np.asarray(right.is_null())
    left_values, right_values = left.fill_null(0).to_numpy(), right.fill_null(0).to_numpy()
    bits = f"u{left_values.itemsize}"
    both_nan = np.isnan(left_values) & np.isnan(right_values)
    unequal = (left_values.view(bits) != right_values.view(bits)) & ~both_nan
    return np.asarray((left_null != right_null) | (unequal & ~left_null & ~right_null))


def _different_row(left: pa.Table, right: pa.Table, keys: tuple[str, ...], name: str, position: int) -> DifferentRow:
    expected, found = left[name][position].as_py(), right[name][position].as_py()
    if isinstance(expected, list) and isinstance(found, list):
        same = 0
        while same < min(len(expected), len(found)) and expected[same] == found[same]:
            same += 1
        expected, found = expected[same : same + _SHOWN_ELEMENTS], found[same : same + _SHOWN_ELEMENTS]
    return DifferentRow(_key(left, keys, position), expected, found)


def _unmatched_rows(left: pa.Table, right: pa.Table, keys: tuple[str, ...]) -> list[DifferentRow]:
    """Return the keys of the first rows that do not correspond; None where there is no row."""
    left_keys, right_keys = (
        [_key(rows, keys, position) for position in range(min(SHOWN_ROWS, rows.num_rows))] for rows in (left, right)
    )
    return [DifferentRow((), expected, found) for expected, found in zip_longest(left_keys, right_keys)]


def _key(rows: pa.Table, keys: tuple[str, ...], position: int) -> tuple[Any, ...]:
    return tuple(rows[key][position].as_py() for key in keys)

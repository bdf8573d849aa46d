"""Answers of two worlds to one question, compared value by value."""

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
class Answer:
    """What one world says to a question.

    Attributes:
        question: in words.
        rows: the answer, in an order that does not depend on the world.
        keys: the columns that name a row.
        views: for each column that counts, keys included, the feature view it comes from.
    """

    question: str
    rows: pa.Table | ParquetRows
    keys: tuple[str, ...]
    views: Mapping[str, str]


@dataclass(frozen=True)
class DifferentRow:
    """One row in which a column differs.

    Attributes:
        key: what names the row.
        expected: the value in the world that is right; of a list, the first elements from where they part.
        found: the value in the other one.
    """

    key: tuple[Any, ...]
    expected: Any
    found: Any


@dataclass(frozen=True)
class Difference:
    """One column in which two answers differ.

    Attributes:
        question: to which they are answers.
        view: the feature view of the column.
        column: its name; of the keys, if the rows themselves are others.
        keys: the names of what stands in `DifferentRow.key`.
        count: how many rows differ.
        rows: the first of them.
    """

    question: str
    view: str
    column: str
    keys: tuple[str, ...]
    count: int
    rows: tuple[DifferentRow, ...]


@dataclass(frozen=True)
class Comparison:
    """What came of comparing two answers.

    Attributes:
        question: to which they are answers.
        rows: how many rows were compared.
        columns: how many columns of each, keys included.
        differences: empty if all values are equal.
    """

    question: str
    rows: int
    columns: int
    differences: tuple[Difference, ...]


def compare(expected: Answer, found: Answer) -> Comparison:
    """Compare two answers row by row, in their order.

    Equal means: both null, both NaN, or the same to the bit. From the first row on that is about something else than
    the other answer's, rows do not belong together: their values are not compared, and all count as different.

    Args:
        expected: the answer of the world that is right.
        found: the other answer, with the same columns.
    """
    counts: dict[str, int] = {}
    first: dict[str, list[DifferentRow]] = {}
    compared = 0
    for left, right in _side_by_side(expected.rows, found.rows):
        aligned = _aligned(left, right, expected.keys)
        for name in expected.views:
            places = np.flatnonzero(_unequal(left[name].slice(0, aligned), right[name].slice(0, aligned)))
            if len(places):
                rows = first.setdefault(name, [])
                counts[name] = counts.get(name, 0) + len(places)
                shown = places[: SHOWN_ROWS - len(rows)]
                rows.extend(_different(left, right, expected.keys, name, int(place)) for place in shown)
        compared += aligned
        if aligned < max(left.num_rows, right.num_rows):
            strangers = ", ".join(expected.keys)
            counts[strangers] = max(expected.rows.num_rows, found.rows.num_rows) - compared
            first[strangers] = _strangers(left.slice(aligned), right.slice(aligned), expected.keys)
            break
    views = {", ".join(expected.keys): expected.views[expected.keys[0]], **expected.views}
    differences = tuple(
        Difference(expected.question, views[name], name, expected.keys, count, tuple(first[name]))
        for name, count in counts.items()
    )
    return Comparison(expected.question, compared, len(expected.views), differences)


def _side_by_side(left: pa.Table | ParquetRows, right: pa.Table | ParquetRows) -> Iterator[tuple[pa.Table, pa.Table]]:
    """Parts of both that begin at the same row; where one has ended, its parts are empty."""
    nothing = (left if isinstance(left, pa.Table) else left.schema.empty_table()).slice(0, 0)
    return zip_longest(_parts(left), _parts(right), fillvalue=nothing)


def _parts(rows: pa.Table | ParquetRows) -> Iterator[pa.Table]:
    starts = range(0, rows.num_rows, ROWS_PER_BATCH)
    if isinstance(rows, pa.Table):
        return (rows.slice(start, ROWS_PER_BATCH) for start in starts)
    return rows.split([min(ROWS_PER_BATCH, rows.num_rows - start) for start in starts])


def _aligned(left: pa.Table, right: pa.Table, keys: tuple[str, ...]) -> int:
    """How many rows from the first on have equal keys."""
    aligned: int = min(left.num_rows, right.num_rows)
    for key in keys:
        others = np.flatnonzero(_unequal(left[key].slice(0, aligned), right[key].slice(0, aligned)))
        aligned = int(others[0]) if len(others) else aligned
    return aligned


def _unequal(left: pa.ChunkedArray, right: pa.ChunkedArray) -> NDArray[np.bool_]:
    """Where two columns of one type and length differ, (rows,)."""
    if pa.types.is_floating(left.type):
        return _unequal_floats(left, right)
    if pa.types.is_list(left.type):
        return _unequal_lists(left, right)
    if left.equals(right):
        return np.zeros(len(left), np.bool_)
    one_is_null = pc.xor(left.is_null(), right.is_null())
    return np.asarray(pc.or_(one_is_null, pc.fill_null(pc.not_equal(left, right), fill_value=False)))


def _unequal_lists(left: pa.ChunkedArray, right: pa.ChunkedArray) -> NDArray[np.bool_]:
    """Arrow does not compare lists one by one: those of equal lengths are compared element by element."""
    lengths, others = (np.asarray(pc.fill_null(pc.list_value_length(lists), -1)) for lists in (left, right))
    unequal = np.asarray(lengths != others)
    rows = np.flatnonzero(~unequal)
    elements = (pc.list_flatten(lists.take(pa.array(rows))) for lists in (left, right))
    unequal[np.repeat(rows, np.maximum(lengths[rows], 0))[_unequal(*elements)]] = True
    return unequal


def _unequal_floats(left: pa.ChunkedArray, right: pa.ChunkedArray) -> NDArray[np.bool_]:
    nulls, others = np.asarray(left.is_null()), np.asarray(right.is_null())
    one, other = left.fill_null(0).to_numpy(), right.fill_null(0).to_numpy()
    bits = f"u{one.itemsize}"
    unequal = (one.view(bits) != other.view(bits)) & ~(np.isnan(one) & np.isnan(other))
    return np.asarray((nulls != others) | (unequal & ~nulls & ~others))


def _different(left: pa.Table, right: pa.Table, keys: tuple[str, ...], name: str, place: int) -> DifferentRow:
    expected, found = left[name][place].as_py(), right[name][place].as_py()
    if isinstance(expected, list) and isinstance(found, list):
        same = 0
        while same < min(len(expected), len(found)) and expected[same] == found[same]:
            same += 1
        expected, found = expected[same : same + _SHOWN_ELEMENTS], found[same : same + _SHOWN_ELEMENTS]
    return DifferentRow(_key(left, keys, place), expected, found)


def _strangers(left: pa.Table, right: pa.Table, keys: tuple[str, ...]) -> list[DifferentRow]:
    """The first rows that do not belong together; None where there is no row."""
    ours, theirs = (
        [_key(rows, keys, place) for place in range(min(SHOWN_ROWS, rows.num_rows))] for rows in (left, right)
    )
    return [DifferentRow((), expected, found) for expected, found in zip_longest(ours, theirs)]


def _key(rows: pa.Table, keys: tuple[str, ...], place: int) -> tuple[Any, ...]:
    return tuple(rows[key][place].as_py() for key in keys)

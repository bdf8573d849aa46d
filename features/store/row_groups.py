"""The row groups of a Parquet file, each with a digest of its bytes."""

import json
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from features.files import sha256, sha256_of_ranges

_MAGIC: Final = 4  # bytes at both ends of a file


@dataclass(frozen=True)
class RowGroup:
    """A row group.

    Attributes:
        path: its file.
        number: its position in the file.
        size: bytes.
        layout: what decides, besides its bytes and the schema, how it is decoded; JSON, with positions relative to its
            first byte.
        digest: SHA-256 of its bytes, hex digits.
    """

    path: Path
    number: int
    size: int
    layout: str
    digest: str


@dataclass(frozen=True)
class GroupedFile:
    """The row groups of a file.

    Attributes:
        path: the file.
        schema: names and types of the columns as Parquet describes them, without metadata such as a build's mark.
        types: the same as Arrow reads them.
        groups: in the order of the file; groups without rows are left out.
    """

    path: Path
    schema: str
    types: pa.Schema
    groups: tuple[RowGroup, ...]


def hash_row_groups(path: Path) -> tuple[str, GroupedFile | None]:
    """Return the SHA-256 of a file, and its row groups with theirs, from one pass over its bytes.

    The row groups are None if the file is damaged, or if the columns of its row groups do not lie in it one after the
    other, as all current writers place them.
    """
    try:
        metadata = pq.read_metadata(path)
        types = metadata.schema.to_arrow_schema()
        numbered = [(number, metadata.row_group(number)) for number in range(metadata.num_row_groups)]
        groups = {number: group for number, group in numbered if group.num_rows and group.num_columns}
        columns = [_columns(group) for group in groups.values()]
        ranges = [[_byte_range(column) for column in of_group] for of_group in columns]
        layouts = list(map(_layout, groups.values()))
    except (OSError, ValueError, pa.ArrowException):  # reading the rows says what is wrong
        return sha256(path), None
    positions = [_MAGIC, *chain.from_iterable(chain.from_iterable(ranges)), path.stat().st_size - _MAGIC]
    if positions != sorted(positions) or any(column.file_path for of_group in columns for column in of_group):
        return sha256(path), None
    spans = [(of_group[0][0], of_group[-1][1]) for of_group in ranges]
    whole, digests = sha256_of_ranges(path, spans)
    row_groups = tuple(
        RowGroup(path, number, end - start, layout, digest)
        for number, (start, end), layout, digest in zip(groups, spans, layouts, digests, strict=True)
    )
    _, _, schema = repr(metadata.schema).partition("\n")  # the first line is an address in memory
    return whole, GroupedFile(path, schema, types, row_groups)


def _columns(group: pq.RowGroupMetaData) -> list[pq.ColumnChunkMetaData]:
    return [group.column(index) for index in range(group.num_columns)]


def _byte_range(column: pq.ColumnChunkMetaData) -> tuple[int, int]:
    start = min(_pages(column))
    return start, start + column.total_compressed_size


def _pages(column: pq.ColumnChunkMetaData) -> list[int]:
    """The positions of the first data page and of the dictionary, if there is one."""
    return [column.data_page_offset, *([column.dictionary_page_offset] if column.has_dictionary_page else [])]


def _layout(group: pq.RowGroupMetaData) -> str:
    columns = _columns(group)
    start = min(_pages(columns[0]))
    layout = [
        [
            column.path_in_schema,
            column.physical_type,
            column.compression,
            column.num_values,
            column.total_compressed_size,
            column.total_uncompressed_size,
            [page - start for page in _pages(column)],
        ]
        for column in columns
    ]
    return json.dumps([group.num_rows, layout])

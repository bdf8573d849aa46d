"""The bytes of row groups, found in the footer of a Parquet file."""

import hashlib
from itertools import pairwise

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features.store.row_groups import hash_row_groups


def write(path, *groups, mark="one", schema=None):
    schema = schema or pa.schema({"number": pa.int64(), "text": pa.string()})
    with pq.ParquetWriter(path, schema.with_metadata({"mark": mark})) as writer:
        for rows in groups:
            writer.write_table(pa.Table.from_pylist([{"number": row, "text": str(row)} for row in rows], schema))
    return path


def test_row_groups_are_ranges_of_bytes_between_the_magic_numbers(tmp_path):
    path = write(tmp_path / "table.parquet", [1, 2], [3])

    whole, file = hash_row_groups(path)

    content = path.read_bytes()
    first, second = file.groups
    bounds = (4, 4 + first.size, 4 + first.size + second.size)
    assert whole == hashlib.sha256(content).hexdigest()
    assert [first.digest, second.digest] == [
        hashlib.sha256(content[start:end]).hexdigest() for start, end in pairwise(bounds)
    ]
    assert [group.number for group in file.groups] == [0, 1]


def test_row_groups_are_the_same_behind_others_and_with_another_mark(tmp_path):
    _, alone = hash_row_groups(write(tmp_path / "alone.parquet", [3, 4]))
    _, behind = hash_row_groups(write(tmp_path / "behind.parquet", [1, 2, 2], [], [3, 4], mark="two"))

    assert alone.schema == behind.schema
    assert [group.number for group in behind.groups] == [0, 2]
    assert (alone.groups[0].layout, alone.groups[0].digest) == (behind.groups[1].layout, behind.groups[1].digest)


def test_the_schema_tells_columns_that_are_never_null(tmp_path):
    fields = [pa.field("number", pa.int64()), pa.field("text", pa.string(), nullable=False)]

    _, one = hash_row_groups(write(tmp_path / "one.parquet", [1]))
    _, other = hash_row_groups(write(tmp_path / "other.parquet", [1], schema=pa.schema(fields)))

    assert one.schema != other.schema


@pytest.fixture
def footer(monkeypatch):
    """Let a file have the footer of another one."""
    return lambda metadata: monkeypatch.setattr(pq, "read_metadata", lambda _: metadata)


def test_columns_beyond_the_end_of_the_file_are_no_row_groups(tmp_path, footer):
    path = write(tmp_path / "table.parquet", [1, 2])
    footer(pq.read_metadata(write(tmp_path / "longer.parquet", range(9_999))))

    assert hash_row_groups(path) == (hashlib.sha256(path.read_bytes()).hexdigest(), None)


def test_columns_in_another_file_are_no_row_groups(tmp_path, footer):
    path = write(tmp_path / "table.parquet", [1, 2])
    metadata = pq.read_metadata(path)
    metadata.set_file_path("other.parquet")
    footer(metadata)

    assert hash_row_groups(path)[1] is None


def test_columns_that_overlap_are_no_row_groups(tmp_path, footer):
    path = write(tmp_path / "table.parquet", [1, 2])
    metadata = pq.read_metadata(path)
    metadata.append_row_groups(pq.read_metadata(path))  # both begin at the same byte
    footer(metadata)

    assert hash_row_groups(path)[1] is None


def test_a_file_that_is_no_parquet_file_has_no_row_groups(tmp_path):
    path = tmp_path / "table.parquet"
    path.write_bytes(b"no table")

    assert hash_row_groups(path) == (hashlib.sha256(b"no table").hexdigest(), None)

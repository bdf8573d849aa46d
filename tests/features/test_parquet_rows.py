"""Rows of Parquet files: all, in batches, or in parts of given sizes."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features.parquet_rows import ParquetRows


@pytest.fixture
def rows(tmp_path):
    """0 to 9 in two files with row groups of two rows."""
    for name, first, end in (("one", 0, 7), ("two", 7, 10)):
        table = pa.table({"number": range(first, end), "text": [f"w{n}" for n in range(first, end)]})
        pq.write_table(table, tmp_path / f"{name}'s.parquet", row_group_size=2)
    return ParquetRows((tmp_path / "one's.parquet", tmp_path / "two's.parquet"))


def test_all_rows_are_read_in_order_and_repeatedly(rows):
    for _ in range(2):
        assert [number for batch in rows.batches() for number in batch["number"].to_pylist()] == list(range(10))
    assert rows.num_rows == 10
    assert rows.table()["text"].to_pylist() == [f"w{n}" for n in range(10)]
    assert [text for piece in rows.column("text") for text in piece.to_pylist()] == [f"w{n}" for n in range(10)]


def test_batches_are_bounded(rows, monkeypatch):
    monkeypatch.setattr("features.parquet_rows.ROWS_PER_BATCH", 3)

    assert max(batch.num_rows for batch in rows.batches()) <= 3


def test_parts_have_the_requested_sizes(rows):
    parts = list(rows.split([3, 0, 5, 2]))

    assert [part["number"].to_pylist() for part in parts] == [[0, 1, 2], [], [3, 4, 5, 6, 7], [8, 9]]


def test_parts_must_add_up_to_all_rows(rows):
    with pytest.raises(ValueError, match="1 row too few"):
        list(rows.split([11]))
    with pytest.raises(ValueError, match="more rows"):
        list(rows.split([9]))
    with pytest.raises(ValueError, match="more rows"):
        list(rows.split([]))


def test_duckdb_reads_the_same_rows(rows):
    import duckdb

    assert duckdb.sql(f"select count(*), sum(number) from {rows.sql}").fetchall() == [(10, 45)]


def test_tables_are_concatenated(rows):
    one = ParquetRows(rows.paths[:1])

    assert ParquetRows.concat(rows, one).num_rows == 17

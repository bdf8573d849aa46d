"""Feature tables of two builds, or with other bytes than their build wrote, are not read."""

from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features.build_record import BuildRecord, TableFile, write_build
from features.errors import InputError
from features.files import sha256
from features.table_origin import check_as_built, check_one_build, mark

END = datetime(2020, 1, 31, tzinfo=UTC)


@pytest.fixture
def write(tmp_path):
    """Write a table of a build."""

    def write(name, build, folder="tables"):
        table = pa.table({"item_ids": [["a"], []], "count": [1, 2]})
        path = tmp_path / folder / f"{name}.parquet"
        path.parent.mkdir(exist_ok=True)
        with pq.ParquetWriter(path, mark(table.schema, build)) as writer:
            writer.write_table(table)
        return path

    return write


def test_tables_of_one_build_are_accepted(write):
    check_one_build([write("sales", "a"), write("users", "a"), write("users", "b", "other")])


def test_tables_of_two_builds_are_refused(write):
    tables = [write("items", "a"), write("sales", "a"), write("users", "b")]

    with pytest.raises(InputError, match=r"tables/items\.parquet and users\.parquet are of two builds.*build_features"):
        check_one_build(tables)


def test_tables_that_another_program_wrote_are_accepted(write):
    tables = [write("items", "a"), write("sales", "a"), write("users", "a")]
    pq.write_table(pa.table({"count": [3]}), tables[0])
    kept = pq.ParquetFile(tables[1]).read()
    pq.write_table(pa.concat_tables([kept, kept]), tables[1])

    check_one_build(tables)


def test_a_file_that_is_no_parquet_file_is_named(write):
    table = write("items", "a")
    table.write_bytes(b"no table")

    with pytest.raises(InputError, match=r"items\.parquet is damaged, or no Parquet file"):
        check_one_build([table])


@pytest.fixture
def record(tmp_path):
    """Write the record of a build of tables that are there."""

    def record(build, *tables):
        files = {table.name: TableFile(size=table.stat().st_size, sha256=sha256(table)) for table in tables}
        written = BuildRecord(
            raw_dir=tmp_path, raw_rows={}, quarantined_rows={}, feature_rows={}, data_end=END, build=build, files=files
        )
        write_build(tables[0].parent, written)

    return record


def check(*tables):
    check_as_built({table: sha256(table) for table in tables})


def flip(table):
    """Change one bit of the first row group."""
    content = bytearray(table.read_bytes())
    content[9] ^= 1
    table.write_bytes(content)


def test_tables_as_they_were_built_are_accepted(write, record):
    tables = [write("items", "a"), write("sales", "a")]
    record("a", *tables)

    check(*tables)


def test_a_table_with_a_flipped_bit_is_named(write, record):
    tables = [write("items", "a"), write("sales", "a")]
    record("a", *tables)
    flip(tables[1])

    with pytest.raises(InputError, match=r"tables/sales\.parquet is damaged.*build_features"):
        check(*tables)


def test_a_table_that_another_program_wrote_again_is_accepted_also_with_the_mark(write, record):
    table = write("items", "a")
    record("a", table)
    kept = pq.ParquetFile(table).read()

    pq.write_table(pa.concat_tables([kept] * 500), table)

    assert pq.read_schema(table).metadata == mark(kept.schema, "a").metadata
    check(table)


@pytest.mark.parametrize("build", ["b", ""])
def test_tables_of_another_build_than_the_record_are_not_compared_with_it(write, record, build):
    table = write("items", "a")
    record(build, table)
    flip(table)

    check(table)


def test_tables_without_a_record_or_a_mark_are_accepted(write, record):
    table, unmarked = write("items", "a"), write("users", "a", "unmarked")
    pq.write_table(pa.table({"count": [3]}), unmarked)
    record("a", unmarked)
    flip(unmarked)

    check(table, unmarked)


def test_a_record_that_cannot_be_read_is_named(write):
    table = write("items", "a")
    (table.parent / "build.json").write_text("{")

    with pytest.raises(InputError, match=r"build\.json is not JSON"):
        check(table)

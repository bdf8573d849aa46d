"""Feature tables of two builds are never read together."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features.errors import InputError
from features.table_origin import check_one_build, mark


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

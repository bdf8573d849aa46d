"""A feature table that a build wrote is recognized if it is no longer that of the build in its folder."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features.errors import InputError
from features.files import sha256
from features.table_origin import BUILD_RECORD, DIGESTS, check_origin, mark


@pytest.fixture
def write(tmp_path):
    """Write the table of a build, in a folder with its record."""

    def write(name, values, kind=None):
        table = pa.table({"count": pa.array(values, kind or pa.int64())})
        path = tmp_path / name / "sales.parquet"
        path.parent.mkdir(exist_ok=True)
        with pq.ParquetWriter(path, mark(table.schema)) as writer:
            writer.write_table(table)
        path.with_name(BUILD_RECORD).write_text(json.dumps({DIGESTS: {"sales": sha256(path)}}))
        return path

    return write


def check(path):
    check_origin(path, sha256(path))


def test_the_table_of_the_build_is_accepted(write):
    check(write("first", [1, 2]))


@pytest.mark.parametrize(
    ("kind", "first", "second"),
    [
        (pa.int64(), [1, 2], [1, 3]),
        (pa.list_(pa.string()), [["a"], []], [["a"], ["b"]]),
        (pa.list_(pa.float32()), [[1.0], None], [[1.0], [2.0]]),
        (pa.timestamp("us", tz="UTC"), [0, 1], [0, 2]),
    ],
)
def test_the_table_of_another_build_is_refused(write, kind, first, second):
    path, other = write("first", first, kind), write("second", second, kind)
    check(path)
    path.write_bytes(other.read_bytes())

    with pytest.raises(InputError, match=r"sales\.parquet is not the table that .*build\.json records.*build_features"):
        check(path)


@pytest.mark.parametrize("place", ["values", "footer"])
def test_a_bit_that_is_flipped_is_noticed(write, place):
    path = write("first", list(range(1_000)))
    content = bytearray(path.read_bytes())
    content[{"values": 100, "footer": -12}[place]] ^= 1
    path.write_bytes(content)

    with pytest.raises(InputError, match=r"sales\.parquet is not the table that"):
        check(path)


def test_a_table_that_another_program_wrote_is_accepted(write):
    path = write("first", [1, 2])
    pq.write_table(pa.table({"count": [1, 2]}), path)  # without the metadata

    check(path)


def test_a_table_that_was_written_again_in_other_types_is_accepted(write):
    path = write("first", [1, 2])
    table = pq.ParquetFile(path).read()
    changed = table.cast(pa.schema([pa.field("count", pa.int32())], table.schema.metadata))
    pq.write_table(changed, path)
    assert pq.read_schema(path).metadata == table.schema.metadata

    check(path)


def test_a_folder_without_a_record_and_an_older_record_are_accepted(write):
    path, other = write("first", [1, 2]), write("second", [1, 3])
    path.write_bytes(other.read_bytes())

    path.with_name(BUILD_RECORD).write_text("{}")
    check(path)
    path.with_name(BUILD_RECORD).unlink()
    check(path)


@pytest.mark.parametrize("content", ["", "[]", "no json"])
def test_a_damaged_record_is_refused(write, content):
    path = write("first", [1, 2])
    path.with_name(BUILD_RECORD).write_text(content)

    with pytest.raises(InputError, match=r"build\.json is damaged: run `python jobs/build_features\.py`"):
        check(path)

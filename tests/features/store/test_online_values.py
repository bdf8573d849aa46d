"""Messages of the online store become Arrow columns."""

from datetime import UTC, datetime

import pyarrow as pa
import pytest

SECONDS = pa.timestamp("s", tz="UTC")


@pytest.fixture
def value():
    """A message of the online store with one of its fields set, or with none."""

    def value(**fields):
        from feast.protos.feast.types.Value_pb2 import Value

        return Value(**fields)

    return value


@pytest.fixture
def list_of():
    """A message with a list in a field, such as list_of("Int64List", "int64_list_val", [1, 2])."""

    def list_of(kind, field, values):
        from feast.protos.feast.types import Value_pb2

        return Value_pb2.Value(**{field: getattr(Value_pb2, kind)(val=values)})

    return list_of


@pytest.fixture
def read():
    from features.store.online_values import online_array

    return online_array


def test_strings_and_numbers_are_read_and_missing_ones_are_null(read, value):
    strings = read([value(string_val="a"), value(), None, value(string_val="")], pa.string())
    integers = read([value(int64_val=3), value(int32_val=-1), value(), None], pa.float32())

    assert strings.equals(pa.array(["a", None, None, ""], pa.string()))
    assert integers.equals(pa.array([3.0, -1.0, None, None], pa.float32()))
    assert read([value(bool_val=False), None], pa.bool_()).to_pylist() == [False, None]


def test_numbers_are_rounded_to_float32(read, value):
    # 2**24 + 1 lies between two numbers of float32; 0.1 has no exact value in either type.
    numbers = read([value(int64_val=2**24 + 1), value(double_val=0.1), value(float_val=0.5)], pa.float32())

    assert numbers.to_pylist() == [16_777_216.0, 0.10000000149011612, 0.5]


def test_timestamps_are_seconds_and_a_missing_one_is_a_number_of_its_own(read, value):
    messages = [value(unix_timestamp_val=86_400), value(unix_timestamp_val=-(2**63)), value(), None]
    second_day = datetime(1970, 1, 2, tzinfo=UTC)

    assert read(messages, SECONDS).equals(pa.array([second_day, None, None, None], SECONDS))
    micros = pa.timestamp("us", tz="UTC")
    assert read(messages, micros).equals(pa.array([second_day, None, None, None], micros))


def test_an_empty_list_is_not_a_missing_one(read, value, list_of):
    strings, integers = ("StringList", "string_list_val"), ("Int64List", "int64_list_val")

    lists = read([list_of(*strings, ["a", "b"]), list_of(*strings, []), value(), None], pa.list_(pa.string()))
    numbers = read([list_of(*integers, []), list_of(*integers, [2**24 + 1, 2])], pa.list_(pa.float32()))

    assert lists.type == pa.list_(pa.string())
    assert lists.to_pylist() == [["a", "b"], [], None, None]
    assert numbers.type == pa.list_(pa.float32())
    assert numbers.to_pylist() == [[], [16_777_216.0, 2.0]]


def test_without_messages_there_are_no_values(read):
    for kind in (pa.string(), pa.float32(), SECONDS, pa.list_(pa.string()), pa.list_(pa.float32())):
        assert read([], kind).equals(pa.array([], kind))

"""The Arrow types of a service's columns, and the dtypes that are refused."""

import pyarrow as pa
import pytest

from features.errors import InputError
from features.store.service_columns import ServiceColumn, ServiceColumns


@pytest.mark.parametrize(
    ("dtype", "arrow_type"),
    [
        ("String", pa.string()),
        ("Int64", pa.float32()),
        ("Float64", pa.float32()),
        ("Bool", pa.float32()),
        ("UnixTimestamp", pa.timestamp("s", tz="UTC")),
        ("Array(String)", pa.list_(pa.string())),
        ("Array(Int64)", pa.list_(pa.float32())),
    ],
)
def test_every_dtype_has_one_arrow_type(dtype, arrow_type):
    assert ServiceColumn.from_field("x", dtype, "view", "service_v1") == ServiceColumn("x", "view", arrow_type)


def test_an_unsupported_dtype_is_refused_with_its_service_and_view():
    with pytest.raises(InputError, match=r"'service_v1' \(view 'view'\) contains 'x' of dtype Bytes"):
        ServiceColumn.from_field("x", "Bytes", "view", "service_v1")


def test_the_arrow_schema_begins_with_the_entity_key():
    columns = ServiceColumns("service_v1", "user_id", (ServiceColumn("x", "view", pa.float32()),))

    assert columns.arrow_schema == pa.schema({"user_id": pa.string(), "x": pa.float32()})

"""What is read of a service as it is, and what is not."""

import pyarrow as pa
import pytest

from features.errors import InputError
from features.store.served import PlainColumn


@pytest.mark.parametrize(
    ("dtype", "kind"),
    [
        ("String", pa.string()),
        ("Int64", pa.int64()),
        ("Float64", pa.float32()),
        ("UnixTimestamp", pa.timestamp("s", tz="UTC")),
        ("Array(String)", pa.list_(pa.string())),
    ],
)
def test_a_dtype_has_one_arrow_type(dtype, kind):
    assert PlainColumn.declared("x", dtype, "view", "service_v1") == PlainColumn("x", "view", kind)


def test_another_dtype_is_refused_by_name():
    with pytest.raises(InputError, match=r"'service_v1' \(view 'view'\) holds 'x' of dtype Bytes, which is not read"):
        PlainColumn.declared("x", "Bytes", "view", "service_v1")

"""Values of the online store as Arrow columns: Feast returns one protobuf message per entity and feature."""

from collections.abc import Sequence
from itertools import accumulate, chain
from typing import Any

import numpy as np
import pyarrow as pa
from feast.protos.feast.types.Value_pb2 import Value
from feast.type_map import NULL_TIMESTAMP_INT_VALUE, python_values_to_proto_values
from feast.types import FeastType


def online_array(messages: Sequence[Any], arrow_type: pa.DataType) -> pa.Array:
    """Convert messages of the online store to an Arrow array.

    Args:
        messages: `feast.protos.feast.types.Value`, or None for an entity that the online store does not have; (n,).
        arrow_type: string, bool, a number or a timestamp; or a list of strings or numbers.

    Returns:
        (n,) of `arrow_type`; null for None and for a message without a value. Numbers are rounded to the type.
    """
    values = [
        None if message is None or (kind := message.WhichOneof("val")) is None else getattr(message, kind)
        for message in messages
    ]
    if pa.types.is_list(arrow_type):
        return _lists([None if value is None else value.val for value in values], arrow_type)
    if pa.types.is_timestamp(arrow_type):
        # Feast stores a missing timestamp as a number, and others in seconds.
        seconds = [None if value == NULL_TIMESTAMP_INT_VALUE else value for value in values]
        return pa.array(seconds, pa.timestamp("s", tz="UTC")).cast(arrow_type)
    if pa.types.is_floating(arrow_type):  # Arrow refuses integers that float32 cannot represent
        return pa.array([None if value is None else float(value) for value in values], arrow_type)
    return pa.array(values, arrow_type)


def online_message(value: Any, dtype: FeastType) -> Value:
    """Return the message of a feature's value, as Feast's `online_write_batch` takes it: the reverse of `online_array`.

    Args:
        value: a string, a number, an aware `datetime`, or a list of strings or numbers; None for a missing one.
        dtype: of the feature.
    """
    message: Value = python_values_to_proto_values([value], dtype.to_value_type())[0]
    return message


def _lists(values: list[Any], arrow_type: pa.DataType) -> pa.Array:
    offsets = np.fromiter(accumulate((0 if value is None else len(value) for value in values), initial=0), np.int32)
    present = [value for value in values if value is not None]
    elements = chain.from_iterable(present)
    if arrow_type.value_type == pa.string():
        flat = pa.array(list(elements), pa.string())
    else:
        numbers = np.fromiter(elements, np.float64, offsets[-1])
        flat = pa.array(numbers.astype(arrow_type.value_type.to_pandas_dtype()))
    missing = None if len(present) == len(values) else pa.array([value is None for value in values])
    return pa.ListArray.from_arrays(offsets, flat, type=arrow_type, mask=missing)

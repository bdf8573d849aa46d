"""A digest of rows in their order, which is the same however they are split into batches.

Each column is hashed as up to three streams: which values are present, the lengths of lists and texts, and the bytes of
the values that are present. Together with the types, the streams determine the rows: values are compared bit by bit, so
that NaN equals itself, and a null differs from an empty list or text. The bytes that Arrow keeps where a value is null
are not part of a stream.
"""

import hashlib
from collections import defaultdict
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


class RowDigest:
    """The digest of the rows of one schema that were added so far.

    Columns are numbers, booleans, moments, dates, decimals, texts, bytes, and lists of them; see `has_digest`.
    """

    def __init__(self) -> None:
        self.rows = 0
        self._streams: defaultdict[str, Any] = defaultdict(hashlib.sha256)

    def add(self, batch: pa.RecordBatch) -> None:
        """Add rows after those that were added before."""
        self.rows += batch.num_rows
        for number, column in enumerate(batch.columns):
            self._add(str(number), column)

    def hexdigest(self) -> str:
        """SHA-256 of the number of rows and of all streams, hex digits."""
        parts = [f"{name} {stream.hexdigest()}" for name, stream in sorted(self._streams.items())]
        return hashlib.sha256("\n".join([str(self.rows), *parts]).encode()).hexdigest()

    def _add(self, name: str, values: pa.Array) -> None:
        if pa.types.is_dictionary(values.type):
            values = values.dictionary_decode()
        self._streams[f"{name} present"].update(_bytes(values.is_valid().cast(pa.uint8())))
        present, kind = values.drop_null(), values.type
        if pa.types.is_list(kind) or pa.types.is_large_list(kind):
            self._streams[f"{name} length"].update(_bytes(pc.list_value_length(present)))
            self._add(f"{name}.", present.flatten())
        elif _is_text(kind):
            self._streams[f"{name} length"].update(_bytes(pc.binary_length(present)))
            self._streams[name].update(_text(present))
        else:
            self._streams[name].update(_bytes(present.cast(pa.uint8()) if pa.types.is_boolean(kind) else present))


def has_digest(kind: pa.DataType) -> bool:
    """Whether `RowDigest` supports columns of a type."""
    if pa.types.is_dictionary(kind) or pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return has_digest(kind.value_type)
    return pa.types.is_primitive(kind) or pa.types.is_decimal(kind) or _is_text(kind)


def _is_text(kind: pa.DataType) -> bool:
    return any(
        test(kind)
        for test in (pa.types.is_string, pa.types.is_binary, pa.types.is_large_string, pa.types.is_large_binary)
    )


def _bytes(values: pa.Array) -> memoryview:
    """The bytes of an array of values of one width, without nulls."""
    width = values.type.bit_width // 8
    return memoryview(values.buffers()[1] or b"")[values.offset * width : (values.offset + len(values)) * width]


def _text(values: pa.Array) -> memoryview:
    """The bytes of all texts of an array without nulls, one after the other."""
    _, offsets, content = values.buffers()
    if not len(values):
        return memoryview(b"")
    large = pa.types.is_large_string(values.type) or pa.types.is_large_binary(values.type)
    positions = np.frombuffer(offsets, np.int64 if large else np.int32)
    return memoryview(content or b"")[positions[values.offset] : positions[values.offset + len(values)]]

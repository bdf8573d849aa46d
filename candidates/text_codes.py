"""Codes of texts, such as the positions of item ids: a hash table that is built once and searched by compiled code."""

from dataclasses import dataclass
from typing import Final, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from candidates.compiled import compiled

_SLOTS_PER_TEXT: Final = 2  # at least: probes stay short
_MULTIPLIER: Final = np.uint64(0x9E3779B97F4A7C15)  # 2**64 / golden ratio, odd (Knuth, TAOCP 3, section 6.4)
_NO_BYTES: Final = np.frombuffer(b"\0", np.uint8)


@dataclass(frozen=True, eq=False)
class TextCodes:
    """The code of each of m different texts: its position in the list.

    Arrow's `index_in` and NumPy's `searchsorted` either build a table of all texts at each call or make a Python object
    of each text that is searched. A release has one of these tables of its item ids instead.

    Attributes:
        texts: string (m,), unique, none null.
        hashes: uint64 (m,), of each text.
        offsets: int32 (m + 1,), the bytes of each text in `data`.
        data: uint8 (bytes,), UTF-8.
        slots: int32 (slots,), open addressing: the code of the text in each slot, -1 in empty ones; a power of two.

    Raises:
        ValueError: a text is repeated.
    """

    texts: pa.StringArray
    hashes: NDArray[np.uint64]
    offsets: NDArray[np.int32]
    data: NDArray[np.uint8]
    slots: NDArray[np.int32]

    @classmethod
    def from_texts(cls, texts: pa.Array | pa.ChunkedArray) -> Self:
        """Build the table.

        Args:
            texts: (m,), unique, none null; string, or of a type that Arrow casts to string.

        Raises:
            ValueError: a text is repeated or null.
        """
        column = _strings(texts)
        if column.null_count:
            raise ValueError("Texts must not be null.")
        offsets, data = _buffers(column)
        slots = np.full(1 << (_SLOTS_PER_TEXT * len(column)).bit_length(), -1, np.int32)
        hashes = _hash(offsets, data)
        earlier = _search(hashes, offsets, data, hashes, offsets, data, slots, True)  # noqa: FBT003
        if (earlier >= 0).any():
            raise ValueError(f"Texts must be unique: {column[int(earlier.max())].as_py()!r} is repeated.")
        return cls(column, hashes, offsets, data, slots)

    def __len__(self) -> int:
        """Return the number of texts, m."""
        return len(self.texts)

    def find(self, texts: pa.Array | pa.ChunkedArray) -> NDArray[np.int32]:
        """Return the code of each text, int32 (texts,); -1 for a text that has none, and for null.

        Args:
            texts: string, or of a type that Arrow casts to string.
        """
        column = _strings(texts)
        offsets, data = _buffers(column)
        own = self.hashes, self.offsets, self.data, self.slots
        codes: NDArray[np.int32] = _search(_hash(offsets, data), offsets, data, *own, False)  # noqa: FBT003
        if column.null_count:
            codes[np.asarray(column.is_null())] = -1
        return codes


def _strings(texts: pa.Array | pa.ChunkedArray) -> pa.StringArray:
    whole = texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts
    return whole if whole.type == pa.string() else whole.cast(pa.string())


def _buffers(texts: pa.StringArray) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
    """Return the offsets, (texts + 1,), and the bytes of a column, both read-only, without a copy."""
    _, offsets, data = texts.buffers()
    if len(texts) == 0:
        return np.frombuffer(bytes(4), np.int32), _NO_BYTES
    starts = np.frombuffer(offsets, np.int32)[texts.offset : texts.offset + len(texts) + 1]
    return starts, _NO_BYTES if data is None or data.size == 0 else np.frombuffer(data, np.uint8)


# Array arguments of a compiled function that is called in a loop are counted as references at each call, which takes
# longer than the search for a text: hence two loops without calls.


@compiled
def _hash(offsets: NDArray[np.int32], data: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """Return a number of 64 bits for each text: bytes are combined by eights, multiplied and mixed."""
    hashes = np.empty(len(offsets) - 1, np.uint64)
    eight, size = np.uint64(8), np.uint64(len(data))
    for text in range(len(hashes)):
        start, stop = np.uint64(offsets[text]), np.uint64(offsets[text + 1])
        mixed = stop - start
        while start < stop:
            left, word = stop - start, np.uint64(0)
            if start + eight <= size:
                # Written out, these are one instruction.
                word |= np.uint64(data[start])
                word |= np.uint64(data[start + np.uint64(1)]) << np.uint64(8)
                word |= np.uint64(data[start + np.uint64(2)]) << np.uint64(16)
                word |= np.uint64(data[start + np.uint64(3)]) << np.uint64(24)
                word |= np.uint64(data[start + np.uint64(4)]) << np.uint64(32)
                word |= np.uint64(data[start + np.uint64(5)]) << np.uint64(40)
                word |= np.uint64(data[start + np.uint64(6)]) << np.uint64(48)
                word |= np.uint64(data[start + np.uint64(7)]) << np.uint64(56)
                if left < eight:
                    word &= (np.uint64(1) << (eight * left)) - np.uint64(1)
            else:
                for byte in range(min(left, eight)):
                    word |= np.uint64(data[start + np.uint64(byte)]) << (eight * np.uint64(byte))
            mixed = (mixed ^ word) * _MULTIPLIER
            mixed ^= mixed >> np.uint64(32)
            start += eight
        hashes[text] = mixed
    return hashes


@compiled
def _search(
    hashes: NDArray[np.uint64],
    offsets: NDArray[np.int32],
    data: NDArray[np.uint8],
    own_hashes: NDArray[np.uint64],
    own_offsets: NDArray[np.int32],
    own_data: NDArray[np.uint8],
    slots: NDArray[np.int32],
    insert: bool,
) -> NDArray[np.int32]:
    """Return the code of each text, -1 for those that have none; these are inserted if wanted."""
    codes = np.empty(len(hashes), np.int32)
    mask = np.uint64(len(slots) - 1)
    for text in range(len(hashes)):
        slot = hashes[text] & mask
        code = slots[slot]
        while code >= 0:
            if own_hashes[code] == hashes[text]:
                start, length = offsets[text], offsets[text + 1] - offsets[text]
                own, own_length = own_offsets[code], own_offsets[code + 1] - own_offsets[code]
                same = 0
                while length == own_length and same < length and data[start + same] == own_data[own + same]:
                    same += 1
                if length == own_length and same == length:
                    break
            slot = (slot + np.uint64(1)) & mask
            code = slots[slot]
        codes[text] = code
        if insert and code < 0:
            slots[slot] = text
    return codes

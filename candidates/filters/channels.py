"""In which sales channels items may be shown."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Channels:
    """What items say about channels. An item that says nothing is in every channel.

    Attributes:
        silent: (items,) bool, the items that say nothing.
        named: by channel, (items,) bool, the items that name it.

    Raises:
        ValueError: The arrays do not have this form, or a silent item names a channel.
    """

    silent: NDArray[np.bool_]
    named: Mapping[str, NDArray[np.bool_]]

    def __post_init__(self) -> None:
        for items in (self.silent, *self.named.values()):
            if items.shape != (len(self.silent),) or items.dtype != np.bool_:
                raise ValueError(f"Channels must be ({len(self.silent)},) bool each, not {items.shape} {items.dtype}.")
        if any((self.silent & items).any() for items in self.named.values()):
            raise ValueError("An item that names a channel must not be among the silent ones.")

    @classmethod
    def from_lists(cls, lists: pa.ListArray | pa.ChunkedArray) -> Self:
        """Read list<string> (items,), the channels of each item; null or empty, an item says nothing."""
        chunked = lists if isinstance(lists, pa.ChunkedArray) else pa.chunked_array([lists])
        rows = np.asarray(pc.list_parent_indices(chunked.combine_chunks()))
        channels = pc.list_flatten(chunked.combine_chunks()).cast(pa.string()).dictionary_encode()
        return cls._of(len(chunked), rows, channels)

    def __len__(self) -> int:
        """Return the number of items."""
        return len(self.silent)

    def allow(self, channel: str) -> NDArray[np.bool_]:
        """Tell which items may be shown in a channel, (items,) bool; one that no item names holds the silent ones."""
        return self.silent | self.named[channel] if channel in self.named else self.silent

    @classmethod
    def _of(cls, items: int, rows: NDArray[np.int64], channels: pa.DictionaryArray) -> Self:
        silent = np.bincount(rows, minlength=items) == 0
        codes = np.asarray(channels.indices)
        named = {}
        for code, channel in enumerate(channels.dictionary.to_pylist()):
            named[channel] = np.zeros(items, np.bool_)
            named[channel][rows[codes == code]] = True
        return cls(silent, named)

"""What filters read, as of the moment of the request: features of n users, and of the whole catalogue."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from candidates.histories import Histories
from candidates.item_lists import ItemLists
from candidates.text_codes import TextCodes


@dataclass(frozen=True, eq=False)
class UserContext:
    """Features of n users at the moment of the request.

    Attributes:
        histories: the purchases of n users.
        days_since_last_purchase: (n,) float32, whole UTC days from the user's last purchase to the request, at least 0;
            NaN without purchases. That purchase may be of an item that has left the catalogue.
        ages: (n,) float32, years; NaN where unknown.
        earlier: n lists of items that users bought before those in the histories, or in them; None if there are none.

    Raises:
        ValueError: The arrays do not have this form, or a user with a history has no days since the last purchase.
    """

    histories: Histories
    days_since_last_purchase: NDArray[np.float32]
    ages: NDArray[np.float32]
    earlier: ItemLists | None = None

    def __post_init__(self) -> None:
        n = len(self.histories)
        _check("Days since the last purchase", self.days_since_last_purchase, n, np.float32)
        _check("Ages", self.ages, n, np.float32)
        if self.earlier is not None and len(self.earlier) != n:
            raise ValueError(f"Earlier items must be {n} lists, not {len(self.earlier)}.")
        if (self.days_since_last_purchase < 0).any() or (self.ages < 0).any():
            raise ValueError("Days since the last purchase and ages must be at least 0, or NaN.")
        if np.isnan(self.days_since_last_purchase[~self.histories.empty]).any():
            raise ValueError("Users with a history need the days since their last purchase: some are NaN.")

    def __len__(self) -> int:
        """Return the number of users, n."""
        return len(self.histories)

    @property
    def days_since_purchase(self) -> NDArray[np.float32]:
        """Whole UTC days from the last purchase of each entry of the histories to the request, (m,) float32."""
        return self.histories.days + self.days_since_last_purchase[self.histories.rows]


@dataclass(frozen=True, eq=False)
class Channels:
    """In which sales channels items are sold. An item without channels is sold in every channel.

    Attributes:
        unrestricted: (items,) bool, the items without channels.
        by_channel: (items,) bool for each channel, the items that list it.

    Raises:
        ValueError: The arrays do not have this form, or an unrestricted item lists a channel.
    """

    unrestricted: NDArray[np.bool_]
    by_channel: Mapping[str, NDArray[np.bool_]]

    def __post_init__(self) -> None:
        for items in (self.unrestricted, *self.by_channel.values()):
            if items.shape != (len(self.unrestricted),) or items.dtype != np.bool_:
                raise ValueError(
                    f"Channels must be ({len(self.unrestricted)},) bool each, not {items.shape} {items.dtype}."
                )
        if any((self.unrestricted & items).any() for items in self.by_channel.values()):
            raise ValueError("An item that lists a channel must not be unrestricted.")

    @classmethod
    def from_lists(cls, lists: pa.ListArray | pa.ChunkedArray) -> Self:
        """Read list<string> (items,), the channels of each item; a null or empty list is no restriction."""
        chunked = lists if isinstance(lists, pa.ChunkedArray) else pa.chunked_array([lists])
        rows = np.asarray(pc.list_parent_indices(chunked.combine_chunks()))
        channels = pc.list_flatten(chunked.combine_chunks()).cast(pa.string()).dictionary_encode()
        codes, by_channel = np.asarray(channels.indices), {}
        for code, channel in enumerate(channels.dictionary.to_pylist()):
            by_channel[channel] = np.zeros(len(chunked), np.bool_)
            by_channel[channel][rows[codes == code]] = True
        return cls(np.bincount(rows, minlength=len(chunked)) == 0, by_channel)

    def __len__(self) -> int:
        """Return the number of items."""
        return len(self.unrestricted)

    def eligible(self, channel: str) -> NDArray[np.bool_]:
        """Return which items are sold in a channel, (items,) bool: those that list it and the unrestricted ones."""
        return self.unrestricted | self.by_channel[channel] if channel in self.by_channel else self.unrestricted


@dataclass(frozen=True, eq=False)
class ItemContext:
    """Features of each item of the catalogue at the moment of the request.

    Attributes:
        item_codes: of the item ids; codes are positions, (items,).
        categories: string (items,), the garment group; "" where unknown.
        departments: (items,) int32, codes of the department from 0; -1 where unknown.
        for_sale: (items,) bool.
        channels: of all items.
        minimum_ages: (items,) float32, years, 0 without limit.
        days_since_last_sale: (items,) float32, whole UTC days from the last sale to the request, inf if never sold.

    Raises:
        ValueError: The arrays do not have this form.
    """

    item_codes: TextCodes
    categories: pa.StringArray
    departments: NDArray[np.int32]
    for_sale: NDArray[np.bool_]
    channels: Channels
    minimum_ages: NDArray[np.float32]
    days_since_last_sale: NDArray[np.float32]

    def __post_init__(self) -> None:
        n = len(self.item_codes)
        if n == 0:
            raise ValueError("A catalogue needs at least one item.")
        if len(self.categories) != n or self.categories.type != pa.string() or self.categories.null_count:
            raise ValueError(f"Categories must be ({n},) string without nulls, not {self.categories.type}.")
        _check("Departments", self.departments, n, np.int32)
        _check("For sale", self.for_sale, n, np.bool_)
        _check("Minimum ages", self.minimum_ages, n, np.float32)
        _check("Days since the last sale", self.days_since_last_sale, n, np.float32)
        if self.departments.min(initial=-1) < -1:
            raise ValueError("Departments must be codes from 0, or -1 where unknown.")
        if len(self.channels) != n:
            raise ValueError(f"Channels must be of {n} items, not of {len(self.channels)}.")
        if not (np.isfinite(self.minimum_ages).all() and (self.minimum_ages >= 0).all()):
            raise ValueError("Minimum ages must be finite and at least 0; without limit they are 0.")
        if not (self.days_since_last_sale >= 0).all():
            raise ValueError("Days since the last sale must be at least 0, inf for items that were never sold.")

    def __len__(self) -> int:
        """Return the number of items."""
        return len(self.item_codes)

    @cached_property
    def age_limited(self) -> tuple[NDArray[np.float32], ItemLists]:
        """The minimum ages above 0, ascending, (limits,) float32, and the items of each, `limits` lists."""
        positions = np.flatnonzero(self.minimum_ages > 0)
        limits, of_limit = np.unique(self.minimum_ages[positions], return_inverse=True)
        return limits, ItemLists.from_pairs(of_limit, positions, len(limits))

    @cached_property
    def category_names(self) -> pa.StringArray:
        """The names of the categories, ascending, string (categories,)."""
        return pc.unique(self.categories).sort()

    @cached_property
    def category_codes(self) -> NDArray[np.int32]:
        """The index of each item's category in `category_names`, int32 (items,)."""
        return np.asarray(pc.index_in(self.categories, self.category_names))


def _check(label: str, column: NDArray[Any], n: int, dtype: type[np.generic]) -> None:
    """Raise ValueError unless a column has n values of a type."""
    if column.shape != (n,) or not np.issubdtype(column.dtype, dtype):
        raise ValueError(f"{label} must be ({n},) {np.dtype(dtype).name}, not {column.shape} {column.dtype}.")

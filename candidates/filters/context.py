"""What filters may ask, as of one moment: of n users, and of the whole catalogue."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from candidates.filters.channels import Channels
from candidates.histories import Histories


@dataclass(frozen=True, eq=False)
class UserContext:
    """What is known of n users at the moment of the request.

    Attributes:
        histories: n, what they had bought.
        days_since_last: (n,) float32, whole UTC days from the user's own last purchase to the request, at least 0; NaN
            without purchases. That purchase may be of an item that the catalogue no longer holds.
        ages: (n,) float32, years; NaN where unknown.

    Raises:
        ValueError: The arrays do not have this form, or a user with a history has no day of a last purchase.
    """

    histories: Histories
    days_since_last: NDArray[np.float32]
    ages: NDArray[np.float32]

    def __post_init__(self) -> None:
        n = len(self.histories)
        _check("Days since the last purchase", self.days_since_last, n, np.float32)
        _check("Ages", self.ages, n, np.float32)
        if (self.days_since_last < 0).any() or (self.ages < 0).any():
            raise ValueError("Days since the last purchase and ages must be at least 0, or NaN.")
        if np.isnan(self.days_since_last[np.diff(self.histories.offsets) > 0]).any():
            raise ValueError("Users with a history need the days since their last purchase: some are NaN.")

    def __len__(self) -> int:
        """Return the number of users, n."""
        return len(self.histories)

    @property
    def days_since_bought(self) -> NDArray[np.float32]:
        """Whole UTC days from the last purchase of each entry of the histories to the request, (m,) float32."""
        return self.histories.days + self.days_since_last[self.histories.rows]


@dataclass(frozen=True, eq=False)
class ItemContext:
    """What is known of each item of the catalogue at the moment of the request.

    Attributes:
        item_ids: (items,) str, unique and ascending.
        categories: (items,) str, the garment group; "" where unknown.
        departments: (items,) int32 codes from 0, for caps on lists; -1 where unknown.
        for_sale: (items,) bool.
        channels: where items may be shown.
        minimum_ages: (items,) float32, years, 0 without limit.
        unsold_days: (items,) float32, whole UTC days from the last sale to the request, inf if never sold.

    Raises:
        ValueError: The arrays do not have this form.
    """

    item_ids: NDArray[np.str_]
    categories: NDArray[np.str_]
    departments: NDArray[np.int32]
    for_sale: NDArray[np.bool_]
    channels: Channels
    minimum_ages: NDArray[np.float32]
    unsold_days: NDArray[np.float32]

    def __post_init__(self) -> None:
        n = len(self.item_ids)
        if n == 0:
            raise ValueError("A catalogue needs at least one item.")
        _check("Item ids", self.item_ids, n, np.str_)
        _check("Categories", self.categories, n, np.str_)
        _check("Departments", self.departments, n, np.int32)
        _check("What is for sale", self.for_sale, n, np.bool_)
        _check("Minimum ages", self.minimum_ages, n, np.float32)
        _check("Days unsold", self.unsold_days, n, np.float32)
        if not (self.item_ids[:-1] < self.item_ids[1:]).all():
            raise ValueError("Item ids must be unique and sorted ascending.")
        if self.departments.min(initial=-1) < -1:
            raise ValueError("Departments must be codes from 0, or -1 where unknown.")
        if len(self.channels) != n:
            raise ValueError(f"Channels must be of {n} items, not of {len(self.channels)}.")
        if not (np.isfinite(self.minimum_ages).all() and (self.minimum_ages >= 0).all()):
            raise ValueError("Minimum ages must be finite and at least 0; without limit they are 0.")
        if not (self.unsold_days >= 0).all():
            raise ValueError("Days unsold must be at least 0, inf for what never sold.")

    def __len__(self) -> int:
        """Return the number of items."""
        return len(self.item_ids)

    def holds(self, item_ids: NDArray[np.str_]) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
        """Look ids up: their positions where they are known, and which are, (ids,) each."""
        places = np.searchsorted(self.item_ids, item_ids).clip(max=len(self) - 1)
        return places, self.item_ids[places] == item_ids

    @cached_property
    def category_names(self) -> NDArray[np.str_]:
        """The names of the categories, ascending, (categories,) str."""
        return np.unique(self.categories)

    @cached_property
    def category_codes(self) -> NDArray[np.intp]:
        """Each item's category as its place in `category_names`, (items,)."""
        return np.searchsorted(self.category_names, self.categories)


def _check(named: str, column: NDArray[Any], n: int, dtype: type[np.generic]) -> None:
    """Raise ValueError unless a column has n values of a type."""
    if column.shape != (n,) or not np.issubdtype(column.dtype, dtype):
        raise ValueError(f"{named} must be ({n},) {np.dtype(dtype).name}, not {column.shape} {column.dtype}.")

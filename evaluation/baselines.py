"""The simple lists that a model has to beat. Nothing at or after the cut is looked at."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from retrieval.item_lists import ItemLists
from retrieval.popularity import PopularityList


@dataclass(frozen=True, eq=False)
class PurchaseCodes:
    """One row per purchase, in any order.

    Attributes:
        user_codes: (rows,) int32, at least 0.
        item_positions: (rows,) int32 positions in the item index, at least 0.
        purchased_at: (rows,) datetime64[us], UTC.

    Raises:
        ValueError: The arrays do not have this form.
    """

    user_codes: NDArray[np.int32]
    item_positions: NDArray[np.int32]
    purchased_at: NDArray[np.datetime64]

    def __post_init__(self) -> None:
        columns = (self.user_codes, self.item_positions, self.purchased_at)
        dtypes = [str(column.dtype) for column in columns]
        if dtypes != ["int32", "int32", "datetime64[us]"]:
            raise ValueError(
                f"User codes, item positions and times must be int32, int32 and datetime64[us], not {dtypes}."
            )
        if {column.shape for column in columns} != {(len(self.user_codes),)}:
            raise ValueError(f"The columns must be equally long, not {[column.shape for column in columns]}.")
        if self.user_codes.min(initial=0) < 0 or self.item_positions.min(initial=0) < 0:
            raise ValueError("User codes and item positions must be at least 0.")
        if np.isnat(self.purchased_at).any():
            raise ValueError("Every purchase needs its time: some are missing.")

    def __len__(self) -> int:
        """Return the number of purchases."""
        return len(self.user_codes)

    def where(self, kept: NDArray[np.bool_]) -> Self:
        """Return the rows where `kept` (rows,) is True."""
        return type(self)(self.user_codes[kept], self.item_positions[kept], self.purchased_at[kept])

    def before(self, cut: np.datetime64) -> Self:
        """Return the rows strictly before `cut`, UTC."""
        return self.where(self.purchased_at < cut)


def last_week_popularity(
    purchases: PurchaseCodes, cut: np.datetime64, n_items: int, days: int = 7
) -> NDArray[np.int64]:
    """Count each item's purchases in the `days` days before the cut, [cut - days, cut).

    Args:
        purchases: All purchases; those outside the window are passed over.
        cut: The moment of the forecast, UTC.
        n_items: The number of items in the index.
        days: The length of the window in days, at least 1.

    Returns:
        (n_items,) int64.

    Raises:
        ValueError: `days` is less than 1, or an item's position is not below `n_items`.
    """
    if days < 1:
        raise ValueError(f"The window must be at least 1 day long, not {days}.")
    before = purchases.before(cut)
    window = before.where(before.purchased_at >= cut - np.timedelta64(days, "D"))
    if window.item_positions.max(initial=-1) >= n_items:
        raise ValueError(f"Item positions must be below {n_items}, not {window.item_positions.max()}.")
    return np.bincount(window.item_positions, minlength=n_items).astype(np.int64)


def bought_before_then_popular(
    purchases: PurchaseCodes, cut: np.datetime64, users: NDArray[np.int32], popularity: PopularityList, k: int
) -> NDArray[np.int32]:
    """List what each user bought before the cut, then what is popular.

    A user's own items come first, by number of purchases, then the more recent last purchase, then position. The
    rest of the list is filled with the popularity ranking, no item twice. There are no scores: counts of two
    kinds cannot be compared.

    Args:
        purchases: All purchases; those at or after the cut are passed over.
        cut: The moment of the forecast, UTC.
        users: (n,) int32 user codes, unique, in the order wanted; they need not have bought anything.
        popularity: The ranking to fill with, made from purchases before the cut.
        k: The length of the lists, at least 1.

    Returns:
        (n, min(k, items)) int32 positions, best first, without padding.

    Raises:
        ValueError: A user comes twice, `k` is less than 1, or an item is not in the popularity ranking.
    """
    order = np.argsort(users)
    ordered_users = users[order]
    if (ordered_users[1:] == ordered_users[:-1]).any():
        raise ValueError("Users must be unique: a user has one list.")
    past = purchases.before(cut)
    past = past.where(np.isin(past.user_codes, users))
    rows = order[np.searchsorted(ordered_users, past.user_codes)]
    rows, items = _by_frequency(rows, past.item_positions, past.purchased_at)
    own_ranks = np.arange(len(rows)) - np.searchsorted(rows, rows)

    n, width = len(users), min(k, len(popularity))
    popular, _ = popularity.top(n, k, excluded=ItemLists.from_pairs(rows, items, n))
    own_counts = np.bincount(rows, minlength=n)
    # A user's own items push the popular ones back by as many places; what falls off the end is not needed.
    popular_ranks = np.arange(width) - own_counts[:, None]
    positions = np.take_along_axis(popular, popular_ranks.clip(min=0), axis=1)
    listed = own_ranks < width
    positions[rows[listed], own_ranks[listed]] = items[listed]
    return positions


def _by_frequency(
    rows: NDArray[np.intp], items: NDArray[np.int32], purchased_at: NDArray[np.datetime64]
) -> tuple[NDArray[np.intp], NDArray[np.int32]]:
    """Return each pair of row and item once, ordered by row, then frequency, last purchase and position."""
    order = np.lexsort((purchased_at, items, rows))
    rows, items, purchased_at = rows[order], items[order], purchased_at[order]
    changes = (rows[1:] != rows[:-1]) | (items[1:] != items[:-1])
    starts = np.flatnonzero(np.concatenate([np.ones(min(1, len(rows)), np.bool_), changes]))
    ends = np.concatenate([starts[1:], [len(rows)]])[: len(starts)]
    counts, latest = ends - starts, purchased_at[ends - 1]
    rows, items = rows[starts], items[starts]
    order = np.lexsort((items, -latest.astype(np.int64), -counts, rows))
    return rows[order], items[order]

"""Recall by slice: by activity of the user and by sales of the item before the cut."""

from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from candidates.item_lists import ItemLists
from candidates.sources.popularity import PopularityList
from evaluation.bootstrap import Bootstrap
from evaluation.metrics import Hits
from evaluation.results import ActivityRow, ColdUsers, DecileRow, ItemRow

DECILES: Final = 10


@dataclass(frozen=True, eq=False)
class ActivityGroup:
    """Users with similar numbers of purchases.

    Attributes:
        name: For display, with the group's bounds.
        users: (members,) int64, rows of the users, ascending.
        resamples: Drawn for these users.
    """

    name: str
    users: NDArray[np.int64]
    resamples: Bootstrap


def activity_groups(purchases: NDArray[np.int64], seed: int) -> tuple[ActivityGroup, ...]:
    """Group users by quartiles of their number of purchases before the cut.

    A bound is the smallest number of purchases that a quarter, half, ... of the users do not exceed. Users with equal
    numbers are in the same group, which may then hold more than a quarter of them, and there may be fewer groups.

    Args:
        purchases: (users,) int64, number of purchases of each user before the cut.
        seed: For the intervals.

    Returns:
        "cold users" without purchases, if there are any, then the groups from the least active, such as "1-12
        purchases".
    """
    warm = purchases[purchases > 0]
    groups = [("cold users", np.flatnonzero(purchases == 0))]
    bounds = np.quantile(warm, [0.25, 0.5, 0.75, 1.0], method="inverted_cdf").tolist() if len(warm) else []
    low = int(warm.min()) if len(warm) else 0
    for high in dict.fromkeys(int(bound) for bound in bounds):
        groups.append((_bounds(low, high), np.flatnonzero((purchases >= low) & (purchases <= high))))
        low = high + 1
    return tuple(
        ActivityGroup(name, users.astype(np.int64), Bootstrap.of(len(users), seed))
        for name, users in groups
        if len(users)
    )


def activity_slice(groups: tuple[ActivityGroup, ...], recall: NDArray[np.float64]) -> list[ActivityRow]:
    """Return each group's mean recall and its interval.

    Args:
        groups: As from `activity_groups`.
        recall: (users,) float64, each user's recall.
    """
    return [
        {
            "name": group.name,
            "users": len(group.users),
            "recall": group.resamples.estimates(recall[group.users][:, None])[0],
        }
        for group in groups
    ]


def cold_users_slice(popularity: PopularityList, relevant: ItemLists, k: int, seed: int) -> ColdUsers:
    """Return the number of cold users and the mean recall of the list that they all receive.

    Args:
        popularity: The ranking that they receive.
        relevant: The items that each of them bought, none empty.
        k: The cutoff.
        seed: For the interval.
    """
    users = len(relevant)
    if users == 0:
        return {"users": 0, "recall": None}
    positions, _ = popularity.top(users, k)
    recall = Hits.of(positions, relevant).recall(k)
    return {"users": users, "recall": Bootstrap.of(users, seed).estimates(recall[:, None])[0]}


@dataclass(frozen=True, eq=False)
class SalesDeciles:
    """Popularity deciles of items by sales before the cut.

    Attributes:
        deciles: (items,) int64: 1 (bestsellers) to 10, each with a tenth of the units sold; 0 for items without
            sales.
    """

    deciles: NDArray[np.int64]

    @classmethod
    def from_counts(cls, sales: NDArray[np.int64]) -> Self:
        """Rank items by units sold, ties by position, and split the ranking at every tenth of all units.

        An item across a bound belongs to the decile of its first unit: the bestseller is in decile 1, and a decile is
        empty if one item sold more than a tenth.

        Args:
            sales: (items,) int64, at least 0, purchases of each item before the cut.
        """
        ranking = np.argsort(-sales, kind="stable")
        before = np.cumsum(sales[ranking]) - sales[ranking]
        deciles = np.zeros(len(sales), np.int64)
        deciles[ranking] = before * DECILES // max(1, int(sales.sum())) + 1
        deciles[sales == 0] = 0
        return cls(deciles)

    def look_up(self, positions: NDArray[np.int32]) -> NDArray[np.int64]:
        """Return the deciles of items, 0 for positions beyond the catalogue: items that were not in it at the cut."""
        in_catalogue = positions < len(self.deciles)
        return np.where(in_catalogue, self.deciles[np.where(in_catalogue, positions, 0)], 0)


def item_slice(hits: Hits, deciles: SalesDeciles, k: int) -> list[ItemRow]:
    """Return recall over the purchases of all users, of items without sales before the cut and of the others."""
    cold = deciles.look_up(hits.relevant.positions) == 0
    found = hits.found(k)
    return [
        {"name": name, "relevant": int(kind.sum()), "recall": _share(found, kind)}
        for name, kind in (("never sold before", cold), ("sold before", ~cold))
    ]


def decile_slice(hits: Hits, deciles: SalesDeciles, k: int) -> list[DecileRow]:
    """Return recall over the purchases of all users, by popularity decile, without items that have none."""
    by_item, found = deciles.look_up(hits.relevant.positions), hits.found(k)
    return [
        {"decile": decile, "relevant": int((by_item == decile).sum()), "recall": _share(found, by_item == decile)}
        for decile in range(1, DECILES + 1)
    ]


def _share(found: NDArray[np.bool_], kind: NDArray[np.bool_]) -> float | None:
    return float(found[kind].mean()) if kind.any() else None


def _bounds(low: int, high: int) -> str:
    if low == high:
        return f"{low:,} purchase" if low == 1 else f"{low:,} purchases"
    return f"{low:,}-{high:,} purchases"

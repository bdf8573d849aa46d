"""Recall taken apart: by how much users had bought, and by how well items had sold, before the cut."""

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
    """Users who had bought about equally often.

    Attributes:
        name: For the reader, with the group's bounds.
        users: (members,) int64, their rows, ascending.
        resamples: Drawn for these members.
    """

    name: str
    users: NDArray[np.int64]
    resamples: Bootstrap


def activity_groups(purchases: NDArray[np.int64], seed: int) -> tuple[ActivityGroup, ...]:
    """Group users into quarters by their number of purchases before the cut.

    The bounds are the quartiles (the smallest number that a quarter, half, ... of these users do not exceed), so that
    users with equal numbers share a group, which may then be larger than a quarter, or take the place of two.

    Args:
        purchases: (users,) int64, how many purchases each user had made before the cut.
        seed: For the intervals.

    Returns:
        "cold users", who had bought nothing, if there are any, then the groups from the least active, such as
        "1-12 purchases".
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
    """Count users who had never bought before, and return the mean recall of the one list that they are all shown.

    Args:
        popularity: What they are shown.
        relevant: What each of them bought, none empty; all of it is new to them.
        k: The cut-off.
        seed: For the interval.
    """
    users = len(relevant)
    if users == 0:
        return {"users": 0, "recall": None}
    listed, _ = popularity.top(users, k)
    recall = Hits.of(listed, relevant).recall(k)
    return {"users": users, "recall": Bootstrap.of(users, seed).estimates(recall[:, None])[0]}


@dataclass(frozen=True, eq=False)
class SalesRanks:
    """How well items had sold before the cut.

    Attributes:
        deciles: (items,) int64: 1 for the best sellers to 10, each decile holding a tenth of the units sold; 0 for
            items never sold.
    """

    deciles: NDArray[np.int64]

    @classmethod
    def from_counts(cls, sold: NDArray[np.int64]) -> Self:
        """Rank items by units sold, equal ones by position, and cut the ranking at every tenth of all units.

        An item that lies across a bound belongs where its first unit lies: the best seller is in decile 1, and a
        decile may be empty if an item alone sold more than a tenth.

        Args:
            sold: (items,) int64, at least 0, purchases before the cut.
        """
        ranking = np.argsort(-sold, kind="stable")
        before = np.cumsum(sold[ranking]) - sold[ranking]
        deciles = np.zeros(len(sold), np.int64)
        deciles[ranking] = before * DECILES // max(1, int(sold.sum())) + 1
        deciles[sold == 0] = 0
        return cls(deciles)

    def of(self, positions: NDArray[np.int32]) -> NDArray[np.int64]:
        """Return the deciles of items; a position past the catalogue is an item that was not there yet: 0."""
        known = positions < len(self.deciles)
        return np.where(known, self.deciles[np.where(known, positions, 0)], 0)


def item_slice(hits: Hits, ranks: SalesRanks, k: int) -> list[ItemRow]:
    """Return hits over relevant items, all users together, for items never sold before the cut and the others."""
    cold = ranks.of(hits.relevant.positions) == 0
    found = hits.found(k)
    return [
        {"name": name, "relevant": int(kind.sum()), "recall": _share(found, kind)}
        for name, kind in (("never sold before", cold), ("sold before", ~cold))
    ]


def decile_slice(hits: Hits, ranks: SalesRanks, k: int) -> list[DecileRow]:
    """Return hits over relevant items, all users together, for each popularity decile; items never sold have none."""
    deciles, found = ranks.of(hits.relevant.positions), hits.found(k)
    return [
        {"decile": decile, "relevant": int((deciles == decile).sum()), "recall": _share(found, deciles == decile)}
        for decile in range(1, DECILES + 1)
    ]


def _share(found: NDArray[np.bool_], kind: NDArray[np.bool_]) -> float | None:
    return float(found[kind].mean()) if kind.any() else None


def _bounds(low: int, high: int) -> str:
    if low == high:
        return f"{low:,} purchase" if low == 1 else f"{low:,} purchases"
    return f"{low:,}-{high:,} purchases"

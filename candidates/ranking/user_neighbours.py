"""User neighbours: what users with similar purchases bought, as a score of each candidate."""

import zipfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from candidates.compiled import compiled
from candidates.histories import Histories
from candidates.item_lists import ItemLists
from candidates.purchase_codes import PurchaseCodes
from features.errors import InputError

NEIGHBOURS: Final = 100
HALF_LIFE: Final = 90.0  # days
MAX_USERS: Final = 50_000  # more candidates for neighbours take memory and time, and hardly change the nearest ones
MAX_ITEMS: Final = 1_000  # of one user, the newest


@dataclass(frozen=True, eq=False)
class UserNeighbours:
    """Purchases of the users among whom neighbours are found, one vector of weights for each.

    The weight of an item is log(1 + purchases) * 0.5 ** (days / HALF_LIFE), with the days from its last purchase to the
    user's last purchase, and each vector has length 1, so that the inner product of two is their cosine.

    Attributes:
        bought: n lists of at most `MAX_ITEMS` positions below `items`.
        weights: float32 (m,), above 0, one for each entry of `bought`.
        items: the number of items in the index.

    Raises:
        ValueError: the arrays do not have this form.
    """

    bought: ItemLists
    weights: NDArray[np.float32]
    items: int

    def __post_init__(self) -> None:
        if self.weights.dtype != np.float32 or self.weights.shape != self.bought.positions.shape:
            raise ValueError(f"Weights must be float32, one for each purchase, not {self.weights.dtype}.")
        if not (np.isfinite(self.weights).all() and (self.weights > 0).all()):
            raise ValueError("Weights must be finite and above 0.")
        if self.bought.positions.max(initial=-1) >= self.items:
            raise ValueError(f"Positions must be below {self.items}.")

    @classmethod
    def fit(cls, purchases: PurchaseCodes, cut: np.datetime64, n_items: int) -> Self:
        """Build the vectors of the users who bought most recently before the cut, at most `MAX_USERS`.

        Args:
            purchases: of all users; those at or after the cut are left out.
            cut: the cut date, UTC.
            n_items: the number of items in the index.
        """
        past = purchases.before(cut)
        histories = Histories.from_purchases(past, cut, past.latest_buyers(MAX_USERS))
        return cls.from_histories(histories, n_items)

    @classmethod
    def from_histories(cls, histories: Histories, n_items: int) -> Self:
        """Build the vectors of n users from their histories, over `n_items` items."""
        return cls(*_vectors(histories), n_items)

    def __len__(self) -> int:
        """Return the number of users among whom neighbours are found, n."""
        return len(self.bought)

    @cached_property
    def _buyers(self) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float32]]:
        """For each item the users who bought it, ascending, and their weights: offsets, users, weights."""
        order = np.argsort(self.bought.positions, kind="stable")
        counts = np.bincount(self.bought.positions, minlength=self.items)
        offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])
        return offsets, self.bought.rows[order].astype(np.int32), self.weights[order]

    def score(self, histories: Histories, rows: NDArray[np.int64], positions: NDArray[np.int32]) -> NDArray[np.float32]:
        """Return how much the neighbours of n users bought each candidate.

        The neighbours of a user are the `NEIGHBOURS` users with the largest cosine above 0, equal ones in their order;
        a user who is among the users of this object counts as any other. The score of an item is the mean of the
        neighbours' weights of it, weighted by cosine.

        Args:
            histories: of n users, over the same items.
            rows: int64 (pairs,), ascending: the user of each candidate, 0 to n - 1.
            positions: int32 (pairs,), positions of items.

        Returns:
            float32 (pairs,), 0 to 1; 0 without neighbours.

        Raises:
            ValueError: a history holds an item that is not among the items.
        """
        histories.check_positions(self.items)
        own, weights = _vectors(histories)
        scores = np.zeros(len(positions), np.float32)
        starts = np.searchsorted(rows, np.arange(len(own) + 1))
        _score(own.offsets, own.positions, weights, *self._buyers, len(self), NEIGHBOURS, starts, positions, scores)
        return scores

    def write(self, path: Path) -> None:
        """Write the vectors to an .npz file."""
        offsets, positions = self.bought.offsets, self.bought.positions
        np.savez(path, allow_pickle=False, offsets=offsets, positions=positions, weights=self.weights)

    @classmethod
    def read(cls, path: Path, items: int) -> Self:
        """Read what `write` wrote.

        Args:
            path: of the file.
            items: the number of items in the index.

        Raises:
            InputError: the file is missing or does not contain such vectors.
        """
        try:
            with np.load(path, allow_pickle=False) as content:
                return cls(ItemLists(content["offsets"], content["positions"]), content["weights"], items)
        except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
            raise InputError(f"{path} does not contain purchases of users ({error}): train again.") from error


def _vectors(histories: Histories) -> tuple[ItemLists, NDArray[np.float32]]:
    """Return the newest items of each history, in its order, and their weights as vectors of length 1."""
    offsets = histories.bought.offsets
    number = np.arange(len(histories.positions)) - offsets[:-1][histories.rows]
    kept = number < MAX_ITEMS
    rows = histories.rows[kept]
    days = histories.days[kept].astype(np.float64)
    weights = np.log1p(histories.counts[kept].astype(np.float64)) * 0.5 ** (days / HALF_LIFE)
    lengths = np.sqrt(np.bincount(rows, weights**2, len(histories)))
    unit = np.maximum(weights / lengths[rows], np.finfo(np.float32).tiny)  # purchases of decades ago stay above 0
    return ItemLists.from_ordered_pairs(rows, histories.positions[kept], len(histories)), unit.astype(np.float32)


@compiled
def _score(
    offsets: NDArray[np.int64],
    history: NDArray[np.int32],
    weights: NDArray[np.float32],
    buyer_offsets: NDArray[np.int64],
    buyers: NDArray[np.int32],
    buyer_weights: NDArray[np.float32],
    users: int,
    most: int,
    starts: NDArray[np.int64],
    positions: NDArray[np.int32],
    scores: NDArray[np.float32],
) -> None:
    """Write the score of each candidate of a user with neighbours; `starts` (n + 1,) are each user's candidates."""
    cosines = np.zeros(users, np.float64)
    for row in range(len(offsets) - 1):
        for entry in range(offsets[row], offsets[row + 1]):
            item = history[entry]
            for buyer in range(buyer_offsets[item], buyer_offsets[item + 1]):
                cosines[buyers[buyer]] += np.float64(weights[entry]) * np.float64(buyer_weights[buyer])
        total = _keep_nearest(cosines, most)
        if total > 0:
            for pair in range(starts[row], starts[row + 1]):
                bought = 0.0
                for buyer in range(buyer_offsets[positions[pair]], buyer_offsets[positions[pair] + 1]):
                    bought += cosines[buyers[buyer]] * np.float64(buyer_weights[buyer])
                scores[pair] = np.float32(bought / total)
        cosines[:] = 0.0


@compiled
def _keep_nearest(cosines: NDArray[np.float64], most: int) -> float:
    """Set the cosines of all but the `most` nearest users to 0, and return the sum of the cosines."""
    near = np.flatnonzero(cosines)
    if len(near) > most:
        of_near = cosines[near]
        smallest = np.partition(of_near, len(near) - most)[len(near) - most]
        ties = most - np.count_nonzero(of_near > smallest)
        for user in near:
            if cosines[user] == smallest and ties > 0:
                ties -= 1
            elif cosines[user] <= smallest:
                cosines[user] = 0.0
    total = 0.0
    for user in near:
        total += cosines[user]
    return total

"""Pairs of user and candidate as numbers: what retrieval said, what he buys, what it sells."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from candidates.blender import BlendedLists
from candidates.histories import Histories
from candidates.ranking.context import KINDS, SALES, ItemFeatures, UserFeatures

FUSED_SCORE: Final = "fused score"
FUSED_RANK: Final = "fused rank"
RETRIEVAL: Final = (FUSED_SCORE, FUSED_RANK)
RETRIEVAL_ORIGIN: Final = "retrieval"
_PRIOR: Final = 10.0  # purchases that a user is thought to have made like everybody, in a lift


def feature_names(sources: Sequence[str]) -> tuple[str, ...]:
    """The names of the columns of `PairFeatures.matrix`, in order, for candidates of these sources."""
    return tuple(name for names in feature_origins(sources).values() for name in names)


def feature_origins(sources: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """The names of the columns by where they come from, in order: what is joined wrongly is wrong in all of these."""
    said = (*(f"rank by {source}" for source in sources), *(f"score by {source}" for source in sources))
    return {
        RETRIEVAL_ORIGIN: (*RETRIEVAL, *said),
        "history": (
            "purchases of the item", "purchases of the item per visit", "days before the user's last purchase",
            "purchases of the item in 28 days", "purchases of the item in 91 days",
        ),
        "tastes": (
            *(f"purchases of the {kind}" for kind in KINDS),
            *(f"share of the {kind} in the user's purchases" for kind in KINDS),
            *(f"log lift of the {kind}" for kind in KINDS),
        ),
        "item sales": (*(f"log {window}" for window in SALES), "share of repeated purchases"),
        "prices": ("log price", "log price to the user's", "distance of log price to the user's"),
        "user": (
            *("user's purchases in 7 days", "user's purchases in 28 days", "user's purchases", "user's visits"),
            "share of distinct items in the user's purchases",
        ),
    }  # fmt: skip


@dataclass(frozen=True, eq=False)
class PairFeatures:
    """What the ranker is told of the candidates of n users.

    Attributes:
        sources: names of the sources of candidates.
        users: how many lists there are, n.
        rows: int64 (pairs,), ascending: whose candidate it is, 0 to n - 1; a user may have none.
        positions: int32 (pairs,), which item it is, each user's in retrieval's order, no item twice.
        matrix: float32 (pairs, features), in the order of `names`; NaN where there is nothing to say, never infinite.
    """

    sources: tuple[str, ...]
    users: int
    rows: NDArray[np.int64]
    positions: NDArray[np.int32]
    matrix: NDArray[np.float32]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the features."""
        return feature_names(self.sources)

    @classmethod
    def together(cls, parts: Sequence[Self]) -> Self:
        """Put the pairs of successive lists together; at least one part, all of the same sources."""
        if len({part.sources for part in parts}) != 1:
            raise ValueError(f"Parts must be of the same sources, not {[part.sources for part in parts]}.")
        starts = np.cumsum([0, *(part.users for part in parts)])
        return cls(
            parts[0].sources,
            int(starts[-1]),
            np.concatenate([part.rows + start for part, start in zip(parts, starts[:-1], strict=True)]),
            np.concatenate([part.positions for part in parts]),
            np.concatenate([part.matrix for part in parts]),
        )

    def take(self, lists: NDArray[np.integer[Any]]) -> Self:
        """Return the pairs of some lists, ascending and none twice, numbered from 0."""
        places = np.full(self.users, -1, np.int64)
        places[lists] = np.arange(len(lists))
        kept = places[self.rows] >= 0
        return type(self)(self.sources, len(lists), places[self.rows[kept]], self.positions[kept], self.matrix[kept])


def pair_features(
    blended: BlendedLists, histories: Histories, users: UserFeatures, items: ItemFeatures
) -> PairFeatures:
    """Tell the ranker of the candidates of n users.

    Users without a history have no pairs: nothing but sales speaks for what they are shown, retrieval orders it by
    them, and their scores are not those that others have.

    Args:
        blended: the candidates of n users, after all filters.
        histories: what each of them had bought.
        users: n, as of the same moment.
        items: of the item index, as of the same moment.

    Raises:
        ValueError: the arguments are not about the same users and items.
    """
    if not len(blended.positions) == len(histories) == len(users):
        raise ValueError(
            f"Lists, histories and facts must be of the same users, not of {len(blended.positions)}, {len(histories)} "
            f"and {len(users)}."
        )
    if users.tastes.width != items.width:
        raise ValueError(
            f"Users must be told of in the words of the catalogue, {items.width}, not of others, {users.tastes.width}."
        )
    if max(blended.positions.max(initial=-1), histories.positions.max(initial=-1)) >= len(items):
        raise ValueError(f"Candidates and histories must hold positions below {len(items)}.")
    lengths = histories.bought.lengths
    rows, places = np.nonzero((blended.positions >= 0) & (lengths > 0)[:, None])
    positions = blended.positions[rows, places]
    columns: list[NDArray[Any]] = [
        blended.scores[rows, places][:, None],
        (places + 1)[:, None],
        _said(blended, rows, places),
        _bought(histories, users, items, rows, positions),
        _tastes(users, items, rows, positions),
        _item(users, items, rows, positions),
        _user(histories, users, lengths)[rows],
    ]
    matrix = np.concatenate([column.astype(np.float32, copy=False) for column in columns], axis=1)
    return PairFeatures(blended.sources, len(histories), rows, positions, matrix)


def _said(blended: BlendedLists, rows: NDArray[np.int64], places: NDArray[np.int64]) -> NDArray[np.float32]:
    ranks = blended.ranks[rows, places].astype(np.float32)
    ranks[ranks == 0] = np.nan
    return np.concatenate([ranks, blended.source_scores[rows, places]], axis=1)


def _bought(
    histories: Histories,
    users: UserFeatures,
    items: ItemFeatures,
    rows: NDArray[np.int64],
    positions: NDArray[np.int32],
) -> NDArray[np.float32]:
    counts, days = histories.look_up(rows, positions)
    visits, lately = np.maximum(users.visits, 1)[rows], users.lately_of_pairs(rows, items.ids[positions])
    return np.column_stack([counts, counts / visits, np.where(counts > 0, days, np.float32(np.nan)), lately])


def _tastes(
    users: UserFeatures, items: ItemFeatures, rows: NDArray[np.int64], positions: NDArray[np.int32]
) -> NDArray[np.float32]:
    words = items.words[positions]
    counts = users.tastes.look_up(np.broadcast_to(rows[:, None], words.shape), words)[..., 0]
    purchases = users.purchases[rows, 2][:, None]
    shares = items.word_shares[positions]
    lift = np.log((counts / shares + _PRIOR) / (purchases + _PRIOR))
    return np.concatenate([counts, counts / np.maximum(purchases, 1), lift], axis=1)


def _item(
    users: UserFeatures, items: ItemFeatures, rows: NDArray[np.int64], positions: NDArray[np.int32]
) -> NDArray[np.float32]:
    price = items.log_price[positions]
    dearer = price - users.log_price[rows]
    return np.column_stack([items.log_sales[positions], items.repeat_share[positions], price, dearer, np.abs(dearer)])


def _user(histories: Histories, users: UserFeatures, lengths: NDArray[np.int64]) -> NDArray[np.float32]:
    """The columns that are equal for all candidates of a user, (n, columns)."""
    bought = np.bincount(histories.rows, histories.counts, minlength=len(lengths))
    return np.column_stack([users.purchases, users.visits, lengths / np.maximum(bought, 1)])

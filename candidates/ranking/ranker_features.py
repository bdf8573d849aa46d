"""Ranker features of pairs of user and candidate: scores of the retrieval, purchase history, sales and prices."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from candidates.blender import BlendedLists
from candidates.histories import Histories
from candidates.ranking.entity_features import CATEGORY_TYPES, SALES_WINDOWS, ItemFeatures, UserFeatures

BLENDER_SCORE: Final = "blender_score"
BLENDER_RANK: Final = "blender_rank"
RETRIEVAL_FEATURES: Final = (BLENDER_SCORE, BLENDER_RANK)
RETRIEVAL_GROUP: Final = "retrieval"
_PRIOR_PURCHASES: Final = 10.0  # purchases with the average category shares, added to the user's own in a lift


def feature_names(sources: Sequence[str]) -> tuple[str, ...]:
    """Return the names of the columns of `PairFeatures.matrix`, in order, for candidates of these sources."""
    return tuple(name for names in feature_groups(sources).values() for name in names)


def feature_groups(sources: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return the names of the columns by group, in order; a wrong join affects all features of a group.

    - `item_days_before_last_purchase`: whole UTC days from the user's last purchase of the item to the user's last
      purchase of anything; NaN if the item was never bought.
    - `item_purchases_28d`, `item_purchases_91d`: in the days up to the user's last purchase.
    - `*_log_lift`: log of the user's purchases of the category over the expected number, both with a prior.
    - `repurchase_rate`: see `ItemFeatures`.
    - `log_price_difference`: the item's log price minus the user's.
    - `distinct_item_share`: distinct items over purchases.
    """
    return {
        RETRIEVAL_GROUP: (
            *RETRIEVAL_FEATURES, *(f"{source}_rank" for source in sources), *(f"{source}_score" for source in sources),
        ),
        "purchase history": (
            "item_purchases", "item_purchases_per_active_day", "item_days_before_last_purchase",
            "item_purchases_28d", "item_purchases_91d",
        ),
        "category affinity": (
            *(f"{category_type}_purchases" for category_type in CATEGORY_TYPES),
            *(f"{category_type}_purchase_share" for category_type in CATEGORY_TYPES),
            *(f"{category_type}_log_lift" for category_type in CATEGORY_TYPES),
        ),
        "item sales": (*(f"log_{window}" for window in SALES_WINDOWS), "repurchase_rate"),
        "price": ("log_price", "log_price_difference", "abs_log_price_difference"),
        "user activity": (
            "user_purchases_7d", "user_purchases_28d", "user_purchases_total", "user_active_days",
            "distinct_item_share",
        ),
    }  # fmt: skip


@dataclass(frozen=True, eq=False)
class PairFeatures:
    """Ranker features of the candidates on n lists.

    Attributes:
        sources: names of the candidate sources.
        list_count: n.
        rows: int64 (pairs,), ascending: the list of each candidate, 0 to n - 1; a list may have none.
        positions: int32 (pairs,), positions of items, each list's in retrieval order, no item twice.
        matrix: float32 (pairs, features), in the order of `feature_names`; NaN where a feature is undefined, never
            infinite.
    """

    sources: tuple[str, ...]
    list_count: int
    rows: NDArray[np.int64]
    positions: NDArray[np.int32]
    matrix: NDArray[np.float32]

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The names of the columns of `matrix`."""
        return feature_names(self.sources)

    @classmethod
    def concat(cls, parts: Sequence[Self]) -> Self:
        """Concatenate the pairs of successive lists; at least one part, all of the same sources."""
        if len({part.sources for part in parts}) != 1:
            raise ValueError(f"Parts must be of the same sources, not {[part.sources for part in parts]}.")
        starts = np.cumsum([0, *(part.list_count for part in parts)])
        return cls(
            parts[0].sources,
            int(starts[-1]),
            np.concatenate([part.rows + start for part, start in zip(parts, starts[:-1], strict=True)]),
            np.concatenate([part.positions for part in parts]),
            np.concatenate([part.matrix for part in parts]),
        )

    def take(self, lists: NDArray[np.integer[Any]]) -> Self:
        """Return the pairs of some lists, ascending and none twice, numbered from 0."""
        new_rows = np.full(self.list_count, -1, np.int64)
        new_rows[lists] = np.arange(len(lists))
        kept = new_rows[self.rows] >= 0
        return type(self)(self.sources, len(lists), new_rows[self.rows[kept]], self.positions[kept], self.matrix[kept])


def build_pair_features(
    blended: BlendedLists, histories: Histories, users: UserFeatures, items: ItemFeatures
) -> PairFeatures:
    """Build the ranker features of the candidates of n users.

    Cold users have no pairs: their candidates are popular items in retrieval order, and their scores are not comparable
    with those of other users.

    Args:
        blended: the candidates of n users, after all filters.
        histories: the purchases of n users.
        users: n, as of the same moment.
        items: of the item index, as of the same moment.

    Raises:
        ValueError: the arguments are of different users or items.
    """
    if not len(blended.positions) == len(histories) == len(users):
        raise ValueError(
            f"Lists, histories and features must be of the same users, not of {len(blended.positions)}, "
            f"{len(histories)} and {len(users)}."
        )
    if users.category_counts.width != items.category_count:
        raise ValueError(
            f"Users must have the {items.category_count} category codes of the catalogue, not "
            f"{users.category_counts.width} others."
        )
    if max(blended.positions.max(initial=-1), histories.positions.max(initial=-1)) >= len(items):
        raise ValueError(f"Candidates and histories must hold positions below {len(items)}.")
    lengths = histories.bought.lengths
    rows, columns = np.nonzero((blended.positions >= 0) & (lengths > 0)[:, None])
    positions = blended.positions[rows, columns]
    parts: list[NDArray[Any]] = [
        blended.scores[rows, columns][:, None],
        (columns + 1)[:, None],
        _by_source(blended, rows, columns),
        _purchase_history(histories, users, items, rows, positions),
        _category_affinity(users, items, rows, positions),
        _sales_and_price(users, items, rows, positions),
        _user_activity(histories, users, lengths)[rows],
    ]
    matrix = np.concatenate([part.astype(np.float32, copy=False) for part in parts], axis=1)
    return PairFeatures(blended.sources, len(histories), rows, positions, matrix)


def _by_source(blended: BlendedLists, rows: NDArray[np.int64], columns: NDArray[np.int64]) -> NDArray[np.float32]:
    ranks = blended.ranks[rows, columns].astype(np.float32)
    ranks[ranks == 0] = np.nan
    return np.concatenate([ranks, blended.source_scores[rows, columns]], axis=1)


def _purchase_history(
    histories: Histories,
    users: UserFeatures,
    items: ItemFeatures,
    rows: NDArray[np.int64],
    positions: NDArray[np.int32],
) -> NDArray[np.float32]:
    counts, days = histories.look_up(rows, positions)
    active_days = np.maximum(users.active_days, 1)[rows]
    recent = users.count_recent_purchases(rows, items.ids[positions])
    return np.column_stack([counts, counts / active_days, np.where(counts > 0, days, np.float32(np.nan)), recent])


def _category_affinity(
    users: UserFeatures, items: ItemFeatures, rows: NDArray[np.int64], positions: NDArray[np.int32]
) -> NDArray[np.float32]:
    categories = items.categories[positions]
    counts = users.category_counts.look_up(np.broadcast_to(rows[:, None], categories.shape), categories)[..., 0]
    purchases = users.purchases[rows, 2][:, None]
    shares = items.category_shares[positions]
    lift = np.log((counts / shares + _PRIOR_PURCHASES) / (purchases + _PRIOR_PURCHASES))
    return np.concatenate([counts, counts / np.maximum(purchases, 1), lift], axis=1)


def _sales_and_price(
    users: UserFeatures, items: ItemFeatures, rows: NDArray[np.int64], positions: NDArray[np.int32]
) -> NDArray[np.float32]:
    price = items.log_price[positions]
    difference = price - users.log_price[rows]
    return np.column_stack(
        [items.log_sales[positions], items.repurchase_rate[positions], price, difference, np.abs(difference)]
    )


def _user_activity(histories: Histories, users: UserFeatures, lengths: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return the features that are equal for all candidates of a user, (n, features)."""
    purchases = np.bincount(histories.rows, histories.counts, minlength=len(lengths))
    return np.column_stack([users.purchases, users.active_days, lengths / np.maximum(purchases, 1)])

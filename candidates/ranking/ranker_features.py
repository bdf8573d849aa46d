"""Ranker features of pairs of user and candidate: scores of the retrieval, purchase history, sales and prices."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from candidates.blender import BlendedLists
from candidates.histories import Histories
from candidates.ranking.entity_features import CATEGORY_TYPES, SALES_WINDOWS, ItemFeatures, UserFeatures
from candidates.ranking.feature_columns import (
    sum_lists,
    write_category,
    write_items,
    write_purchases,
    write_retrieval,
    write_users,
)
from candidates.ranking.user_neighbours import UserNeighbours

BLENDER_SCORE: Final = "blender_score"
BLENDER_RANK: Final = "blender_rank"
RETRIEVAL_FEATURES: Final = (BLENDER_SCORE, BLENDER_RANK)
RETRIEVAL_GROUP: Final = "retrieval"
_PAIRS_PER_PART: Final = 8192  # their rows of the matrix stay in the processor's cache


def feature_names(sources: Sequence[str]) -> tuple[str, ...]:
    """Return the names of the columns of `PairFeatures.matrix`, in order, for candidates of these sources."""
    return tuple(name for names in feature_groups(sources).values() for name in names)


def feature_groups(sources: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return the names of the columns by group, in order; a wrong join affects all features of a group.

    - `item_days_before_last_purchase`: whole UTC days from the user's last purchase of the item to the user's last
      purchase of anything; NaN if the item was never bought.
    - `item_days_between_purchases`: mean UTC days between the days of the user's purchases of the item; NaN unless
      there are two.
    - `item_days_since_purchase`: days from the user's last purchase of the item to the request; NaN without one. Those
      to the user's last purchase are whole days, those from there on are not.
    - `item_days_since_purchase_over_gap`: the latter over the former: from 1 on, the item is due.
    - `item_purchases_28d`, `item_purchases_91d`: in the days up to the user's last purchase.
    - `*_log_lift`: log of the user's purchases of the category over the expected number, both with a prior.
    - `neighbour_score`: see `candidates.ranking.user_neighbours`.
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
            "item_days_between_purchases", "item_days_since_purchase", "item_days_since_purchase_over_gap",
            "item_purchases_28d", "item_purchases_91d",
        ),
        "category affinity": (
            *(f"{category_type}_purchases" for category_type in CATEGORY_TYPES),
            *(f"{category_type}_purchase_share" for category_type in CATEGORY_TYPES),
            *(f"{category_type}_log_lift" for category_type in CATEGORY_TYPES),
        ),
        "similar users": ("neighbour_score",),
        "item sales": (*(f"log_{window}" for window in SALES_WINDOWS), "repurchase_rate"),
        "price": ("log_price", "log_price_difference", "abs_log_price_difference"),
        "user activity": (
            "user_purchases_7d", "user_purchases_28d", "user_purchases_total", "user_active_days",
            "distinct_item_share", "days_since_last_purchase",
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
    blended: BlendedLists,
    histories: Histories,
    users: UserFeatures,
    items: ItemFeatures,
    neighbours: UserNeighbours,
) -> PairFeatures:
    """Build the ranker features of the candidates of n users.

    Cold users have no pairs: their candidates are popular items in retrieval order, and their scores are not comparable
    with those of other users.

    Args:
        blended: the candidates of n users, after all filters.
        histories: the purchases of n users.
        users: n, as of the same moment.
        items: of the item index, as of the same moment.
        neighbours: the users to whom the n users are compared, as of the same moment.

    Raises:
        ValueError: the arguments are of different users or items.
    """
    if not len(blended.positions) == len(histories) == len(users):
        raise ValueError(
            f"Lists, histories and features must be of the same users, not of {len(blended.positions)}, "
            f"{len(histories)} and {len(users)}."
        )
    codes = tuple(counts.width for counts in users.category_counts)
    if codes != (expected := tuple(map(len, items.vocabularies))):
        raise ValueError(f"Users must have the {expected} category codes of the catalogue, not {codes} others.")
    if max(blended.positions.max(initial=-1), histories.positions.max(initial=-1)) >= len(items):
        raise ValueError(f"Candidates and histories must hold positions below {len(items)}.")
    if neighbours.items != len(items):
        raise ValueError(f"Neighbours must be of {len(items)} items, not of {neighbours.items}.")
    rows, columns = np.nonzero((blended.positions >= 0) & ~histories.empty[:, None])
    positions = blended.positions[rows, columns]
    matrix = np.empty((len(rows), len(feature_names(blended.sources))), np.float32)
    scores, ranks = np.ascontiguousarray(blended.scores), np.ascontiguousarray(blended.ranks)
    source_scores = np.ascontiguousarray(blended.source_scores)
    activity = _user_activity(histories, users)
    neighbour_scores = neighbours.score(histories, rows, positions)
    for start in range(0, len(rows), _PAIRS_PER_PART):
        part = slice(start, start + _PAIRS_PER_PART)
        own, pairs = matrix[part], (rows[part], positions[part])
        column = write_retrieval(own, 0, rows[part], columns[part], scores, ranks, source_scores)
        column = _write_purchases(own, column, *pairs, histories, users)
        column = _write_affinity(own, column, *pairs, users, items)
        own[:, column] = neighbour_scores[part]
        column += 1
        of_items = items.log_sales, items.repurchase_rate, items.log_price
        column = write_items(own, column, *pairs, *of_items, users.log_price)
        write_users(own, column, rows[part], activity)
    return PairFeatures(blended.sources, len(histories), rows, positions, matrix)


def _write_purchases(
    matrix: NDArray[np.float32],
    column: int,
    rows: NDArray[np.int64],
    positions: NDArray[np.int32],
    histories: Histories,
    users: UserFeatures,
) -> int:
    """Write the user's purchases of the item; return the next column."""
    bought, recent = histories.bought.find_pairs(rows, positions), users.recent_item_counts
    lately = recent.pairs.find_pairs(rows, positions), recent.counts
    values = histories.counts, histories.days, histories.gaps, users.active_days, users.days_since_last_purchase
    return int(write_purchases(matrix, column, rows, bought, *values, *lately))


def _write_affinity(
    matrix: NDArray[np.float32],
    column: int,
    rows: NDArray[np.int64],
    positions: NDArray[np.int32],
    users: UserFeatures,
    items: ItemFeatures,
) -> int:
    """Write counts of each category type, then shares, then log lifts; return the next column."""
    types = len(CATEGORY_TYPES)
    lifts = np.empty((len(rows), types), np.float32)
    for number, counts in enumerate(users.category_counts):
        codes = items.categories[number][positions]
        found = counts.pairs.find_pairs(rows, codes), counts.counts, items.category_shares[number]
        write_category(matrix, lifts, column, number, rows, positions, codes, *found, users.purchases)
    # NumPy's logarithm: compiled code has another one, which differs in the last bit.
    matrix[:, column + 2 * types : column + 3 * types] = np.log(lifts, out=lifts)
    return column + 3 * types


def _user_activity(histories: Histories, users: UserFeatures) -> NDArray[np.float32]:
    """Return the features that are equal for all candidates of a user, (n, features)."""
    purchases = sum_lists(histories.bought.offsets, histories.counts)
    shares = histories.bought.lengths / np.maximum(purchases, 1)
    of_users = users.active_days, shares.astype(np.float32), users.days_since_last_purchase
    return np.column_stack([users.purchases, *of_users])

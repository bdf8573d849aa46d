"""Evaluation on the days after a cut: the same users and the whole catalogue for every model and baseline."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from candidates.index import ItemIndex
from candidates.item_lists import ItemLists
from candidates.purchase_codes import PurchaseCodes
from candidates.sources.popularity import PopularityList
from evaluation.baselines import (
    LAST_WEEK_BESTSELLERS,
    OWN_BY_FREQUENCY,
    bought_before_then_popular,
    last_week_popularity,
)
from evaluation.bootstrap import bootstrap_interval
from evaluation.diagnostics import CollapseCheck, VectorDiversity, check_recall
from evaluation.metrics import recall_at
from features.moments import datetime64
from features.schema import EVENT_TIMESTAMP, ITEM_ID, USER_ID

_CUTOFFS = (12, 100)


@dataclass(frozen=True)
class WindowMetrics:
    """Metrics of one model on a validation window.

    Attributes:
        recalls: mean recall over users, by cutoff.
        new_item_recalls: mean recall of items new to the user, by cutoff, with lists that exclude bought items; empty
            if no user bought new items.
        excluding_bought_recalls: mean recall of all purchases, by cutoff, with lists that exclude bought items.
        interval: 95 % bootstrap interval of `recall`, over users.
        failed_checks: one sentence for each failed sanity check; if there are any, the recalls are not meaningful.
        diversities: of the query vectors, by kind; empty if they are not finite, or if lists were evaluated.
    """

    recalls: dict[int, float]
    new_item_recalls: dict[int, float]
    excluding_bought_recalls: dict[int, float]
    interval: tuple[float, float] | None = None
    failed_checks: tuple[str, ...] = ()
    diversities: dict[str, VectorDiversity] = field(default_factory=dict)

    @property
    def new_item_recall(self) -> float | None:
        """Recall of new items at the largest cutoff; None if no user bought new items."""
        return self.new_item_recalls.get(max(self.recalls))

    @property
    def recall(self) -> float:
        """Recall at the largest cutoff, by which models are selected."""
        return self.recalls[max(self.recalls)]


@dataclass(frozen=True)
class ValidationWindow:
    """Users with purchases before the cut, and what they bought in the days after it.

    Attributes:
        item_ids: string (items,), ascending: the catalogue.
        users: number of evaluated users.
        history: purchases before the cut; the evaluated users have the codes 0 to users - 1.
        bought: items that each evaluated user bought before the cut.
        relevant: items that each evaluated user bought after it.
        cut: UTC.
    """

    item_ids: pa.StringArray
    users: int
    history: PurchaseCodes
    bought: ItemLists
    relevant: ItemLists
    cut: np.datetime64

    @property
    def cutoffs(self) -> tuple[int, ...]:
        """Those of 12 and 100 that are at most half the catalogue, see `metrics.cutoffs_for`."""
        half = max(1, len(self.item_ids) // 2)
        return tuple(k for k in _CUTOFFS if k <= half) or (half,)

    @classmethod
    def of(cls, user_ids: pa.Array, item_ids: pa.Array, before: pa.Table, after: pa.Table, cut: datetime) -> Self:
        """Build a window from id columns.

        Args:
            user_ids: the evaluated users, string, unique.
            item_ids: the catalogue, string, ascending.
            before: purchases before the cut: `user_id`, `item_id`, `event_timestamp`.
            after: purchases after the cut, same columns; those of other users are ignored. An item that is not in the
                catalogue yet cannot be retrieved: it counts as missed.
            cut: the moment between them, UTC.

        Raises:
            ValueError: a purchase before the cut is of an item that is not in the catalogue.
        """
        all_users = pc.unique(pa.chunked_array([user_ids, *before[USER_ID].chunks]))
        history = PurchaseCodes(
            user_codes=_codes(before[USER_ID], all_users),
            item_positions=_codes(before[ITEM_ID], item_ids),
            purchased_at=before[EVENT_TIMESTAMP].to_numpy().astype("datetime64[us]"),
        )
        own = history.where(history.user_codes < len(user_ids))
        after = after.filter(pc.is_in(after[USER_ID], user_ids))
        all_items = pc.unique(pa.chunked_array([item_ids, *after[ITEM_ID].chunks]))
        return cls(
            item_ids=item_ids,
            users=len(user_ids),
            history=history,
            bought=ItemLists.from_pairs(own.user_codes, own.item_positions, len(user_ids)),
            relevant=ItemLists.from_pairs(
                _codes(after[USER_ID], user_ids), _codes(after[ITEM_ID], all_items), len(user_ids)
            ),
            cut=datetime64(cut),
        )

    def evaluate_vectors(
        self, queries: NDArray[np.float32], new_item_queries: NDArray[np.float32], items: NDArray[np.float32]
    ) -> WindowMetrics:
        """Evaluate two towers by exact search over the whole catalogue.

        Args:
            queries: (users, dimensions), queries for any item.
            new_item_queries: (users, content dimensions), queries for items that the user never bought.
            items: (items, dimensions).
        """
        collapse = self.check_collapse(queries, new_item_queries, items)
        if not collapse.diversities:
            return WindowMetrics({}, {}, {}, failed_checks=collapse.failed_checks)
        index, k = ItemIndex(self.item_ids, items), max(self.cutoffs)
        positions, _ = index.search(queries, k)
        new_positions, _ = index.search(new_item_queries, k, self.bought)
        failed_checks = (*self._check_recalls(positions), *collapse.failed_checks)
        return replace(
            self.evaluate_lists(positions, new_positions),
            failed_checks=failed_checks,
            diversities=collapse.diversities,
        )

    def check_collapse(
        self, queries: NDArray[np.float32], new_item_queries: NDArray[np.float32], items: NDArray[np.float32]
    ) -> CollapseCheck:
        """Check whether vectors have collapsed, without their recall; arguments are those of `evaluate_vectors`."""
        return CollapseCheck.of(self.item_ids, queries, new_item_queries, items, max(self.cutoffs))

    def evaluate_lists(self, positions: NDArray[np.int32], new_positions: NDArray[np.int32]) -> WindowMetrics:
        """Evaluate ranked lists.

        Args:
            positions: int32 (users, width), retrieved from the whole catalogue.
            new_positions: int32 (users, width), retrieved from the items that the user had not bought before.
        """
        rows, new = self.users_with_new_items()
        recalls = {k: float(recall_at(positions, self.relevant, k).mean()) for k in self.cutoffs}
        new_item_recalls = {k: float(recall_at(new_positions[rows], new, k).mean()) for k in self.cutoffs if len(rows)}
        excluding_bought = {k: float(recall_at(new_positions, self.relevant, k).mean()) for k in self.cutoffs}
        user_recall = recall_at(positions, self.relevant, max(self.cutoffs))
        return WindowMetrics(recalls, new_item_recalls, excluding_bought, bootstrap_interval(user_recall, seed=0))

    def baselines(self) -> dict[str, WindowMetrics]:
        """Evaluate two baselines: last week's bestsellers, and own purchases by frequency followed by bestsellers."""
        k = max(self.cutoffs)
        popularity = PopularityList.from_counts(last_week_popularity(self.history, self.cut, len(self.item_ids)))
        users = np.arange(self.users, dtype=np.int32)
        bestsellers, _ = popularity.top(self.users, k)
        new_bestsellers, _ = popularity.top(self.users, k, self.bought)
        own = bought_before_then_popular(self.history, self.cut, users, popularity, k)
        return {
            LAST_WEEK_BESTSELLERS: self.evaluate_lists(bestsellers, new_bestsellers),
            OWN_BY_FREQUENCY: self.evaluate_lists(own, new_bestsellers),
        }

    def users_with_new_items(self) -> tuple[NDArray[np.intp], ItemLists]:
        """Return the rows of the users who bought items new to them, and these items, a list for each row."""
        new = self.new_relevant
        rows = np.flatnonzero(new.lengths)
        return rows, new.take(rows)

    @property
    def new_relevant(self) -> ItemLists:
        """The relevant items of each user that the user had not bought before, often none."""
        rows, positions = self.relevant.rows, self.relevant.positions
        new = ~self.bought.contains_pairs(rows, positions)
        return ItemLists.from_pairs(rows[new], positions[new], self.users)

    def _check_recalls(self, positions: NDArray[np.int32]) -> list[str]:
        relevant, items = len(self.relevant.positions), len(self.item_ids)
        recalls = {k: recall_at(positions, self.relevant, k) for k in self.cutoffs}
        return [message for k, recall in recalls.items() for message in check_recall(k, recall, relevant, items)]


def _codes(column: pa.ChunkedArray, values: pa.Array) -> NDArray[np.int32]:
    codes = pc.index_in(column.combine_chunks(), values)
    if codes.null_count:  # an error of the caller, who derives the values from the same purchases
        raise ValueError("A purchase has a user or an item that is not among the given ids.")
    return np.asarray(codes).astype(np.int32)

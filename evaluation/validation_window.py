"""The days after a cut as a judge: the same users and the whole catalogue for every model and every simple list."""

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
from evaluation.baselines import bought_before_then_popular, last_week_popularity
from evaluation.collapse import Collapse
from evaluation.diversity import VectorDiversity
from evaluation.faults import recall_faults
from evaluation.metrics import bootstrap_interval, recall_at
from features.moments import datetime64
from features.schema import EVENT_TIMESTAMP, ITEM_ID, USER_ID

_CUTOFFS = (12, 100)


@dataclass(frozen=True)
class WindowMetrics:
    """What a model was worth.

    Attributes:
        recalls: mean recall over users, by cut-off.
        new_recalls: the same over the items that a user had never bought before, those he had left out of the lists.
        dropped_recalls: recall of those lists over all purchases: what is left if items bought before are dropped.
        user_recall: float64 (users,), recall of each user at the largest cut-off; not kept in files.
        interval: 95 % bootstrap interval of `recall`, over users.
        faults: sentences; not empty if the recalls are a fault rather than numbers.
        diversities: of the query vectors, by what they ask for; none if they are not finite, or nobody's.
    """

    recalls: dict[int, float]
    new_recalls: dict[int, float]
    dropped_recalls: dict[int, float]
    user_recall: NDArray[np.float64] = field(default_factory=lambda: np.empty(0), repr=False, compare=False)
    interval: tuple[float, float] | None = None
    faults: tuple[str, ...] = ()
    diversities: dict[str, VectorDiversity] = field(default_factory=dict)

    @property
    def new_recall(self) -> float | None:
        """Recall of new items at the largest cut-off; None if nobody bought any."""
        return self.new_recalls.get(max(self.recalls))

    @property
    def recall(self) -> float:
        """Recall at the largest cut-off, by which models are chosen."""
        return self.recalls[max(self.recalls)]


@dataclass(frozen=True)
class ValidationWindow:
    """Users known before the cut, and what they bought in the days after it.

    Attributes:
        item_ids: str, (items,), ascending: the catalogue.
        users: how many users are asked.
        history: purchases before the cut; the asked users have the codes 0 to users - 1.
        bought: what each asked user had bought before the cut.
        relevant: what each asked user bought after it.
        cut: UTC.
    """

    item_ids: NDArray[np.str_]
    users: int
    history: PurchaseCodes
    bought: ItemLists
    relevant: ItemLists
    cut: np.datetime64

    @property
    def cutoffs(self) -> tuple[int, ...]:
        """12 and 100, as far as they are at most half the catalogue: a list of nearly everything finds everything."""
        half = max(1, len(self.item_ids) // 2)
        return tuple(k for k in _CUTOFFS if k <= half) or (half,)

    @classmethod
    def of(cls, user_ids: pa.Array, item_ids: pa.Array, before: pa.Table, after: pa.Table, cut: datetime) -> Self:
        """Build the judge from id columns.

        Args:
            user_ids: the users that are asked, string, unique.
            item_ids: the catalogue, string, ascending.
            before: purchases before the cut: `user_id`, `item_id`, `event_timestamp`.
            after: purchases after the cut, same columns; those of users that are not asked are passed over. An item
                that is not in the catalogue yet cannot be listed: it counts as missed.
            cut: the moment between them, UTC.
        """
        everybody = pc.unique(pa.chunked_array([user_ids, *before[USER_ID].chunks]))
        history = PurchaseCodes(
            user_codes=_codes(before[USER_ID], everybody),
            item_positions=_codes(before[ITEM_ID], item_ids),
            purchased_at=before[EVENT_TIMESTAMP].to_numpy().astype("datetime64[us]"),
        )
        own = history.where(history.user_codes < len(user_ids))
        after = after.filter(pc.is_in(after[USER_ID], user_ids))
        everything = pc.unique(pa.chunked_array([item_ids, *after[ITEM_ID].chunks]))
        return cls(
            item_ids=np.array(item_ids.to_pylist(), np.str_),
            users=len(user_ids),
            history=history,
            bought=ItemLists.from_pairs(own.user_codes, own.item_positions, len(user_ids)),
            relevant=ItemLists.from_pairs(
                _codes(after[USER_ID], user_ids), _codes(after[ITEM_ID], everything), len(user_ids)
            ),
            cut=datetime64(cut),
        )

    def evaluate_vectors(
        self, anything: NDArray[np.float32], something_new: NDArray[np.float32], items: NDArray[np.float32]
    ) -> WindowMetrics:
        """Judge two towers by exact search over the whole catalogue.

        Args:
            anything: (users, dimensions), queries for whatever is bought.
            something_new: (users, dimensions), queries for what was never bought before.
            items: (items, dimensions).
        """
        collapse = self.collapse(anything, something_new, items)
        if not collapse.diversities:
            return WindowMetrics({}, {}, {}, faults=collapse.faults)
        index, k = ItemIndex(self.item_ids, items), max(self.cutoffs)
        positions, _ = index.search(anything, k)
        fresh, _ = index.search(something_new, k, self.bought)
        faults = (*self._recall_faults(positions), *collapse.faults)
        return replace(self.evaluate_lists(positions, fresh), faults=faults, diversities=collapse.diversities)

    def collapse(
        self, anything: NDArray[np.float32], something_new: NDArray[np.float32], items: NDArray[np.float32]
    ) -> Collapse:
        """Tell whether vectors are alike, without asking what they find; arguments are those of `evaluate_vectors`."""
        return Collapse.of(self.item_ids, anything, something_new, items, max(self.cutoffs))

    def evaluate_lists(self, positions: NDArray[np.int32], fresh: NDArray[np.int32]) -> WindowMetrics:
        """Judge ranked lists.

        Args:
            positions: int32 (users, width), out of the whole catalogue.
            fresh: int32 (users, width), out of what each user had not bought before.
        """
        rows, new = self.new_items()
        recalls = {k: float(recall_at(positions, self.relevant, k).mean()) for k in self.cutoffs}
        new_recalls = {k: float(recall_at(fresh[rows], new, k).mean()) for k in self.cutoffs if len(rows)}
        dropped_recalls = {k: float(recall_at(fresh, self.relevant, k).mean()) for k in self.cutoffs}
        user_recall = recall_at(positions, self.relevant, max(self.cutoffs))
        return WindowMetrics(
            recalls, new_recalls, dropped_recalls, user_recall, bootstrap_interval(user_recall, seed=0)
        )

    def baselines(self) -> dict[str, WindowMetrics]:
        """Judge the simple lists: last week's bestsellers, and bought before by frequency, then bestsellers."""
        k = max(self.cutoffs)
        popular = PopularityList.from_counts(last_week_popularity(self.history, self.cut, len(self.item_ids)))
        users = np.arange(self.users, dtype=np.int32)
        best, _ = popular.top(self.users, k)
        fresh, _ = popular.top(self.users, k, self.bought)
        before = bought_before_then_popular(self.history, self.cut, users, popular, k)
        return {
            "last week's bestsellers": self.evaluate_lists(best, fresh),
            "bought before, then bestsellers": self.evaluate_lists(before, fresh),
        }

    def _recall_faults(self, positions: NDArray[np.int32]) -> list[str]:
        relevant, items = len(self.relevant.positions), len(self.item_ids)
        recalls = {k: recall_at(positions, self.relevant, k) for k in self.cutoffs}
        return [fault for k, recall in recalls.items() for fault in recall_faults(k, recall, relevant, items)]

    def new_items(self) -> tuple[NDArray[np.intp], ItemLists]:
        """The users who bought something new to them, and what of their purchases that was."""
        new = self.new_relevant
        rows = np.flatnonzero(new.lengths)
        return rows, new.take(rows)

    @property
    def new_relevant(self) -> ItemLists:
        """What each asked user bought that was new to him, often nothing."""
        rows, positions = self.relevant.rows, self.relevant.positions
        new = ~self.bought.contains_pairs(rows, positions)
        return ItemLists.from_pairs(rows[new], positions[new], self.users)


def _codes(column: pa.ChunkedArray, values: pa.Array) -> NDArray[np.int32]:
    codes = pc.index_in(column.combine_chunks(), values)
    if codes.null_count:  # not bad input: the caller made the lists from the same purchases
        raise ValueError("A purchase names a user or an item that is not in the lists given.")
    return np.asarray(codes).astype(np.int32)

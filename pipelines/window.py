"""The days after a moment: who is asked in them, out of what catalogue, and what was known by then."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from feast import FeatureStore
from numpy.typing import NDArray

from candidates.item_lists import ItemLists
from candidates.purchase_codes import PurchaseCodes
from candidates.sources.source_set import Queries
from evaluation.validation_window import ValidationWindow
from features.schema import USER_ID
from features.store.catalogue import catalogue_ids
from features.store.reader import FeatureReader
from features.time_split import TimeSplit
from features.training_data.purchases import write_purchases
from models.towers import Towers
from pipelines.build_sources import purchases_before, queries_at


@dataclass(frozen=True)
class EvaluationWindow:
    """What is asked, of whom, and what is known by then; seven days as a rule.

    Attributes:
        start: the moment that is asked about, UTC.
        judge: users who had bought before the start, and what they buy afterwards.
        user_ids: string (users,).
        item_ids: string (items,), the catalogue as of the start.
        user_codes: int32 (users,), their numbers among the purchases.
        past: everybody's purchases before the start.
        cold: what each of the others bought, who buy in these days and never had before.
    """

    start: datetime
    judge: ValidationWindow
    user_ids: pa.Array
    item_ids: pa.Array
    user_codes: NDArray[np.int32]
    past: PurchaseCodes
    cold: ItemLists

    @classmethod
    def between(cls, store: FeatureStore, start: datetime, end: datetime, folder: Path) -> "EvaluationWindow":
        """Read the purchases of [start, end), and what was known before.

        Args:
            store: an applied feature store.
            start: UTC.
            end: UTC; nothing at or after it is read.
            folder: an empty folder.

        Raises:
            InputError: nobody who buys in these days had bought before.
        """
        purchases = write_purchases(store, TimeSplit(None, start, end), folder)
        users, items = purchases.returning_users(), catalogue_ids(store, start)
        if len(users) == 0:
            raise purchases.nothing_left("the week that judges")
        after = purchases.after_cut()
        judge = ValidationWindow.of(users, items, purchases.history(users), after, start)
        others = pc.unique(after[USER_ID].filter(pc.invert(pc.is_in(after[USER_ID], users))))
        cold = ValidationWindow.of(others, items, after.slice(0, 0), after, start).relevant  # they have no history
        past = purchases_before(purchases, items, start)
        return cls(start, judge, users, items, purchases.codes_of(users), past, cold)

    def queries(self, store: FeatureStore, towers: Towers, users: NDArray[np.integer] | None = None) -> Queries:
        """What two towers ask for these users, or for some of them by their places, as of the start."""
        ids = self.user_ids if users is None else self.user_ids.take(pa.array(users))
        features = FeatureReader(store, "offline").read(towers.query.schema.service, ids, self.start)
        return queries_at(store, ids, self.judge.item_ids, towers.query_vectors(features), self.start)

    def item_vectors(self, store: FeatureStore, towers: Towers) -> NDArray[np.float32]:
        """The catalogue's vectors as of the start, float32 (items, dimensions)."""
        features = FeatureReader(store, "offline").read(towers.item.schema.service, self.item_ids, self.start)
        return towers.item_vectors(features)

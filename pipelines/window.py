"""An evaluation window: the purchases of some days, and everything known at its start."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Self

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
from pipelines.build_sources import read_purchase_codes, read_queries


@dataclass(frozen=True)
class EvaluationWindow:
    """Users, catalogue and past purchases as of the start of a window, with the purchases in it; seven days as a rule.

    Attributes:
        start: UTC.
        validation: the returning users, who have purchases before the start and in the window, with both.
        user_ids: string (users,), the returning users.
        item_ids: string (items,), the catalogue as of the start.
        user_codes: int32 (users,), their codes in `past_purchases`.
        past_purchases: of all users, before the start.
        cold_purchases: items bought by each cold user: those with purchases in the window only.
    """

    start: datetime
    validation: ValidationWindow
    user_ids: pa.Array
    item_ids: pa.Array
    user_codes: NDArray[np.int32]
    past_purchases: PurchaseCodes
    cold_purchases: ItemLists

    @classmethod
    def read(cls, store: FeatureStore, start: datetime, end: datetime, folder: Path) -> Self:
        """Read the window [start, end).

        Args:
            store: an applied feature store.
            start: UTC.
            end: UTC; later purchases are not read.
            folder: an empty folder for large files.

        Raises:
            InputError: no user with purchases in the window has purchases before it.
        """
        purchases = write_purchases(store, TimeSplit(None, start, end), folder)
        users, items = purchases.read_returning_users(), catalogue_ids(store, start)
        if len(users) == 0:
            raise purchases.empty_part_error("evaluation of returning users")
        after = purchases.read_after_cut()
        cold_users = pc.unique(after[USER_ID].filter(pc.invert(pc.is_in(after[USER_ID], users))))
        no_history = after.slice(0, 0)
        return cls(
            start=start,
            validation=ValidationWindow.of(users, items, purchases.read_history(users), after, start),
            user_ids=users,
            item_ids=items,
            user_codes=purchases.read_user_codes(users),
            past_purchases=read_purchase_codes(purchases, items, start),
            cold_purchases=ValidationWindow.of(cold_users, items, no_history, after, start).relevant,
        )

    def read_queries(self, store: FeatureStore, towers: Towers, users: NDArray[np.integer] | None = None) -> Queries:
        """Read the queries of the users as of the start, or of those at the positions `users`."""
        ids = self.user_ids if users is None else self.user_ids.take(pa.array(users))
        features = FeatureReader(store, "offline").read(towers.query.schema.service, ids, self.start)
        return read_queries(store, ids, self.validation.item_ids, towers.query_vectors(features), self.start)

    def read_item_vectors(self, store: FeatureStore, towers: Towers) -> NDArray[np.float32]:
        """Compute the vectors of the catalogue as of the start, float32 (items, dimensions)."""
        features = FeatureReader(store, "offline").read(towers.item.schema.service, self.item_ids, self.start)
        return towers.item_vectors(features)

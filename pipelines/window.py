"""Evaluation windows: the purchases of some days, and everything known at their start."""

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
from evaluation.diagnostics import CollapseCheck
from evaluation.validation_window import ValidationWindow, WindowMetrics
from features.schema import USER_ID
from features.store.catalogue import catalogue_ids
from features.store.service_schema import TowerSchemas
from features.time_split import TimeSplit
from features.training_data.purchases import Purchases, write_purchases
from features.training_data.validation_set import ValidationSet, read_validation_set
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
        return cls.of(store, write_purchases(store, TimeSplit(None, start, end), folder))

    @classmethod
    def of(cls, store: FeatureStore, purchases: Purchases) -> Self:
        """Return the window after the cut of purchases.

        Args:
            store: an applied feature store.
            purchases: their split's cut is the start of the window, its end is the end.

        Raises:
            InputError: no user with purchases in the window has purchases before it.
        """
        start = purchases.split.cut
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


@dataclass(frozen=True)
class TowerWindow:
    """An evaluation window, and the inputs of the towers as of its start.

    Attributes:
        window: users, catalogue and purchases.
        inputs: features of the returning users and of the catalogue.
    """

    window: EvaluationWindow
    inputs: ValidationSet

    @classmethod
    def read(cls, store: FeatureStore, schemas: TowerSchemas, window: EvaluationWindow) -> Self:
        """Read the features of the towers' services."""
        return cls(window, read_validation_set(store, schemas, window.user_ids, window.item_ids, window.start))

    def evaluate(self, towers: Towers) -> WindowMetrics:
        """Evaluate towers by exact search for all returning users."""
        return self.window.validation.evaluate_vectors(*self._vectors(towers))

    def check_collapse(self, towers: Towers) -> CollapseCheck:
        """Check whether the vectors of towers have collapsed, without their recall."""
        return self.window.validation.check_collapse(*self._vectors(towers))

    def read_queries(self, store: FeatureStore, towers: Towers, users: NDArray[np.integer] | None = None) -> Queries:
        """Compute the query vectors of the users, or of those at the positions `users`, and read their histories."""
        rows = pa.array(np.arange(len(self.window.user_ids)) if users is None else users)
        ids, vectors = self.window.user_ids.take(rows), towers.query_vectors(self.inputs.queries.take(rows))
        return read_queries(store, ids, self.window.validation.item_ids, vectors, self.window.start)

    def item_vectors(self, towers: Towers) -> NDArray[np.float32]:
        """Compute the vectors of the catalogue, float32 (items, dimensions)."""
        return towers.item_vectors(self.inputs.catalogue)

    def _vectors(self, towers: Towers) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
        return *towers.query_vectors(self.inputs.queries), towers.item_vectors(self.inputs.catalogue)

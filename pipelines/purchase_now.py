"""The features of a user who buys items now: those that the nightly build would compute, without writing anything.

Features know whole days. So "now" is the last second of the last day before the moment of the features: all windows
keep their ends, and each count grows by what is bought.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any, Self

import numpy as np
import pyarrow as pa

from candidates.ranking.entity_features import CATEGORY_TYPES
from features.schema import (
    BOUGHT_COUNTS,
    BOUGHT_DAYS,
    BOUGHT_GAPS,
    BOUGHT_ITEMS,
    DAYS_SINCE_LAST_PURCHASE,
    ITEM_ID,
    LAST_PURCHASE_AT,
    LATELY_COUNTS,
    LATELY_ITEMS,
    MAX_LATELY_ITEMS,
    MAX_RECENT_ITEMS,
    MAX_TASTES,
    MEAN_PRICE,
    MONTH,
    PURCHASED_AT,
    QUARTER,
    RECENT_COUNTS,
    RECENT_DAYS,
    RECENT_ITEMS,
    USER_ID,
)
from features.store.source_tables import read_source_rows
from pipelines.serving import CandidatePipeline
from pipelines.session_features import ACTIVE_DAYS, PURCHASES, SessionFeatures


@dataclass(frozen=True, eq=False)
class PurchaseNow:
    """Items that a user buys now.

    Attributes:
        items: ids of items of the release, the last one first; an item may be repeated.
        purchases: the user's earlier purchases: `item_id` and `purchased_at`, one row each.
        moment: of the features, UTC.
    """

    items: tuple[str, ...]
    purchases: pa.Table
    moment: datetime

    @classmethod
    def read(
        cls,
        pipeline: CandidatePipeline,
        user_id: str,
        items: Sequence[str],
        moment: datetime | None = None,
        purchases: pa.Table | None = None,
    ) -> Self:
        """Read the user's purchases from the offline store: the online store has no counts of single days.

        Args:
            pipeline: of the request.
            user_id: of the buyer.
            items: see `items`.
            moment: as of which the user is served, UTC; by default that of the pipeline.
            purchases: of the user until then, if they are known: `item_id`, `purchased_at`.

        Raises:
            InputError: the table of purchases is missing or damaged.
        """
        if purchases is None:
            store, known_at = pipeline.reader.store, pipeline.moment
            purchases = read_source_rows(
                store, "transactions", [PURCHASED_AT], key=USER_ID, value=user_id, known_at=known_at
            )
        return cls(tuple(items), purchases.select([ITEM_ID, PURCHASED_AT]), moment or pipeline.moment)

    @property
    def bought_at(self) -> datetime:
        """The moment of the purchase, UTC."""
        today = datetime.combine(self.moment.astimezone(UTC).date(), time(), UTC)
        return today - timedelta(seconds=1)

    def apply(self, features: pa.Table, sessions: SessionFeatures) -> pa.Table:
        """Return the features of the user with this purchase.

        Args:
            features: one row, feature service `CANDIDATE_REQUEST`.
            sessions: knows the categories and the mean price of each item, which stands for the price that is paid.
        """
        [row] = features.to_pylist()
        counts, codes = Counter(self.items), sessions.item_codes.find(pa.array(self.items, pa.string()))
        earlier = row[PURCHASES[-1]] or 0
        days_between = self._days_since(row[LAST_PURCHASE_AT])
        prices = sessions.prices[codes].astype(np.float64)
        prices = prices[~np.isnan(prices)]
        if len(prices):
            known = (row[MEAN_PRICE] or 0.0) * earlier
            row[MEAN_PRICE] = (known + float(prices.sum())) / (earlier + len(prices))
        for name in PURCHASES:
            row[name] = (row[name] or 0) + len(self.items)
        row[ACTIVE_DAYS] = (row[ACTIVE_DAYS] or 0) + (days_between != 0)
        row[LAST_PURCHASE_AT] = self.bought_at
        row[DAYS_SINCE_LAST_PURCHASE] = (self.moment - self.bought_at) / timedelta(days=1)
        self._add_to_bought_items(row, counts, days_between or 0)
        self._count_lately(row, counts)
        for name in CATEGORY_TYPES:
            bought = Counter(dict(zip(row[f"{name}s"] or [], row[f"{name}_counts"] or [], strict=True)))
            bought.update(category for code in codes if (category := sessions.categories[name][code]) is not None)
            frequent = sorted(bought.items(), key=lambda each: (-each[1], each[0]))[:MAX_TASTES]
            row[f"{name}s"] = [category for category, _ in frequent]
            row[f"{name}_counts"] = [count for _, count in frequent]
        return pa.Table.from_pylist([row], schema=features.schema)

    def _days_since(self, moment: datetime | None) -> int | None:
        """Whole UTC days from a moment to the purchase."""
        return None if moment is None else (self.bought_at.date() - moment.astimezone(UTC).date()).days

    def _add_to_bought_items(self, row: dict[str, Any], counts: Counter[str], days_between: int) -> None:
        stored = zip(row[BOUGHT_ITEMS] or [], row[BOUGHT_COUNTS] or [], row[BOUGHT_DAYS] or [], strict=True)
        gaps = dict(zip(row[BOUGHT_ITEMS] or [], row[BOUGHT_GAPS] or [], strict=True)) | self._gaps(counts)
        before = {item: (count, days + days_between) for item, count, days in stored}
        bought = {item: (before.pop(item, (0, 0))[0] + count, 0) for item, count in counts.items()}
        # Not cut to the length of stored lists: what falls off would no longer be excluded as already bought.
        bought |= before
        row[BOUGHT_ITEMS] = [*bought]
        row[BOUGHT_COUNTS] = [count for count, _ in bought.values()]
        row[BOUGHT_DAYS] = [days for _, days in bought.values()]
        row[BOUGHT_GAPS] = [gaps[item] for item in bought]
        for recent, every in ((RECENT_ITEMS, BOUGHT_ITEMS), (RECENT_COUNTS, BOUGHT_COUNTS), (RECENT_DAYS, BOUGHT_DAYS)):
            row[recent] = row[every][:MAX_RECENT_ITEMS]

    def _gaps(self, counts: Counter[str]) -> dict[str, float]:
        """Mean days between the days of the purchases of the items that are bought now."""
        days = {item: {self.bought_at.date()} for item in counts}
        rows = zip(self.purchases[ITEM_ID].to_pylist(), self.purchases[PURCHASED_AT].to_pylist(), strict=True)
        for item, purchased_at in rows:
            if item in days:
                days[item].add(purchased_at.astimezone(UTC).date())
        return {item: (max(of_item) - min(of_item)).days / max(len(of_item) - 1, 1) for item, of_item in days.items()}

    def _count_lately(self, row: dict[str, Any], counts: Counter[str]) -> None:
        """Count purchases in the windows that end with this purchase; the stored ones end with an earlier one."""
        in_month, in_quarter = Counter(counts), Counter(counts)
        rows = zip(self.purchases[ITEM_ID].to_pylist(), self.purchases[PURCHASED_AT].to_pylist(), strict=True)
        for item, purchased_at in rows:
            days = self._days_since(purchased_at)
            if days is not None and 0 <= days < QUARTER:
                in_quarter[item] += 1
                in_month[item] += days < MONTH
        lately = [item for item in row[BOUGHT_ITEMS] if in_quarter[item]][:MAX_LATELY_ITEMS]
        row[LATELY_ITEMS] = lately
        for name, counted in zip(LATELY_COUNTS, (in_month, in_quarter), strict=True):
            row[name] = [counted[item] for item in lately]

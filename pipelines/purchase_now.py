"""The features of a user who buys items now: those that the nightly build would compute, without writing anything.

Features know whole days. So "now" is the last second of the last day before the moment of the features: all windows
keep their ends, and each count grows by what is bought.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Self

import numpy as np
import pyarrow as pa

from features.event_log import microseconds
from features.schema import DAYS_SINCE_LAST_PURCHASE, EARLIER_ITEMS, ITEM_ID, PRICE, PURCHASED_AT, USER_ID
from features.store.source_tables import read_source_rows
from features.tables.latest_user_rows import latest_user_rows
from pipelines.serving import CandidatePipeline
from pipelines.session_features import SessionFeatures


@dataclass(frozen=True, eq=False)
class PurchaseNow:
    """Items that a user buys now.

    Attributes:
        items: ids of items of the release, the last one first; an item may be repeated.
        purchases: the user's earlier purchases: `item_id`, `purchased_at` and `price`, one row each.
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
            purchases: of the user until then, see `purchases`, if they are known.

        Raises:
            InputError: the table of purchases is missing or damaged.
        """
        if purchases is None:
            store, known_at = pipeline.reader.store, pipeline.moment
            purchases = read_source_rows(
                store, "transactions", [PURCHASED_AT, PRICE], key=USER_ID, value=user_id, known_at=known_at
            )
        return cls(tuple(items), purchases, moment or pipeline.moment)

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
        items, prices = (self.purchases[name].to_pylist() for name in (ITEM_ID, PRICE))
        moments = self.purchases[PURCHASED_AT].cast(pa.timestamp("us", tz="UTC")).cast(pa.int64()).to_pylist()
        bought_at = microseconds(self.bought_at)
        moments += [bought_at - place for place in range(len(self.items))]
        prices += self._prices(prices, sessions)
        items += self.items
        rows = latest_user_rows(row[USER_ID], items, moments, prices, sessions.categories_of(items))
        values = {name: value for table in rows.values() for name, value in table.items()}
        row |= {name: values[name] for name in features.column_names if name in values}
        row[DAYS_SINCE_LAST_PURCHASE] = (self.moment - self.bought_at) / timedelta(days=1)
        table = pa.Table.from_pylist([row], schema=features.schema)
        if EARLIER_ITEMS in values and EARLIER_ITEMS not in table.column_names:  # the list of bought items is full now
            return table.append_column(EARLIER_ITEMS, pa.array([values[EARLIER_ITEMS]], pa.list_(pa.string())))
        return table

    def _prices(self, paid: Sequence[float], sessions: SessionFeatures) -> list[float]:
        """The price of each bought item; of one that was never sold the mean of what the user has paid."""
        codes = sessions.item_codes.find(pa.array(self.items, pa.string()))
        prices = sessions.prices[codes].astype(np.float64)
        unknown = float(np.mean([*paid, *prices[~np.isnan(prices)]] or [0.0]))
        known: list[float] = np.where(np.isnan(prices), unknown, prices).tolist()
        return known

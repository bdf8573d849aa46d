"""The features of an anonymous session or a basket: those of a user who bought its items on the day of the request."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from candidates.ranking.entity_features import CATEGORY_TYPES
from candidates.text_codes import TextCodes
from features.schema import (
    BOUGHT_COUNTS,
    BOUGHT_DAYS,
    BOUGHT_GAPS,
    BOUGHT_ITEMS,
    DAYS_SINCE_LAST_PURCHASE,
    LAST_PURCHASE_AT,
    LATELY_COUNTS,
    LATELY_ITEMS,
    MAX_TASTES,
    MEAN_PRICE,
    RECENT_COUNTS,
    RECENT_DAYS,
    RECENT_ITEMS,
    USER_ID,
)
from features.store.request_services import CANDIDATE_ITEMS, CANDIDATE_REQUEST
from pipelines.serving import CandidatePipeline

_NO_USER: Final = ""  # no id of a user: ids are not empty
PURCHASES: Final = ("purchases_7d", "purchases_28d", "purchases_total")
ACTIVE_DAYS: Final = "active_days_total"


@dataclass(frozen=True, eq=False)
class SessionFeatures:
    """Computes the features of sessions at one moment.

    Attributes:
        blank: one row of the features of every request, as of an unknown user.
        item_codes: of the item ids of the release.
        categories: of each of `CATEGORY_TYPES`, the category of each item, (items,); None where unknown.
        prices: float32 (items,), mean price of each item; NaN if it was never sold.
        moment: of the requests, UTC.
    """

    blank: pa.Table
    item_codes: TextCodes
    categories: dict[str, list[str | None]]
    prices: NDArray[np.float32]
    moment: datetime

    @classmethod
    def open(cls, pipeline: CandidatePipeline) -> Self:
        """Read what the sessions of a pipeline need.

        Raises:
            InputError: see `FeatureReader.read`.
        """
        items = pipeline.catalogue.read(CANDIDATE_ITEMS, pipeline.release.item_ids)
        return cls(
            blank=pipeline.reader.read(CANDIDATE_REQUEST, [_NO_USER], pipeline.moment),
            item_codes=pipeline.item_context.item_codes,
            categories={name: items[f"{name}_name"].to_pylist() for name in CATEGORY_TYPES},
            prices=items[MEAN_PRICE].to_numpy(),
            moment=pipeline.moment,
        )

    def build(self, sessions: Sequence[Sequence[str]]) -> pa.Table:
        """Build the features of n sessions, each a list of item ids, the last one first; an item may be repeated.

        Items that the release does not have are left out. A session without any other is an unknown user.

        Returns:
            Rows (n,) of feature service `CANDIDATE_REQUEST`, with an empty user id.
        """
        rows = [self._row(session) for session in sessions]
        return pa.Table.from_pylist(rows, schema=self.blank.schema)

    def categories_of(self, items: Sequence[str]) -> dict[str, tuple[str | None, ...]]:
        """Return the categories of items, in the order of `categories`, without items that the release lacks."""
        distinct = [*dict.fromkeys(items)]
        codes = self.item_codes.find(pa.array(distinct, pa.string())).tolist()
        return {
            item: tuple(of_kind[code] for of_kind in self.categories.values())
            for item, code in zip(distinct, codes, strict=True)
            if code >= 0
        }

    def _row(self, session: Sequence[str]) -> dict[str, Any]:
        [row] = self.blank.to_pylist()
        codes = self.item_codes.find(pa.array(session, pa.string()))
        items = [item for item, code in zip(session, codes, strict=True) if code >= 0]
        if not items:
            return dict(row)
        counts, known = Counter(items), codes[codes >= 0]
        ids, numbers, days = [*counts], [*counts.values()], [0] * len(counts)
        row |= dict.fromkeys(PURCHASES, len(items))
        row |= {USER_ID: _NO_USER, ACTIVE_DAYS: 1, LAST_PURCHASE_AT: self.moment}
        row[DAYS_SINCE_LAST_PURCHASE] = 0.0
        row |= {RECENT_ITEMS: ids, RECENT_COUNTS: numbers, RECENT_DAYS: days}
        row |= {BOUGHT_ITEMS: ids, BOUGHT_COUNTS: numbers, BOUGHT_DAYS: days}
        row[BOUGHT_GAPS] = [0] * len(counts)
        row |= {LATELY_ITEMS: ids, **dict.fromkeys(LATELY_COUNTS, numbers)}
        prices = self.prices[known]
        if not np.isnan(prices).all():
            row[MEAN_PRICE] = float(np.nanmean(prices))
        for name in CATEGORY_TYPES:
            bought = Counter(category for code in known if (category := self.categories[name][code]) is not None)
            frequent = sorted(bought.items(), key=lambda each: (-each[1], each[0]))[:MAX_TASTES]
            row[f"{name}s"] = [category for category, _ in frequent]
            row[f"{name}_counts"] = [count for _, count in frequent]
        return dict(row)

"""How the items of the catalogue sell at one moment, and in which department they stand."""

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from feast import FeatureStore
from numpy.typing import NDArray

from features.schema import ITEM_ID
from features.store.catalogue import features_at
from features.store.registry import service_schema

SELLING = "popularity_v3"
_ONE_MORE, _TEN_MORE = 1.0, 10.0  # purchases and buyers: an item that few have bought is taken for one in ten


@dataclass(frozen=True)
class Selling:
    """What lists of bestsellers are made from, and of what is bought again.

    Attributes:
        week: float32 (items,), units sold in the 7 days before the moment.
        month: float32 (items,), units sold in the 28 days before it.
        again: float32 (items,), above 0: how many of those who have bought it buy it again in 28 days, by those before
            the moment: (units sold in them but for first purchases, and 1) / (users who bought it ever, and 10).
        departments: int32 (items,), a number for each garment group; -1 where it is unknown.
    """

    week: NDArray[np.float32]
    month: NDArray[np.float32]
    again: NDArray[np.float32]
    departments: NDArray[np.int32]


def selling_at(store: FeatureStore, ids: pa.Array, moment: datetime) -> Selling:
    """Read as of a moment, in the order of `ids`; what was never sold has sold 0."""
    told = features_at(store, service_schema(store, SELLING, ITEM_ID), ids, moment)
    names = ("sales_7d", "sales_28d", "first_purchases_28d", "buyers_total")
    week, month, first, buyers = (np.asarray(told[name].fill_null(0.0), np.float32) for name in names)
    groups = pc.dictionary_encode(told["garment_group_name"].combine_chunks())
    return Selling(
        week=week,
        month=month,
        again=(month - first + _ONE_MORE) / (buyers + _TEN_MORE),
        departments=np.asarray(groups.indices.fill_null(-1), np.int32),
    )

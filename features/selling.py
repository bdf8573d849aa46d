"""How the items of the catalogue sell at one moment, and in which department they stand."""

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from feast import FeatureStore
from numpy.typing import NDArray

from features.catalogue import features_at
from features.feature_store import service_schema
from features.schema import ITEM_ID

SELLING = "popularity_v2"


@dataclass(frozen=True)
class Selling:
    """What lists of bestsellers are made from.

    Attributes:
        week: float32 (items,), units sold in the 7 days before the moment.
        month: float32 (items,), units sold in the 28 days before it.
        departments: int32 (items,), a number for each garment group; -1 where it is unknown.
    """

    week: NDArray[np.float32]
    month: NDArray[np.float32]
    departments: NDArray[np.int32]


def selling_at(store: FeatureStore, ids: pa.Array, moment: datetime) -> Selling:
    """Read as of a moment, in the order of `ids`; what was never sold has sold 0."""
    told = features_at(store, service_schema(store, SELLING, ITEM_ID), ids, moment)
    groups = pc.dictionary_encode(told["garment_group_name"].combine_chunks())
    return Selling(
        week=np.asarray(told["sales_7d"].fill_null(0.0), np.float32),
        month=np.asarray(told["sales_28d"].fill_null(0.0), np.float32),
        departments=np.asarray(groups.indices.fill_null(-1), np.int32),
    )

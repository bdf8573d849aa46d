"""Builds the candidate sources as of a moment, from the feature store and from a release."""

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Final, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from feast import FeatureStore
from numpy.typing import NDArray

from candidates.histories import Histories
from candidates.index import ItemIndex
from candidates.item_lists import ItemLists
from candidates.list_columns import flatten_lists
from candidates.list_loops import drop_missing
from candidates.purchase_codes import PurchaseCodes
from candidates.sources.garment_groups import GarmentGroupPopularity
from candidates.sources.item_knn import ItemKnn
from candidates.sources.own_purchases import repurchase_rate
from candidates.sources.popularity import PopularityList
from candidates.sources.source_set import Queries, SourceSet
from candidates.text_codes import TextCodes
from features.moments import datetime64
from features.schema import (
    BOUGHT_COUNTS,
    BOUGHT_DAYS,
    BOUGHT_GAPS,
    BOUGHT_ITEMS,
    EARLIER_ITEMS,
    EVENT_TIMESTAMP,
    GARMENT_GROUP_NAME,
    USER_CODE,
)
from features.store.reader import FeatureReader
from features.store.request_services import CANDIDATE_ITEMS, PURCHASE_HISTORIES
from features.training_data.purchases import Purchases
from models.release.release import Release

# With PRIOR_BUYERS a rate of one in ten for items with few buyers. The rates order a user's own purchases and multiply
# their scores: without the prior, all items without a repurchase would be tied at 0.
_PRIOR_PURCHASES: Final = 1.0


@dataclass(frozen=True)
class ItemSales:
    """Sales of the catalogue's items before one moment, and the garment groups within which they are compared.

    Attributes:
        sales_7d: float32 (items,), units sold in the 7 days before the moment.
        sales_28d: float32 (items,), units sold in the 28 days before it.
        repurchase_rates: float32 (items,), above 0: `candidates.sources.own_purchases.repurchase_rate` over 28 days.
        garment_groups: int32 (items,), a code for each garment group; -1 where it is unknown.
    """

    sales_7d: NDArray[np.float32]
    sales_28d: NDArray[np.float32]
    repurchase_rates: NDArray[np.float32]
    garment_groups: NDArray[np.int32]

    @classmethod
    def from_table(cls, features: pa.Table) -> Self:
        """Build them from what `FeatureReader` reads of the items; sales of an item that was never sold are 0."""
        names = ("sales_7d", "sales_28d", "first_purchases_28d", "buyers_total")
        sales_7d, sales_28d, first, buyers = (np.asarray(features[name].fill_null(0.0), np.float32) for name in names)
        groups = pc.dictionary_encode(features[GARMENT_GROUP_NAME].combine_chunks())
        return cls(
            sales_7d=sales_7d,
            sales_28d=sales_28d,
            repurchase_rates=repurchase_rate(sales_28d, first, buyers, prior_purchases=_PRIOR_PURCHASES),
            garment_groups=np.asarray(groups.indices.fill_null(-1), np.int32),
        )


_SALES_ARRAYS: Final = tuple(field.name for field in fields(ItemSales))


def read_purchase_codes(purchases: Purchases, item_ids: pa.Array, moment: datetime) -> PurchaseCodes:
    """Read the purchases of all users before a moment, by positions in `item_ids`."""
    codes = purchases.read_codes(item_ids, moment)
    moments = codes[EVENT_TIMESTAMP].to_numpy().astype("datetime64[us]")
    return PurchaseCodes(codes[USER_CODE].to_numpy(), codes["item_position"].to_numpy(), moments)


def read_items(store: FeatureStore, item_ids: pa.Array, moment: datetime) -> pa.Table:
    """Read the features of items that candidate sources and the ranker use, one row per item, as of a moment."""
    return FeatureReader(store, "offline").read(CANDIDATE_ITEMS, item_ids, moment)


def build_sources(
    items: pa.Table,
    past_purchases: PurchaseCodes,
    item_ids: pa.Array,
    vectors: NDArray[np.float32],
    moment: datetime,
) -> tuple[SourceSet, ItemSales]:
    """Build all candidate sources as of a moment.

    Args:
        items: features of the catalogue, see `read_items`.
        past_purchases: of all users, before `moment`.
        item_ids: the catalogue, ascending.
        vectors: float32 (items, dimensions), as of `moment`.
        moment: UTC.
    """
    sales = ItemSales.from_table(items)
    item_knn = ItemKnn.fit(past_purchases, datetime64(moment), len(item_ids))
    return source_set(item_ids, vectors, sales, item_knn), sales


def release_arrays(sources: SourceSet, sales: ItemSales) -> dict[str, NDArray[Any]]:
    """Return the arrays from which `restore_sources` builds the same sources, by their name in a release."""
    return {
        **{name: getattr(sales, name) for name in _SALES_ARRAYS},
        "neighbours": sources.item_knn.neighbours,
        "similarities": sources.item_knn.similarities,
    }


def restore_sources(release: Release) -> SourceSet:
    """Build the candidate sources from the arrays of a release, see `release_arrays`."""
    arrays = release.arrays
    sales = ItemSales(**{name: arrays[name] for name in _SALES_ARRAYS})
    item_knn = ItemKnn(arrays["neighbours"], arrays["similarities"])
    return source_set(release.item_ids, release.item_vectors, sales, item_knn)


def source_set(
    item_ids: pa.StringArray, vectors: NDArray[np.float32], sales: ItemSales, item_knn: ItemKnn
) -> SourceSet:
    """Combine vectors, sales and similarities of the items into the candidate sources."""
    return SourceSet(
        index=ItemIndex(item_ids, vectors),
        popularity=PopularityList.from_counts(sales.sales_7d),
        garment_groups=GarmentGroupPopularity(sales.garment_groups, sales.sales_7d),
        item_knn=item_knn,
        repurchase_rates=sales.repurchase_rates,
        sales=sales.sales_28d,
    )


def read_queries(
    store: FeatureStore,
    user_ids: pa.Array,
    item_ids: pa.StringArray,
    vectors: tuple[NDArray[np.float32], NDArray[np.float32]],
    moment: datetime,
) -> Queries:
    """Read the histories of users as of a moment, and add them to their query vectors, (users, dimensions) each."""
    features = FeatureReader(store, "offline").read(PURCHASE_HISTORIES, user_ids, moment)
    return Queries(*vectors, build_histories(features, TextCodes.from_texts(item_ids)))


def build_earlier_items(features: pa.Table, item_codes: TextCodes) -> ItemLists | None:
    """Build the lists of `pipelines.earlier_items`, by positions of item ids; None if no user has one."""
    if EARLIER_ITEMS not in features.column_names:
        return None
    offsets, [ids] = flatten_lists({EARLIER_ITEMS: features[EARLIER_ITEMS]})
    positions = item_codes.find(ids)
    offsets, known = drop_missing(offsets, positions)
    return ItemLists(offsets, positions[known])


def build_histories(features: pa.Table, item_codes: TextCodes) -> Histories:
    """Build the histories of users, by positions of item ids, from what `FeatureReader` reads of the users."""
    return Histories.from_lists(
        features[BOUGHT_ITEMS], features[BOUGHT_COUNTS], features[BOUGHT_DAYS], features[BOUGHT_GAPS], item_codes
    )

"""What candidates are drawn from at a moment: put together from the feature store, the purchases and two towers."""

from datetime import datetime

import numpy as np
import pyarrow as pa
from feast import FeatureStore
from numpy.typing import NDArray

from candidates.histories import Histories
from candidates.index import ItemIndex
from candidates.purchase_codes import PurchaseCodes
from candidates.sources.garment_groups import GarmentGroupPopularity
from candidates.sources.item_knn import ItemKnn
from candidates.sources.popularity import PopularityList
from candidates.sources.source_set import Queries, SourceSet
from features.moments import datetime64
from features.store.histories import purchase_histories_at
from features.store.selling import Selling, selling_at
from features.training_data.purchases import Purchases
from models.release.release import Release


def purchases_before(purchases: Purchases, item_ids: pa.Array, moment: datetime) -> PurchaseCodes:
    """Everybody's purchases before a moment, by positions in `item_ids`."""
    told = purchases.coded(item_ids, moment)
    moments = told["event_timestamp"].to_numpy().astype("datetime64[us]")
    return PurchaseCodes(told["user_code"].to_numpy(), told["item_position"].to_numpy(), moments)


def sources_at(
    store: FeatureStore, past: PurchaseCodes, item_ids: pa.Array, vectors: NDArray[np.float32], moment: datetime
) -> tuple[SourceSet, Selling]:
    """All sources as of a moment.

    Args:
        store: an applied feature store.
        past: purchases before `moment`.
        item_ids: the catalogue, ascending.
        vectors: float32 (items, dimensions), as of `moment`.
        moment: UTC.
    """
    selling = selling_at(store, item_ids, moment)
    cut = datetime64(moment)
    neighbours = ItemKnn.fit(past, cut, len(item_ids))
    return sources_of(np.array(item_ids.to_pylist(), np.str_), vectors, selling, neighbours), selling


def sources_of(
    item_ids: NDArray[np.str_], vectors: NDArray[np.float32], selling: Selling, neighbours: ItemKnn
) -> SourceSet:
    """All sources of what is known already."""
    return SourceSet(
        index=ItemIndex(item_ids, vectors),
        popularity=PopularityList.from_counts(selling.week),
        garment_groups=GarmentGroupPopularity(selling.departments, selling.week),
        item_knn=neighbours,
        repurchase_rates=selling.again,
        sales=selling.month,
    )


def released_sources(release: Release) -> SourceSet:
    """The sources as a release keeps them."""
    arrays = release.arrays
    selling = Selling(arrays["item_sales"], arrays["item_month"], arrays["item_again"], arrays["departments"])
    neighbours = ItemKnn(arrays["neighbours"], arrays["similarities"])
    return sources_of(release.item_ids, release.item_vectors, selling, neighbours)


def queries_at(
    store: FeatureStore,
    user_ids: pa.Array,
    item_ids: NDArray[np.str_],
    vectors: tuple[NDArray[np.float32], NDArray[np.float32]],
    moment: datetime,
) -> Queries:
    """What is asked for users as of a moment; `vectors` are theirs, (users, dimensions) each."""
    told = purchase_histories_at(store, user_ids, moment)
    return Queries(*vectors, histories_of(told, item_ids))


def histories_of(told: pa.Table, item_ids: NDArray[np.str_]) -> Histories:
    """What the feature store serves of users' purchases, by positions in `item_ids`."""
    return Histories.from_lists(told["bought_items"], told["bought_counts"], told["bought_days"], item_ids)

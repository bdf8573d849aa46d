"""What the ranker asks of users and items: as of a moment, from either store, in the same values.

One service per entity, `ranking_users_v2` and `ranking_items_v1`: joining pairs would repeat each user's lists for each
of their three hundred candidates.
"""

from datetime import datetime
from typing import Final

import pyarrow as pa
from feast import FeatureStore

from features.schema import ITEM_ID, ITEM_MEAN_PRICE, MEAN_PRICE, USER_ID, USER_MEAN_PRICE
from features.store.catalogue import features_at
from features.store.online_features import online_rows
from features.store.registry import service_schema
from features.store.service_schema import ServiceSchema

RANKING_USERS: Final = "ranking_users_v2"
RANKING_ITEMS: Final = "ranking_items_v1"

_PRICES: Final = {USER_ID: USER_MEAN_PRICE, ITEM_ID: ITEM_MEAN_PRICE}


def users_at(store: FeatureStore, user_ids: pa.Array, moment: datetime) -> pa.Table:
    """Read what the ranker asks of users, through the offline store.

    Args:
        store: an applied feature store.
        user_ids: string (users,).
        moment: of the request, UTC.

    Returns:
        `user_id` string; `purchases_7d`, `purchases_28d`, `purchases_total` (purchases) and `active_days_total` (days
        with a purchase), float32; `user_mean_price` float32, in the raw currency; of product types, garment groups and
        departments those bought most often, list<string> such as `product_types`, with the purchases of each,
        list<float32> such as `product_type_counts`; and the items bought in the 91 days up to his last purchase,
        `lately_items`, with the purchases of each in the last 28 of these days and in all, `lately_counts_28d` and
        `lately_counts_91d`. Null without purchases before the moment's morning (00:00 UTC). (users,), in the order of
        `user_ids`.
    """
    return _offline(store, _users(store), user_ids, moment)


def items_at(store: FeatureStore, item_ids: pa.Array, moment: datetime) -> pa.Table:
    """Read what the ranker asks of items, through the offline store.

    Args:
        store: an applied feature store.
        item_ids: string (items,).
        moment: of the request, UTC.

    Returns:
        `item_id` string; `sales_1d`, `sales_7d`, `sales_28d`, `sales_total` (units), `first_purchases_28d`,
        `buyers_total` (users), float32; `item_mean_price` float32, in the raw currency; null without sales before the
        moment's morning (00:00 UTC); `product_type_name`, `garment_group_name`, `department_name`, string, null where
        the catalogue has none. (items,), in the order of `item_ids`.
    """
    return _offline(store, _items(store), item_ids, moment)


def online_users(store: FeatureStore, ids: list[str], moment: datetime) -> pa.Table:
    """Read what `users_at` reads from the online store, as a request at `moment` sees it."""
    service = _users(store)
    return _named(service, online_rows(store, service, ids, moment))


def online_items(store: FeatureStore, ids: list[str], moment: datetime) -> pa.Table:
    """Read what `items_at` reads from the online store, as a request at `moment` sees it."""
    service = _items(store)
    return _named(service, online_rows(store, service, ids, moment))


def _users(store: FeatureStore) -> ServiceSchema:
    return service_schema(store, RANKING_USERS, USER_ID)


def _items(store: FeatureStore) -> ServiceSchema:
    return service_schema(store, RANKING_ITEMS, ITEM_ID)


def _offline(store: FeatureStore, service: ServiceSchema, ids: pa.Array, moment: datetime) -> pa.Table:
    return _named(service, features_at(store, service, ids, moment))


def _named(service: ServiceSchema, told: pa.Table) -> pa.Table:
    """Key and columns of the service; what users pay and what items cost have one name in Feast, and two here."""
    names = [service.entity_key, *(column.name for column in service.columns)]
    prices = {MEAN_PRICE: _PRICES[service.entity_key]}
    return told.select(names).rename_columns([prices.get(name, name) for name in names])

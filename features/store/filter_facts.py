"""What the filters of candidates ask of users and goods: as of a moment, from either store, in the same values."""

from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc
from feast import FeatureStore

from features.schema import (
    AGE,
    AGE_AT_REQUEST,
    CHANNELS,
    DEPARTMENT_NAME,
    FOR_SALE,
    GARMENT_GROUP_NAME,
    ITEM_ID,
    LAST_PURCHASE_AT,
    LAST_SOLD_AT,
    MINIMUM_AGE,
    USER_ID,
)
from features.store.catalogue import features_at
from features.store.online_features import online_rows
from features.store.registry import plain_service

FILTER_USERS = "filter_users_v1"
FILTER_ITEMS = "filter_items_v2"

_MOMENT = pa.timestamp("us", tz="UTC")


def users_at(store: FeatureStore, user_ids: pa.Array, moment: datetime) -> pa.Table:
    """Read what filters ask of users, through the offline store.

    Args:
        store: an applied feature store.
        user_ids: string (users,).
        moment: of the request, UTC.

    Returns:
        `age` float32, in years at the moment, null where it is not known; `last_purchase_at` timestamp[us, UTC], in
        whole seconds, the last purchase before the moment's morning (00:00 UTC), null without purchases. (users,), in
        the order of `user_ids`.
    """
    return _users(features_at(store, plain_service(store, FILTER_USERS, USER_ID), user_ids, moment))


def goods_at(store: FeatureStore, item_ids: pa.Array, moment: datetime) -> pa.Table:
    """Read what filters ask of items, through the offline store.

    Args:
        store: an applied feature store.
        item_ids: string (items,).
        moment: of the request, UTC.

    Returns:
        `department_name` and `garment_group_name` string, null where the catalogue has none; `last_sold_at`
        timestamp[us, UTC], in whole seconds, the last sale before the moment's morning (00:00 UTC), null if there was
        none; `for_sale` bool; `channels` list<string>, null or empty for every channel; `minimum_age` float32, in
        years, 0 without limit. (items,), in the order of `item_ids`. Of what nobody has said anything, everything is
        allowed.
    """
    return _goods(features_at(store, plain_service(store, FILTER_ITEMS, ITEM_ID), item_ids, moment))


def online_users(store: FeatureStore, ids: list[str], moment: datetime) -> pa.Table:
    """Read what `users_at` reads from the online store, as a request at `moment` sees it."""
    return _users(online_rows(store, plain_service(store, FILTER_USERS, USER_ID), ids, moment))


def online_goods(store: FeatureStore, ids: list[str], moment: datetime) -> pa.Table:
    """Read what `goods_at` reads from the online store.

    It is as of the moment up to which the store was filled: an article whose sale ends after that is still for sale.
    """
    return _goods(online_rows(store, plain_service(store, FILTER_ITEMS, ITEM_ID), ids, moment))


def _users(told: pa.Table) -> pa.Table:
    age = told[AGE_AT_REQUEST]
    # A birth date after the request is a mistake that the door cannot see.
    known = pc.if_else(pc.greater_equal(age, 0), age, None)
    return pa.table({AGE: known, LAST_PURCHASE_AT: told[LAST_PURCHASE_AT].cast(_MOMENT)})


def _goods(told: pa.Table) -> pa.Table:
    return pa.table(
        {
            DEPARTMENT_NAME: told[DEPARTMENT_NAME],
            GARMENT_GROUP_NAME: told[GARMENT_GROUP_NAME],
            LAST_SOLD_AT: told[LAST_SOLD_AT].cast(_MOMENT),
            FOR_SALE: pc.not_equal(told[FOR_SALE].fill_null(1), 0),
            CHANNELS: told[CHANNELS],
            MINIMUM_AGE: told[MINIMUM_AGE].fill_null(0.0),
        }
    )

"""Ids of all items and all users known at a moment."""

from datetime import datetime

import pyarrow as pa
from feast import FeatureStore

from features.errors import InputError
from features.schema import ITEM_ID, USER_ID
from features.store.source_tables import read_source


def catalogue_ids(store: FeatureStore, moment: datetime) -> pa.Array:
    """Every item id in the catalogue at `moment`, ascending, string, (items,).

    Raises:
        InputError: the catalogue is empty.
    """
    return _ids(store, "item_catalog", ITEM_ID, moment)


def user_ids(store: FeatureStore, moment: datetime) -> pa.Array:
    """Every user id with a profile at `moment`, ascending, string, (users,).

    Raises:
        InputError: there are none.
    """
    return _ids(store, "user_profile", USER_ID, moment)


def _ids(store: FeatureStore, view: str, key: str, moment: datetime) -> pa.Array:
    ids = read_source(store, view, [], known_at=moment, latest=True)[key]
    if len(ids) == 0:
        raise InputError(f"Feature view '{view}' has no rows at {moment:%Y-%m-%d}: choose a later moment.")
    return ids.combine_chunks().sort()

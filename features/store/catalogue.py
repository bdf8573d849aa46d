"""Ids of all items and all users known at a moment."""

from datetime import datetime
from typing import Final

import pyarrow as pa
from feast import FeatureStore

from features.errors import InputError
from features.schema import EVENT_TIMESTAMP, ITEM_ID, USER_ID
from features.store.source_tables import read_source

USER_PROFILE: Final = "user_profile"


def catalogue_ids(store: FeatureStore, moment: datetime) -> pa.Array:
    """Every item id in the catalogue at `moment`, ascending, string, (items,).

    Raises:
        InputError: the catalogue is empty.
    """
    return _ids(store, "item_catalog", ITEM_ID, moment)


def catalogue_history(store: FeatureStore, moment: datetime) -> pa.Table:
    """Every item in the catalogue at `moment`, and since when: `item_id` (string), `event_timestamp`, (items,).

    Ordered by timestamp and id, so that the items known at an earlier moment are the first ones.

    Raises:
        InputError: the catalogue is empty.
    """
    rows = read_source(store, "item_catalog", [], known_at=moment)
    if rows.num_rows == 0:
        raise _empty_error("item_catalog", moment)
    first = rows.group_by(ITEM_ID).aggregate([(EVENT_TIMESTAMP, "min")])
    history = pa.table({ITEM_ID: first[ITEM_ID], EVENT_TIMESTAMP: first[f"{EVENT_TIMESTAMP}_min"]})
    return history.sort_by([(EVENT_TIMESTAMP, "ascending"), (ITEM_ID, "ascending")])


def user_ids(store: FeatureStore, moment: datetime) -> pa.Array:
    """Every user id with a profile at `moment`, ascending, string, (users,).

    Raises:
        InputError: there are none.
    """
    return _ids(store, USER_PROFILE, USER_ID, moment)


def _ids(store: FeatureStore, view: str, key: str, moment: datetime) -> pa.Array:
    ids = read_source(store, view, [], known_at=moment, latest=True)[key]
    if len(ids) == 0:
        raise _empty_error(view, moment)
    return ids.combine_chunks().sort()


def _empty_error(view: str, moment: datetime) -> InputError:
    return InputError(f"Feature view '{view}' has no rows at {moment:%Y-%m-%d}: choose a later moment.")

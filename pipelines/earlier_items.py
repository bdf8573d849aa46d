"""The items that users with long histories bought before those that their lists of bought items hold."""

from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from features.schema import BOUGHT_ITEMS, EARLIER_ITEMS, MAX_BOUGHT_ITEMS, USER_ID
from features.store.reader import FeatureReader
from features.store.request_services import EARLIER_ITEMS_OF_USERS


def add_earlier_items(reader: FeatureReader, features: pa.Table, moment: datetime) -> pa.Table:
    """Read the earlier items of users whose list of bought items has its maximum length.

    All others have bought nothing else: without such a user, nothing is read.

    Args:
        reader: of either store.
        features: (n,), with `user_id` and `bought_items`, as of the moment.
        moment: of the request, UTC.

    Returns:
        `features`, with the column `earlier_items` if there is such a user: list<string>, null for the others. With
        `bought_items` it holds every item that the user has ever bought; an item may be in both.

    Raises:
        InputError: see `FeatureReader.read`.
    """
    full = pc.greater_equal(pc.list_value_length(features[BOUGHT_ITEMS]), MAX_BOUGHT_ITEMS)
    users = features[USER_ID].filter(full).combine_chunks()
    if len(users) == 0:
        return features
    earlier = reader.read(EARLIER_ITEMS_OF_USERS, users, moment)
    rows = pc.index_in(features[USER_ID], earlier[USER_ID])
    return features.append_column(EARLIER_ITEMS, earlier[EARLIER_ITEMS].take(rows))

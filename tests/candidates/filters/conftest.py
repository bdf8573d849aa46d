"""User and item contexts in literal rows, shared by the tests of all filters."""

import numpy as np
import pyarrow as pa
import pytest

from candidates.filters.context import Channels, ItemContext, UserContext
from candidates.histories import Histories
from candidates.item_lists import ItemLists
from candidates.text_codes import TextCodes


@pytest.fixture
def make_users():
    """Create users, each a dict: bought=[(position, days before the last purchase), ...] newest first, days=, age=."""

    def make(*users):
        bought = [user.get("bought", []) for user in users]
        entries = [entry for own in bought for entry in own]
        histories = Histories(
            ItemLists(
                np.cumsum([0, *map(len, bought)]).astype(np.int64),
                np.array([position for position, _ in entries], np.int32),
            ),
            np.ones(len(entries), np.float32),
            np.array([days for _, days in entries], np.float32),
            np.zeros(len(entries), np.float32),
        )
        days = [user.get("days", 0 if "bought" in user else np.nan) for user in users]
        ages = [user.get("age", np.nan) for user in users]
        return UserContext(histories, np.array(days, np.float32), np.array(ages, np.float32))

    return make


@pytest.fixture
def make_items():
    """Create items with ids "a", "b" and so on, each a dict of the values that differ from the defaults."""

    def make(*items):
        def column(name, dtype, default):
            return np.array([item.get(name, default) for item in items], dtype)

        return ItemContext(
            item_codes=TextCodes.from_texts(
                pa.array([chr(ord("a") + item) for item in range(len(items))], pa.string())
            ),
            categories=pa.array([item.get("category", "") for item in items], pa.string()),
            departments=column("department", np.int32, default=-1),
            for_sale=column("for_sale", np.bool_, default=True),
            channels=Channels.from_lists(pa.array([item.get("channels") for item in items], pa.list_(pa.string()))),
            minimum_ages=column("minimum_age", np.float32, default=0),
            days_since_last_sale=column("days_since_last_sale", np.float32, default=0),
        )

    return make

"""Users and goods in literal rows, shared by the tests of all filters."""

import numpy as np
import pyarrow as pa
import pytest

from candidates.filters.channels import Channels
from candidates.filters.context import ItemContext, UserContext
from candidates.histories import Histories


@pytest.fixture
def users_of():
    """Users, each as a dict: bought=[(position, days before his last purchase), ...] newest first, days=, age=."""

    def make(*users):
        bought = [user.get("bought", []) for user in users]
        entries = [entry for own in bought for entry in own]
        histories = Histories(
            np.cumsum([0, *map(len, bought)]).astype(np.int64),
            np.array([position for position, _ in entries], np.int32),
            np.ones(len(entries), np.float32),
            np.array([days for _, days in entries], np.float32),
        )
        days = [user.get("days", 0 if "bought" in user else np.nan) for user in users]
        ages = [user.get("age", np.nan) for user in users]
        return UserContext(histories, np.array(days, np.float32), np.array(ages, np.float32))

    return make


@pytest.fixture
def item_context_of():
    """Items with ids "a", "b" and so on, each as a dict of what is not as usual."""

    def make(*items):
        def column(name, dtype, usual):
            return np.array([item.get(name, usual) for item in items], dtype)

        return ItemContext(
            item_ids=np.array([chr(ord("a") + place) for place in range(len(items))]),
            categories=column("category", np.str_, usual=""),
            departments=column("department", np.int32, usual=-1),
            for_sale=column("for_sale", np.bool_, usual=True),
            channels=Channels.from_lists(pa.array([item.get("channels") for item in items], pa.list_(pa.string()))),
            minimum_ages=column("minimum_age", np.float32, usual=0),
            unsold_days=column("unsold_days", np.float32, usual=0),
        )

    return make

"""What the ranker is told of users and items at a moment: the parts of one service, the same from both stores."""

import itertools
from datetime import UTC, datetime

import pandas as pd
import pyarrow as pa
import pytest

from features.store.ranking_facts import RANKING_ITEMS, RANKING_USERS, items_at, online_items, online_users, users_at

MOMENT = datetime(2020, 2, 5, 13, 45, 7, 123456, tzinfo=UTC)
EARLY = datetime(2020, 1, 2, 9, tzinfo=UTC)
USERS = [*(f"{number:04d}" for number in range(1, 41)), "nobody"]
ITEMS = [*(f"{number:010d}" for number in range(108_775_001, 108_775_061)), "unheard of"]
NUMBERS = ["purchases_7d", "purchases_28d", "purchases_total", "active_days_total", "user_mean_price"]
USER_COLUMNS = pa.schema(
    {
        "user_id": pa.string(),
        **dict.fromkeys(NUMBERS, pa.float32()),
        "product_types": pa.list_(pa.string()),
        "product_type_counts": pa.list_(pa.float32()),
        "garment_groups": pa.list_(pa.string()),
        "garment_group_counts": pa.list_(pa.float32()),
        "departments": pa.list_(pa.string()),
        "department_counts": pa.list_(pa.float32()),
        "lately_items": pa.list_(pa.string()),
        "lately_counts_28d": pa.list_(pa.float32()),
        "lately_counts_91d": pa.list_(pa.float32()),
    }
)
SALES = ["sales_1d", "sales_7d", "sales_28d", "sales_total", "first_purchases_28d", "buyers_total", "item_mean_price"]
WORDS = ["product_type_name", "garment_group_name", "department_name"]
FEAST_NAMES = dict.fromkeys(["user_mean_price", "item_mean_price"], "mean_price")
ITEM_COLUMNS = pa.schema(
    {"item_id": pa.string(), **dict.fromkeys(SALES, pa.float32()), **dict.fromkeys(WORDS, pa.string())}
)


@pytest.fixture
def store(toy, tmp_path):
    """The toy store with an online store of its own, empty at first."""
    from features.store.registry import open_feature_store

    return open_feature_store(toy.copy_to(tmp_path / "copy").repo)


def view_of(name):
    if name in NUMBERS:
        return "user_activity_daily"
    if name in SALES:
        return "item_sales_daily"
    if name.startswith("lately"):
        return "user_lately_items_daily"
    return "item_catalog" if name in WORDS else "user_tastes_daily"


@pytest.mark.parametrize("moment", [EARLY, MOMENT], ids=str)
def test_pairs_put_together_of_both_parts_are_those_that_the_whole_service_joins(toy_store, moment):
    pairs = list(itertools.product([0, 3, 17, 40], [0, 1, 31, 60]))
    users, items = users_at(toy_store, pa.array(USERS), moment), items_at(toy_store, pa.array(ITEMS), moment)

    rows = pd.DataFrame({"user_id": [USERS[user] for user, _ in pairs], "item_id": [ITEMS[item] for _, item in pairs]})
    rows["event_timestamp"] = rows["request_timestamp"] = pd.Timestamp(moment)
    services = [toy_store.get_feature_service(name) for name in (RANKING_USERS, RANKING_ITEMS)]
    views = [view for service in services for view in service.feature_view_projections]
    names = [f"{view.name}:{field.name}" for view in views for field in view.features]
    joined = toy_store.get_historical_features(rows, names, full_feature_names=True).to_arrow().to_pylist()
    whole = {(row["user_id"], row["item_id"]): row for row in joined}

    assert len(whole) == len(pairs) == 16
    for user, item in pairs:
        told = users.slice(user, 1).to_pylist()[0] | items.slice(item, 1).to_pylist()[0]
        del told["user_id"], told["item_id"]
        names = {name: f"{view_of(name)}__{FEAST_NAMES.get(name, name)}" for name in told}
        assert {name: whole[USERS[user], ITEMS[item]][column] for name, column in names.items()} == told


@pytest.mark.parametrize("moment", [EARLY, MOMENT], ids=str)
def test_both_stores_tell_the_same_at_a_moment(store, moment):
    from features.store.materialization import fill_online_store

    fill_online_store(store, moment, from_scratch=False)

    online, offline = online_users(store, USERS, moment), users_at(store, pa.array(USERS), moment)
    assert online.schema == offline.schema == USER_COLUMNS
    assert online.to_pylist() == offline.to_pylist()
    assert offline["purchases_total"].null_count < len(USERS)

    online, offline = online_items(store, ITEMS, moment), items_at(store, pa.array(ITEMS), moment)
    assert online.schema == offline.schema == ITEM_COLUMNS
    assert online.to_pylist() == offline.to_pylist()
    assert offline["sales_total"].null_count < len(ITEMS)


def test_of_whom_and_what_nobody_has_heard_nothing_is_known(toy_store):
    [user] = users_at(toy_store, pa.array(["nobody"]), MOMENT).to_pylist()
    [item] = items_at(toy_store, pa.array(["unheard of"]), MOMENT).to_pylist()

    assert (user.pop("user_id"), item.pop("item_id")) == ("nobody", "unheard of")
    assert set(user.values()) == set(item.values()) == {None}


def test_nobody_and_nothing_have_columns_and_no_rows(store):
    nobody = pa.array([], pa.string())

    for table in (users_at(store, nobody, MOMENT), online_users(store, [], MOMENT)):
        assert (table.schema, table.num_rows) == (USER_COLUMNS, 0)
    for table in (items_at(store, nobody, MOMENT), online_items(store, [], MOMENT)):
        assert (table.schema, table.num_rows) == (ITEM_COLUMNS, 0)

"""Online features at a moment equal the features that a training set joins for that moment."""

from collections import Counter
from datetime import UTC, datetime

import pytest

from features.schema import ITEM_ID, USER_ID

EARLY = datetime(2020, 1, 3, 9, 30, tzinfo=UTC)
MIDDLE = datetime(2020, 2, 5, 13, 45, 7, 123456, tzinfo=UTC)
LATE = datetime(2020, 2, 20, tzinfo=UTC)

DIGITS = str.maketrans("", "", "-: ")
USERS = [*(f"{number:04d}" for number in range(1, 201)), "unknown"]
ITEMS = [*(f"{number:010d}" for number in range(108_775_001, 108_775_061)), "0000000000"]
SERVICES = [
    ("query_tower_v1", USER_ID, USERS),
    ("query_tower_v3", USER_ID, USERS),
    ("item_tower_v1", ITEM_ID, ITEMS),
    ("item_tower_v3", ITEM_ID, ITEMS),
    ("candidate_request_v2", USER_ID, USERS),
    ("candidate_items_v1", ITEM_ID, ITEMS),
    ("candidate_sources_v2", USER_ID, USERS),
    ("filter_users_v1", USER_ID, USERS),
    ("ranking_users_v3", USER_ID, USERS),
    ("item_card_v1", ITEM_ID, ITEMS),
]


@pytest.fixture
def store(toy, serve_items_online, tmp_path):
    """The toy store with an online store of its own, empty at first, for all views."""
    from features.store.registry import open_feature_store

    return serve_items_online(open_feature_store(toy.copy_to(tmp_path / "copy").repo))


@pytest.fixture
def fill(store):
    """Fill the online store up to a moment."""
    from features.store.materialization import fill_online_store

    return lambda moment, **options: fill_online_store(store, moment, from_scratch=False, **options)


def offline_and_online(store, moment, service, key, ids):
    from features.store.reader import FeatureReader

    offline, online = (FeatureReader(store, source).read(service, ids, moment) for source in ("offline", "online"))
    assert offline.column_names[0] == key
    return offline, online


def assert_equal_value_by_value(store, moment):
    for service, key, ids in SERVICES:
        offline, online = offline_and_online(store, moment, service, key, ids)
        assert online.schema == offline.schema
        for name in online.column_names:
            different = [
                (id_, served, joined)
                for id_, served, joined in zip(ids, online[name].to_pylist(), offline[name].to_pylist(), strict=True)
                if served != joined  # NaN differs from itself: a missing value is null in both stores
            ]
            assert different == [], (service, name)


def test_features_are_equal_after_materializing_to_a_moment(store, fill, toy_purchases):
    from fixtures.online_store import filled_until

    fill(MIDDLE)

    assert filled_until(store) == MIDDLE
    assert_equal_value_by_value(store, MIDDLE)
    assert_not_all_missing(store)


def test_features_are_equal_after_the_next_window(store, fill):
    from fixtures.online_store import filled_until

    fill(MIDDLE)
    fill(LATE)

    assert filled_until(store) == LATE
    assert_equal_value_by_value(store, LATE)


def test_features_are_equal_after_going_back_in_time_from_scratch(store, fill, toy_purchases):
    from fixtures.online_store import filled_until

    from features.store.materialization import fill_online_store

    fill(MIDDLE)
    fill_online_store(store, EARLY, from_scratch=True)

    assert filled_until(store) == EARLY
    assert_equal_value_by_value(store, EARLY)
    buyers = {user for user, _, moment, _ in toy_purchases if moment < "2020-01-03"}
    assert 100 < len(buyers) < 199
    _, users = offline_and_online(store, EARLY, "query_tower_v3", USER_ID, USERS)
    assert {row["user_id"] for row in users.to_pylist() if row["purchases_total"]} == buyers

    fill(LATE)
    assert filled_until(store) == LATE
    assert_equal_value_by_value(store, LATE)


@pytest.mark.parametrize("moment", [EARLY, MIDDLE], ids=str)
def test_the_catalogue_snapshot_has_the_values_of_both_stores(store, moment):
    from features.store.catalogue_snapshot import SERVICES, CatalogueSnapshot
    from features.store.generation import OpenGeneration
    from features.store.materialization import materialize

    materialize(store, moment, from_scratch=False)
    snapshot = CatalogueSnapshot.open(store, OpenGeneration.open(store).record)

    for service in SERVICES:
        offline, online = offline_and_online(store, moment, service, ITEM_ID, ITEMS)
        assert snapshot.read(service, ITEMS).equals(offline)
        assert snapshot.read(service, ITEMS).equals(online)


def bought_before(morning, purchases):
    last = {}
    for user, item, moment, _ in purchases:
        if moment < morning:
            last.setdefault(user, {})[item] = int(moment.translate(DIGITS))
    return [
        sorted(last[user], key=lambda item, last=last[user]: (-last[item], item)) if user in last else None
        for user in USERS
    ]


def test_purchase_histories_are_the_items_bought_before_the_day_newest_first(store, fill, toy_purchases):
    fill(MIDDLE)

    offline, online = offline_and_online(store, MIDDLE, "candidate_sources_v2", USER_ID, USERS)

    assert online.to_pylist() == offline.to_pylist()
    assert online["bought_items"].to_pylist() == bought_before("2020-02-05", toy_purchases)
    assert online.drop_columns([USER_ID]).slice(199).to_pylist() == [dict.fromkeys(online.column_names[1:])] * 2
    assert [
        sum(counts) if counts else None for counts in online["bought_counts"].to_pylist()
    ] == count_purchases_before("2020-02-05", toy_purchases)


def count_purchases_before(morning, purchases):
    counts = Counter(user for user, _, moment, _ in purchases if moment < morning)
    return [counts[user] or None for user in USERS]


def assert_not_all_missing(store):
    _, users = offline_and_online(store, MIDDLE, "query_tower_v1", USER_ID, USERS)
    _, lists = offline_and_online(store, MIDDLE, "query_tower_v3", USER_ID, USERS)
    _, items = offline_and_online(store, MIDDLE, "item_tower_v3", ITEM_ID, ITEMS)
    assert lists["purchases_7d"].null_count == 2  # the user without purchases, and the unknown one
    for name in ("recent_items", "recent_counts", "recent_days", "product_types", "product_type_counts"):
        assert lists[name].null_count == 2
    # The raw table lacks the column: the list is empty, and null only without purchases.
    assert lists["departments"].to_pylist() == lists["department_counts"].to_pylist() == [[]] * 199 + [None] * 2
    assert users["month_sin"].null_count == 0
    assert 0 < users["age_at_request"].null_count < 30
    # Born on 1980-02-29, as of 2020-02-05.
    assert {f"{row['age_at_request']:.2f}" for row in users.take(list(range(6, 200, 7))).to_pylist()} == {"39.94"}
    for name in ("sales_7d", "buyers_total", "days_since_first_sold", "days_since_last_sold"):
        assert items[name].null_count == 2  # the item without sales, and the unknown one
    assert items["product_type_name"].null_count == 1
    assert items["section_name"].null_count == len(ITEMS)  # the raw table lacks the column
    _, users = offline_and_online(store, MIDDLE, "filter_users_v1", USER_ID, USERS)
    _, items = offline_and_online(store, MIDDLE, "candidate_items_v1", ITEM_ID, ITEMS)
    assert users["last_purchase_at"].null_count == 2
    assert items["last_sold_at"].null_count == 2
    assert items["for_sale"].null_count == items["channels"].null_count == len(ITEMS)  # the toy data has no such table

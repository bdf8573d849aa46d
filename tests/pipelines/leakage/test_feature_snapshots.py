"""Feature snapshots: every service of users or items is compared, and nothing planned for later days is visible."""

from datetime import UTC, datetime

import pytest

from features.raw.toy_data import write_toy_data
from pipelines.leakage.altered_data import AlteredData
from pipelines.leakage.comparison import compare

# The first item is withdrawn on 17 January, which must not be visible on 16 January.
MOMENT = datetime(2020, 1, 16, 12, tzinfo=UTC)
TIMESTAMPS = "since as event_timestamp, since as created_timestamp"
A_DAY_EARLY = "since - interval 1 day as event_timestamp, since - interval 1 day as created_timestamp"


def silent(*_):
    return lambda _: None


def filter_services(store):
    """The services from which filters read: of items and of users."""
    from features.store.request_services import CANDIDATE_ITEMS, FILTER_USERS
    from pipelines.leakage.feature_snapshots import comparable_services

    services = {service.service: service for service in comparable_services(store)[0]}
    return [services[CANDIDATE_ITEMS], services[FILTER_USERS]]


@pytest.fixture
def availability_leaks(toy_store, tmp_path):
    """Compare the features of filters at `MOMENT` with those of data without later purchases and availability rows."""

    def availability_leaks():
        from features.tables.build import build_feature_tables
        from pipelines.leakage.feature_snapshots import feature_snapshots
        from pipelines.leakage.store_copy import store_copy

        raw, original, deleted = (tmp_path / name for name in ("raw", "original", "deleted"))
        for folder in (deleted, tmp_path / "database"):
            folder.mkdir()
        write_toy_data(raw, seed=3, users=12, items=24, days=30, availability=True)
        build_feature_tables(raw, original, quarantine=None, memory_limit="1GB", progress=silent)
        with AlteredData.load(raw, tmp_path / "database", memory_limit="1GB") as altered:
            altered.write_altered("deleted", MOMENT, deleted, seed=1, progress=silent)
        services, snapshots = filter_services(toy_store), []
        for tables in (original, deleted):
            folder = tmp_path / f"snapshots of {tables.name}"
            folder.mkdir()
            store = store_copy(toy_store, tmp_path / f"store of {tables.name}", tables)
            snapshots.append(feature_snapshots(store, services, MOMENT, folder, silent))
        comparisons = [compare(*pair) for pair in zip(*snapshots, strict=True)]
        assert [(comparison.rows, comparison.columns) for comparison in comparisons] == [(2 * 24, 16), (2 * 12, 4)]
        return [(leak.view, leak.column, leak.count) for comparison in comparisons for leak in comparison.differences]

    return availability_leaks


@pytest.fixture
def store_with_pairs(toy, tmp_path):
    """The toy store with a service `pairs_v1` of user-item pairs."""
    from feast import FeatureService

    from features.store.registry import open_feature_store

    store = open_feature_store(toy.copy_to(tmp_path / "with_pairs").repo)
    user, item = store.get_feature_view("user_activity_daily"), store.get_feature_view("item_sales_daily")
    store.apply(FeatureService(name="pairs_v1", features=[user[["purchases_28d"]], item[["sales_7d"]]]))
    return store


def test_all_services_are_compared_and_pairs_by_the_services_of_their_entities(store_with_pairs):
    from pipelines.leakage.feature_snapshots import comparable_services

    services, uncompared = comparable_services(store_with_pairs)

    assert uncompared == []
    names = {service.name for service in store_with_pairs.list_feature_services()}
    assert {service.service for service in services} == names - {"pairs_v1"}


def test_services_that_cannot_be_read_or_covered_are_returned_with_the_reason(store_with_pairs, monkeypatch):
    from features.errors import InputError
    from features.store.request_services import CANDIDATE_REQUEST, RANKING_USERS
    from pipelines.leakage import feature_snapshots

    read = feature_snapshots.service_columns

    def refuse(store, name):
        if name in {CANDIDATE_REQUEST, RANKING_USERS}:
            raise InputError("planted")
        return read(store, name)

    monkeypatch.setattr(feature_snapshots, "service_columns", refuse)

    *unreadable, pairs = feature_snapshots.comparable_services(store_with_pairs)[1]

    assert unreadable == [f"{CANDIDATE_REQUEST}: planted", f"{RANKING_USERS}: planted"]
    assert pairs.startswith("pairs_v1: ")
    assert "'purchases_28d' of 'user_activity_daily'" in pairs


def test_availability_of_later_days_is_not_visible_to_filters(availability_leaks):
    assert availability_leaks() == []


def test_availability_that_is_visible_a_day_early_is_reported(availability_leaks, monkeypatch):
    from features.tables import item_queries

    assert TIMESTAMPS in item_queries.AVAILABILITY
    monkeypatch.setattr(item_queries, "AVAILABILITY", item_queries.AVAILABILITY.replace(TIMESTAMPS, A_DAY_EARLY))

    assert availability_leaks() == [("item_availability", "for_sale", 2)]


def test_filters_read_the_same_online_and_offline(toy_store, tmp_path):
    from pipelines.leakage.online_snapshots import materialized_copy, offline_and_online_snapshots

    moment = datetime(2020, 2, 5, 13, 45, 7, tzinfo=UTC)
    items, users = filter_services(toy_store)
    copy = materialized_copy(toy_store, moment, tmp_path / "copy")

    pairs = offline_and_online_snapshots(
        copy, [items, users], moment, users=50, items=20, complete=items.service, seed=1, progress=silent
    )

    comparisons = [compare(*pairs[service.service]) for service in (items, users)]
    assert [(comparison.rows, comparison.differences) for comparison in comparisons] == [(60, ()), (50, ())]

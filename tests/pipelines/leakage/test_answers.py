"""What a store says of a moment: every service that describes users or items is asked, filters' services as well."""

from datetime import UTC, datetime

import pytest

from features.raw.toy_data import write_toy_data
from pipelines.leakage.differences import compare
from pipelines.leakage.raw_world import RawWorld

# The first item is withdrawn on the 17th of January; on the day before, nobody may know.
MOMENT = datetime(2020, 1, 16, 12, tzinfo=UTC)
STAMPED = "since as event_timestamp, since as created_timestamp"
A_DAY_EARLY = "since - interval 1 day as event_timestamp, since - interval 1 day as created_timestamp"


def silent(*_):
    return lambda _: None


@pytest.fixture
def said(toy_store, tmp_path):
    """What differs in what filters are told at `MOMENT`, if what is planned for later days is not known."""

    def said():
        from features.tables.build import build_feature_tables
        from pipelines.leakage.answers import all_services, answers_at
        from pipelines.leakage.store_copy import store_copy

        raw, altered = tmp_path / "raw", tmp_path / "altered"
        for folder in (altered, tmp_path / "world"):
            folder.mkdir()
        write_toy_data(raw, seed=3, users=12, items=24, days=30, availability=True)
        build_feature_tables(raw, tmp_path / "used", quarantine=None, memory_limit="1GB", progress=silent)
        with RawWorld.loaded(raw, tmp_path / "world", memory_limit="1GB") as world:
            world.write_altered("deleted", MOMENT, altered, seed=1, progress=silent)
        wanted = {"candidate_items_v1", "filter_users_v1"}
        services = [schema for schema in all_services(toy_store)[0] if schema.service in wanted]
        answers = []
        for tables in (tmp_path / "used", altered):
            folder = tmp_path / f"asked of {tables.name}"
            folder.mkdir()
            store = store_copy(toy_store, tmp_path / f"store of {tables.name}", tables)
            answers.append(answers_at(store, services, MOMENT, folder, silent))
        told = [compare(*pair) for pair in zip(*answers, strict=True)]
        assert [(one.rows, one.columns) for one in told] == [(2 * 24, 16), (2 * 12, 4)]
        return [(one.view, one.column, one.count) for all_of in told for one in all_of.differences]

    return said


@pytest.fixture
def with_pairs(toy, tmp_path):
    """The toy store with a service `pairs_v1` that describes a user and an item."""
    from feast import FeatureService

    from features.store.registry import open_feature_store

    store = open_feature_store(toy.copy_to(tmp_path / "with_pairs").repo)
    user, item = store.get_feature_view("user_activity_daily"), store.get_feature_view("item_sales_daily")
    store.apply(FeatureService(name="pairs_v1", features=[user[["purchases_28d"]], item[["sales_7d"]]]))
    return store


def test_every_service_is_asked_and_that_of_pairs_in_its_two_parts(with_pairs):
    from pipelines.leakage.answers import all_services

    schemas, others = all_services(with_pairs)

    assert others == []
    names = {service.name for service in with_pairs.list_feature_services()}
    assert {schema.service for schema in schemas} == names - {"pairs_v1"}


def test_what_filters_are_told_does_not_depend_on_later_days(said):
    assert said() == []


def test_a_plan_that_is_told_a_day_early_is_named(said, monkeypatch):
    from features.tables import item_queries

    assert STAMPED in item_queries.AVAILABILITY
    monkeypatch.setattr(item_queries, "AVAILABILITY", item_queries.AVAILABILITY.replace(STAMPED, A_DAY_EARLY))

    assert said() == [("item_availability", "for_sale", 2)]


def test_online_and_offline_tell_filters_the_same(toy_store, tmp_path):
    from pipelines.leakage.answers import all_services
    from pipelines.leakage.online_answers import filled_copy, online_pairs

    moment = datetime(2020, 2, 5, 13, 45, 7, tzinfo=UTC)
    wanted = {"candidate_items_v1", "filter_users_v1"}
    services = [schema for schema in all_services(toy_store)[0] if schema.service in wanted]
    copy = filled_copy(toy_store, moment, tmp_path / "copy")

    pairs = online_pairs(
        copy, services, moment, users=50, items=20, whole="candidate_items_v1", seed=1, progress=silent
    )

    told = {service: compare(*pair) for service, pair in pairs.items()}
    assert {service: (one.rows, one.differences) for service, one in told.items()} == {
        "candidate_items_v1": (60, ()),
        "filter_users_v1": (50, ()),
    }


def test_a_service_of_pairs_of_which_a_feature_is_asked_nowhere_else_is_named(with_pairs, monkeypatch):
    from pipelines.leakage import answers

    read = answers.service_columns

    def without_one(store, name):
        if name in {"candidate_request_v1", "ranking_users_v2"}:
            raise answers.InputError("planted")
        return read(store, name)

    monkeypatch.setattr(answers, "service_columns", without_one)

    _, others = answers.all_services(with_pairs)

    assert others == [
        "candidate_request_v1: planted",
        "ranking_users_v2: planted",
        "pairs_v1: of 'purchases_28d' of 'user_activity_daily' no service of users or items alone tells",
    ]

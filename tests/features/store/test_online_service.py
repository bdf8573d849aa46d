"""A service read from the online store has the values of Feast's `get_online_features`."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from features.errors import InputError

MOMENT = datetime(2020, 2, 5, 13, 45, 7, 123456, tzinfo=UTC)
LATER = datetime(2020, 3, 9, 23, 59, 59, 999_999, tzinfo=UTC)
USERS = [*(f"{number:04d}" for number in range(1, 201)), "unknown"]  # 0200 has a profile and no purchases
ITEMS = [*(f"{number:010d}" for number in range(108_775_001, 108_775_061)), "0000000000"]
KEYS = {
    "query_tower_v1": "user_id",
    "query_tower_v3": "user_id",
    "item_tower_v1": "item_id",
    "item_tower_v3": "item_id",
    "candidate_request_v2": "user_id",
    "candidate_items_v1": "item_id",
    "item_card_v1": "item_id",
    "candidate_sources_v2": "user_id",
    "earlier_items_v1": "user_id",
    "filter_users_v1": "user_id",
    "ranking_users_v3": "user_id",
}


@pytest.fixture(scope="module")
def store(toy, serve_items_online, tmp_path_factory):
    """The toy store with all views online, filled up to `MOMENT`; a view's values expire after three days."""
    from features.store.materialization import fill_online_store
    from features.store.registry import open_feature_store

    store = serve_items_online(open_feature_store(toy.copy_to(tmp_path_factory.mktemp("store") / "copy").repo))
    view = store.get_feature_view("user_tastes_daily")
    view.ttl = timedelta(days=3)
    store.apply(view)
    fill_online_store(store, MOMENT, from_scratch=False)
    return store


@pytest.fixture
def read(store):
    from features.store.online_service import OnlineService

    return lambda service, ids, moment: OnlineService.resolve(store, service).read(ids, moment)


@pytest.fixture
def read_by_feast(store):
    """The values of `get_online_features`, by name; numbers rounded to float32."""

    def rounded(value):
        if isinstance(value, list):
            return [rounded(element) for element in value]
        return float(np.float32(value)) if isinstance(value, int | float) else value

    def read_by_feast(service, ids, moment):
        rows = {KEYS.get(service, "user_id"): ids, "request_timestamp": [moment] * len(ids)}
        response = store.get_online_features(features=store.get_feature_service(service), entity_rows=rows)
        return {name: [rounded(value) for value in values] for name, values in response.to_dict().items()}

    return read_by_feast


def test_every_service_has_a_key(store):
    assert {service.name for service in store.list_feature_services()} == set(KEYS)


@pytest.mark.parametrize("moment", [MOMENT, LATER], ids=str)
@pytest.mark.parametrize("service", KEYS)
def test_values_are_those_of_feast(read, read_by_feast, service, moment):
    ids = USERS if KEYS[service] == "user_id" else ITEMS

    table = read(service, ids, moment)

    expected = read_by_feast(service, ids, moment)
    assert set(table.column_names) == set(expected)
    assert table.to_pydict() == {name: expected[name] for name in table.column_names}


def test_one_entity_has_the_values_that_it_has_among_others(read):
    table = read("candidate_request_v2", USERS, MOMENT)

    for row in (0, 6, 199, 200):
        assert read("candidate_request_v2", [USERS[row]], MOMENT).equals(table.slice(row, 1))


def test_features_of_the_moment_alone_are_those_of_each_read(store):
    from features.store.online_service import OnlineService

    service, rows = OnlineService.resolve(store, "query_tower_v1"), {}
    for moment, ids in (
        (MOMENT, ["0001"]),
        (LATER, ["0002", "unknown"]),
        (LATER, ["0001"]),
        (MOMENT, ["0001", "0002"]),
    ):
        rows[moment, len(ids)] = service.read(ids, moment).select(["month_sin", "month_cos"]).to_pylist()

    february, march = (
        {"month_sin": np.float32(np.sin(a)), "month_cos": np.float32(np.cos(a))} for a in np.pi / 6 * np.array([2, 3])
    )
    assert rows == {(MOMENT, 1): [february], (LATER, 2): [march] * 2, (LATER, 1): [march], (MOMENT, 2): [february] * 2}


def test_a_view_of_the_moment_alone_is_computed_once_per_moment(store, monkeypatch):
    from feast.transformation.pandas_transformation import PandasTransformation

    from features.store.online_service import OnlineService

    calls, transform = [], PandasTransformation.transform
    monkeypatch.setattr(
        PandasTransformation, "transform", lambda self, frame: calls.append(list(frame)) or transform(self, frame)
    )
    service = OnlineService.resolve(store, "query_tower_v1")
    for moment in (MOMENT, MOMENT, LATER, LATER):
        service.read(["0001", "0002"], moment)

    assert calls.count(["request_timestamp"]) == 2
    assert len(calls) == 2 + 4


def test_the_rows_are_in_the_order_of_the_ids_and_may_be_repeated(read):
    ids = ["0009", "unknown", "0003", "0009", "unknown"]

    table = read("candidate_request_v2", ids, MOMENT)

    assert table["user_id"].to_pylist() == ids
    assert table.slice(3, 1).equals(table.slice(0, 1))
    assert table.slice(4, 1).equals(table.slice(1, 1))
    assert table["purchases_total"].to_pylist()[1] is None


def test_each_view_is_read_once_and_each_id_in_it(store, read, monkeypatch):
    reads, online_read = [], type(store.provider).online_read

    def count(provider, config, table, entity_keys, requested_features=None):
        reads.append((table.name, len(entity_keys)))
        return online_read(provider, config, table, entity_keys, requested_features)

    monkeypatch.setattr(type(store.provider), "online_read", count)
    read("candidate_request_v2", ["0003", "0001", "0003"], MOMENT)

    views = ("activity_daily", "bought_items_daily", "lately_items_daily", "profile", "recent_items_daily")
    assert sorted(reads) == [*((f"user_{view}", 2) for view in views), ("user_tastes_daily", 2)]


@pytest.fixture
def with_service(store):
    """Declare a service for the time of a test."""
    declared = []

    def with_service(name, features, *views):
        from feast import FeatureService

        service = FeatureService(name=name, features=features)
        store.apply([*views, service])
        declared.append(service)

    yield with_service
    for service in declared:
        store.delete_feature_service(service.name)


def on_demand_view(store, mode, **options):
    """An on-demand view in pandas or in Python, which reads one input by its full name."""
    from feast import Field
    from feast.on_demand_feature_view import on_demand_feature_view
    from feast.types import Float64, String

    sources = [store.get_feature_view(name) for name in ("user_profile", "user_activity_daily")]
    sources.append(store.get_data_source("request"))
    if mode == "pandas":

        def by_frame(inputs):
            import pandas as pd

            years = inputs["user_profile__age"].astype("float64") * 2
            hours = pd.to_datetime(inputs["request_timestamp"], utc=True).dt.hour.astype("float64")
            return pd.DataFrame({"double_age": years, "hour": hours})

        schema, function = [Field(name="double_age", dtype=Float64), Field(name="hour", dtype=Float64)], by_frame
    else:

        def by_lists(inputs):
            totals = inputs["user_activity_daily__purchases_total"]
            if isinstance(totals, int):  # a singleton
                return {"amount": "odd" if totals % 2 else "even"}
            return {"amount": [None if total is None else "odd" if total % 2 else "even" for total in totals]}

        schema, function = [Field(name="amount", dtype=String)], by_lists
    decorate = on_demand_feature_view(sources=sources, schema=schema, mode=mode, **options)
    return decorate(function)


def test_a_service_with_several_on_demand_views_has_the_values_of_feast(store, read, read_by_feast, with_service):
    views = [on_demand_view(store, mode) for mode in ("pandas", "python")]
    names = ("user_at_request", "request_month")
    others = [store.get_on_demand_feature_view(name) for name in names]
    with_service("several_v1", [*views, *others, store.get_feature_view("user_activity_daily")[["mean_price"]]], *views)

    table = read("several_v1", USERS, LATER)

    assert table.to_pydict() == read_by_feast("several_v1", USERS, LATER)
    assert set(table["amount"].to_pylist()) == {"odd", "even", None}
    assert set(table["hour"].to_pylist()) == {23.0}
    assert table["double_age"].null_count < len(USERS)


def test_an_on_demand_view_of_single_rows_is_refused_by_name(store, read, with_service):
    view = on_demand_view(store, "python", singleton=True)
    with_service("single_v1", [view], view)

    with pytest.raises(InputError, match="'by_lists' of feature service 'single_v1'"):
        read("single_v1", USERS, MOMENT)


def test_a_service_of_views_that_are_not_online_is_refused_by_name(toy_store):
    from features.store.online_service import OnlineService

    with pytest.raises(InputError, match=r"'item_card_v1' .* 'item_catalog' has online=False"):
        OnlineService.resolve(toy_store, "item_card_v1")


def test_an_online_store_that_was_deleted_is_refused_and_filled_again(toy, tmp_path):
    from features.store.materialization import fill_online_store
    from features.store.online_service import OnlineService
    from features.store.reader import FeatureReader
    from features.store.registry import open_feature_store

    copy = toy.copy_to(tmp_path / "copy")
    fill_online_store(open_feature_store(copy.repo), MOMENT, from_scratch=False)
    (copy.root / "data" / "online.db").unlink()
    store = open_feature_store(copy.repo)

    for command in (
        lambda: FeatureReader(store, "online").read("filter_users_v1", ["0001"], MOMENT),
        lambda: OnlineService.resolve(store, "filter_users_v1").read(["0001"], MOMENT),
    ):
        with pytest.raises(InputError, match=r"online store .*is empty.*materialize\.py --from-scratch"):
            command()
    assert fill_online_store(store, LATER, from_scratch=False).incremental == 0


def test_the_columns_have_the_types_of_the_service(read):
    table = read("filter_users_v1", ["0001"], MOMENT)

    assert table.schema == pa.schema(
        {"user_id": pa.string(), "age_at_request": pa.float32(), "last_purchase_at": pa.timestamp("s", tz="UTC")}
    )

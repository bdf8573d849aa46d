"""What is declared to Feast is what stands in the Parquet files, and every word of it is explained."""

import re

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features.feature_tables import TABLES
from features.schema import ITEM_ID, USER_ID

UTC = pa.timestamp("us", tz="UTC")
ARROW = {
    "String": pa.string(),
    "Float32": pa.float32(),
    "Int64": pa.int64(),
    "UnixTimestamp": UTC,
    "Array(String)": pa.list_(pa.string()),
}


@pytest.fixture(scope="module")
def views(toy_store):
    return {view.name: view for view in toy_store.list_batch_feature_views()}


def test_there_is_a_view_for_every_table(views):
    assert set(views) == set(TABLES)


@pytest.mark.parametrize("name", TABLES)
def test_a_view_declares_exactly_the_columns_of_its_table_with_their_types(views, toy, name):
    view = views[name]
    source = view.batch_source

    assert source.path == str(toy.tables / f"{name}.parquet")
    written = {field.name: field.type for field in pq.read_schema(source.path)}
    declared = {field.name: ARROW[str(field.dtype)] for field in view.features}
    keys = {"transactions": [USER_ID, ITEM_ID]}.get(name, [ITEM_ID if name.startswith("item") else USER_ID])
    assert view.join_keys == keys
    assert (source.timestamp_field, source.created_timestamp_column) == ("event_timestamp", "created_timestamp")
    expected = {**dict.fromkeys(keys, pa.string()), **declared, "event_timestamp": UTC, "created_timestamp": UTC}
    assert set(written) == set(expected)
    different = {
        column: (kind, expected[column])
        for column, kind in written.items()
        if not (kind == expected[column] or (pa.types.is_list(kind) and kind.value_type == expected[column].value_type))
    }
    assert different == {}


def test_everything_declared_is_described(toy_store, views):
    silent = [thing.name for thing in toy_store.list_entities() if not thing.description and thing.name != "__dummy"]
    silent += [thing.name for thing in toy_store.list_feature_services() if not thing.description]
    silent += [thing.name for thing in toy_store.list_data_sources() if not thing.description]
    silent += [thing.name for thing in toy_store.list_on_demand_feature_views() if not thing.description]
    for view in views.values():
        silent += [view.name] if not view.description else []
        silent += [f"{view.name}:{field.name}" for field in view.features if not field.description]

    assert silent == []


def test_the_description_of_an_on_demand_view_names_each_of_its_features(toy_store):
    on_demand = {view.name: view for view in toy_store.list_on_demand_feature_views()}

    assert set(on_demand) == {"request_month", "user_at_request"}
    for view in on_demand.values():
        assert [field.name for field in view.features if field.name not in view.description] == []


def test_no_view_forgets_a_value_before_the_next_one_comes(views):
    # The tables write a row whenever a value changes: a time to live would only lose the last one.
    assert {name for name, view in views.items() if view.ttl.total_seconds() != 0} == set()


def test_services_are_named_for_who_asks_and_a_version(toy_store):
    names = sorted(service.name for service in toy_store.list_feature_services())

    assert all(re.fullmatch(r"[a-z_]+_v[1-9][0-9]*", name) for name in names)
    assert names == [
        "already_bought_v1",
        "item_card_v1",
        "item_tower_v1",
        "item_tower_v2",
        "popularity_v1",
        "query_tower_v1",
        "query_tower_v2",
    ]


@pytest.mark.parametrize(
    ("service", "key", "inputs"),
    [
        ("query_tower_v1", USER_ID, ["user_id", "age_at_request", "month_sin", "month_cos"]),
        ("item_tower_v1", ITEM_ID, ["item_id", "garment_group_name", "index_group_name"]),
        ("already_bought_v1", USER_ID, ["bought_items"]),
        ("popularity_v1", ITEM_ID, ["sales_7d"]),
        ("item_card_v1", ITEM_ID, ["prod_name"]),
    ],
)
def test_a_service_of_version_1_hands_over_these_columns_forever(toy_store, service, key, inputs):
    from features.feature_store import service_schema

    assert [column.name for column in service_schema(toy_store, service, key).inputs] == inputs


def test_both_towers_of_every_preset_can_be_built_from_their_services(toy_store):
    from features.feature_store import tower_schemas
    from models.config import PRESETS

    for config in PRESETS.values():
        schemas = tower_schemas(toy_store, config.query_service, config.item_service)
        assert schemas.query.entity_key == USER_ID
        assert schemas.item.embeds_key
        for schema in (schemas.query, schemas.item):
            names = [column.name for column in schema.inputs]
            assert len(set(names)) == len(names) > 0


def test_an_encoding_is_read_from_the_field_or_from_the_on_demand_view(toy_store):
    from features.feature_store import service_schema

    encodings = {
        column.name: column.encoding
        for service, key in (("query_tower_v2", USER_ID), ("item_tower_v2", ITEM_ID))
        for column in service_schema(toy_store, service, key).columns
    }

    assert encodings["purchases_7d"] == "log"
    assert encodings["days_since_last_purchase"] == "log"
    assert encodings["age_at_request"] == "number"
    assert encodings["garment_group_name"] == "one_hot"
    assert encodings["product_type_name"] == "embedding"
    assert encodings["recent_items"] == "items"


def test_a_service_that_does_not_exist_is_refused_with_those_that_do(toy_store):
    from features.errors import InputError
    from features.feature_store import service_schema

    with pytest.raises(
        InputError, match=r"no feature service 'query_tower_v0' \(it has already_bought_v1, item_card_v1"
    ):
        service_schema(toy_store, "query_tower_v0", USER_ID)


def test_a_service_that_embeds_the_key_of_another_entity_is_refused(toy_store):
    from features.errors import InputError
    from features.feature_store import service_schema

    with pytest.raises(InputError, match="'item_tower_v1' embeds the key 'item_id', but describes 'user_id'"):
        service_schema(toy_store, "item_tower_v1", USER_ID)

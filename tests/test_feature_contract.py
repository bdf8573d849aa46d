"""The declarations of the feature repository match the feature tables, and everything is described."""

import re

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features.schema import ITEM_ID, USER_ID
from features.tables.feature_tables import TABLES

UTC = pa.timestamp("us", tz="UTC")
ARROW = {
    "String": pa.string(),
    "Float32": pa.float32(),
    "Float64": pa.float64(),
    "Int64": pa.int64(),
    "UnixTimestamp": UTC,
    "Array(String)": pa.list_(pa.string()),
    "Array(Int64)": pa.list_(pa.int64()),
    "Array(Float32)": pa.list_(pa.float32()),
}


@pytest.fixture(scope="module")
def views(toy_store):
    return {view.name: view for view in toy_store.list_batch_feature_views()}


def test_there_is_a_view_for_every_table(views):
    assert set(views) == set(TABLES)


@pytest.mark.parametrize("name", TABLES)
def test_a_view_declares_the_columns_and_types_of_its_table(views, toy, name):
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
    undescribed = [
        entity.name for entity in toy_store.list_entities() if not entity.description and entity.name != "__dummy"
    ]
    undescribed += [service.name for service in toy_store.list_feature_services() if not service.description]
    undescribed += [source.name for source in toy_store.list_data_sources() if not source.description]
    undescribed += [view.name for view in toy_store.list_on_demand_feature_views() if not view.description]
    for view in views.values():
        undescribed += [view.name] if not view.description else []
        undescribed += [f"{view.name}:{field.name}" for field in view.features if not field.description]

    assert undescribed == []


def test_the_description_of_an_on_demand_view_names_each_of_its_features(toy_store):
    on_demand = {view.name: view for view in toy_store.list_on_demand_feature_views()}

    assert set(on_demand) == {"item_at_request", "request_month", "user_at_request"}
    for view in on_demand.values():
        assert [field.name for field in view.features if field.name not in view.description] == []


def test_no_view_has_a_ttl(views):
    # The tables have a row for every change of a value; a ttl would only drop the last value.
    assert {name for name, view in views.items() if view.ttl.total_seconds() != 0} == set()


def test_services_are_named_after_their_consumer_with_a_version(toy_store):
    names = sorted(service.name for service in toy_store.list_feature_services())

    assert all(re.fullmatch(r"[a-z_]+_v[1-9][0-9]*", name) for name in names)
    assert names == [
        "candidate_items_v1",
        "candidate_request_v2",
        "candidate_sources_v2",
        "earlier_items_v1",
        "filter_users_v1",
        "item_card_v1",
        "item_tower_v1",
        "item_tower_v3",
        "query_tower_v1",
        "query_tower_v3",
        "ranking_users_v3",
    ]


CATALOGUE = [
    "product_type_name", "product_group_name", "graphical_appearance_name", "colour_group_name", "department_name",
    "index_name", "index_group_name", "section_name", "garment_group_name",
]  # fmt: skip
SALES = ["sales_1d", "sales_7d", "sales_28d", "sales_total"]
TASTES = [
    "product_types", "product_type_counts", "garment_groups", "garment_group_counts", "departments",
    "department_counts",
]  # fmt: skip

RANKING_USERS = [
    *("purchases_7d", "purchases_28d", "purchases_total", "active_days_total", "mean_price"), *TASTES,
]  # fmt: skip
LATELY = ["lately_items", "lately_counts_28d", "lately_counts_91d"]


@pytest.mark.parametrize(
    ("service", "key", "inputs"),
    [
        ("query_tower_v1", USER_ID, ["user_id", "age_at_request", "month_sin", "month_cos"]),
        ("item_tower_v1", ITEM_ID, ["item_id", "garment_group_name", "index_group_name"]),
        (
            "query_tower_v3",
            USER_ID,
            [
                *("purchases_7d", "purchases_total", "active_days_total"),
                *("recent_items", "recent_counts", "recent_days", *TASTES),
            ],
        ),
        (
            "item_tower_v3",
            ITEM_ID,
            [
                *("item_id", *CATALOGUE, *SALES, "first_purchases_7d", "first_purchases_28d", "buyers_total"),
                *("mean_price", "days_since_first_sold", "days_since_last_sold"),
            ],
        ),
        ("candidate_sources_v2", USER_ID, ["bought_items", "bought_counts", "bought_days", "bought_gaps"]),
        ("earlier_items_v1", USER_ID, ["earlier_items"]),
        ("item_card_v1", ITEM_ID, ["prod_name"]),
        ("ranking_users_v3", USER_ID, ["days_since_last_purchase", *RANKING_USERS, *LATELY]),
    ],
)
def test_a_version_of_a_service_has_fixed_columns(toy_store, service, key, inputs):
    from features.store.registry import service_schema

    assert [column.name for column in service_schema(toy_store, service, key).inputs] == inputs


SECONDS = pa.timestamp("s", "UTC")
NUMBERS = pa.list_(pa.float32())


@pytest.mark.parametrize(
    ("service", "key", "columns"),
    [
        ("filter_users_v1", USER_ID, {"age_at_request": pa.float32(), "last_purchase_at": SECONDS}),
        (
            "candidate_request_v2",
            USER_ID,
            {
                **dict.fromkeys(("age_at_request", "days_since_last_purchase"), pa.float32()),
                **dict.fromkeys(("month_sin", "month_cos", *RANKING_USERS[:5]), pa.float32()),
                "last_purchase_at": SECONDS,
                "recent_items": pa.list_(pa.string()),
                "recent_counts": NUMBERS,
                "recent_days": NUMBERS,
                **{name: NUMBERS if name.endswith("counts") else pa.list_(pa.string()) for name in TASTES},
                "lately_items": pa.list_(pa.string()),
                "lately_counts_28d": NUMBERS,
                "lately_counts_91d": NUMBERS,
                "bought_items": pa.list_(pa.string()),
                "bought_counts": NUMBERS,
                "bought_days": NUMBERS,
                "bought_gaps": NUMBERS,
            },
        ),
        (
            "candidate_items_v1",
            ITEM_ID,
            {
                **dict.fromkeys(("product_type_name", "department_name", "garment_group_name"), pa.string()),
                **dict.fromkeys((*SALES, "first_purchases_28d", "buyers_total", "mean_price"), pa.float32()),
                "last_sold_at": SECONDS,
                "for_sale": pa.float32(),
                "channels": pa.list_(pa.string()),
                "minimum_age": pa.float32(),
            },
        ),
    ],
)
def test_the_services_of_candidate_requests_are_read_in_these_columns_and_types(toy_store, service, key, columns):
    from features.store.registry import service_columns

    described = service_columns(toy_store, service)

    assert described.entity_key == key
    assert [(column.name, column.arrow_type) for column in described.columns] == list(columns.items())
    assert {column.view for column in described.columns} <= {"user_at_request", "request_month", *TABLES}


def test_both_towers_of_every_preset_can_be_built_from_their_services(toy_store):
    from features.store.registry import tower_schemas
    from models.config import PRESETS

    for config in PRESETS.values():
        schemas = tower_schemas(toy_store, config.query_service, config.item_service)
        assert schemas.query.entity_key == USER_ID
        assert schemas.item.embeds_key
        for schema in (schemas.query, schemas.item):
            names = [column.name for column in schema.inputs]
            assert len(set(names)) == len(names) > 0


def test_an_encoding_is_read_from_the_field_or_from_the_on_demand_view(toy_store):
    from features.store.registry import service_schema

    encodings = {
        column.name: column.encoding
        for service, key in (
            ("query_tower_v1", USER_ID),
            ("query_tower_v3", USER_ID),
            ("item_tower_v3", ITEM_ID),
            ("candidate_sources_v2", USER_ID),
        )
        for column in service_schema(toy_store, service, key).columns
    }

    assert encodings["purchases_7d"] == "log"
    assert encodings["age_at_request"] == "number"
    assert encodings["garment_group_name"] == "one_hot"
    assert encodings["product_type_name"] == "embedding"
    assert encodings["days_since_first_sold"] == encodings["days_since_last_sold"] == "log"
    assert encodings["recent_items"] == encodings["bought_items"] == "items"
    assert encodings["product_types"] == encodings["garment_groups"] == encodings["departments"] == "categories"


@pytest.mark.parametrize("service", ["query_tower_v3", "candidate_sources_v2", "ranking_users_v3"])
def test_every_list_names_its_item_feature_or_the_list_it_is_aligned_with(toy_store, service):
    from features.store.registry import service_schema

    aligned = {
        "recent_counts": "recent_items",
        "recent_days": "recent_items",
        "product_type_counts": "product_types",
        "garment_group_counts": "garment_groups",
        "department_counts": "departments",
        "bought_counts": "bought_items",
        "bought_days": "bought_items",
        "bought_gaps": "bought_items",
        "lately_counts_28d": "lately_items",
        "lately_counts_91d": "lately_items",
    }

    columns = service_schema(toy_store, service, USER_ID).columns
    categories = {column.name: column.refers_to for column in columns if column.encoding in {"items", "categories"}}
    assert (
        categories.items()
        <= {
            "recent_items": "item_id",
            "bought_items": "item_id",
            "lately_items": "item_id",
            "product_types": "product_type_name",
            "garment_groups": "garment_group_name",
            "departments": "department_name",
        }.items()
    )
    numbers = [column for column in columns if column.is_list and column.encoding == "aligned"]
    assert len(numbers) == {"query_tower_v3": 5, "candidate_sources_v2": 3, "ranking_users_v3": 5}[service]
    assert {column.name: column.refers_to for column in numbers} == {
        column.name: aligned[column.name] for column in numbers
    }


def test_an_unknown_service_is_refused_with_the_known_ones(toy_store):
    from features.errors import InputError
    from features.store.registry import service_schema

    with pytest.raises(
        InputError, match=r"no feature service 'query_tower_v0' \(it has candidate_items_v1, candidate_request_v2, "
    ):
        service_schema(toy_store, "query_tower_v0", USER_ID)


def test_a_service_that_embeds_the_key_of_another_entity_is_refused(toy_store):
    from features.errors import InputError
    from features.store.registry import service_schema

    with pytest.raises(InputError, match="'item_tower_v1' embeds the key 'item_id', but describes 'user_id'"):
        service_schema(toy_store, "item_tower_v1", USER_ID)

"""The schema of a tower: supported columns, aligned lists, and its JSON in a release."""

import json
import re
from dataclasses import replace

import pyarrow as pa
import pytest

from features.errors import InputError
from features.store.service_schema import FeatureColumn, ServiceSchema, TowerSchemas

SCHEMA = ServiceSchema(
    service="query_tower_v9",
    entity_key="user_id",
    embeds_key=True,
    columns=(
        FeatureColumn("age", "Float32", "number"),
        FeatureColumn("status", "String", "one_hot"),
        FeatureColumn("recent_items", "Array(String)", "items"),
    ),
)


@pytest.mark.parametrize(
    ("dtype", "tag", "encoding", "arrow_type"),
    [
        ("String", None, "embedding", pa.string()),
        ("String", "embedding", "embedding", pa.string()),
        ("String", "one_hot", "one_hot", pa.string()),
        ("Array(String)", None, "categories", pa.list_(pa.string())),
        ("Array(String)", "categories", "categories", pa.list_(pa.string())),
        ("Array(String)", "items", "items", pa.list_(pa.string())),
        ("Array(Int64)", None, "aligned", pa.list_(pa.float32())),
        ("Array(Float32)", "aligned", "aligned", pa.list_(pa.float32())),
        ("Float32", None, "number", pa.float32()),
        ("Float64", "log", "log", pa.float32()),
        ("Int32", None, "number", pa.float32()),
        ("Int64", "log", "log", pa.float32()),
        ("Bool", None, "number", pa.float32()),
    ],
)
def test_a_dtype_has_a_default_encoding_and_a_tag_chooses_another(dtype, tag, encoding, arrow_type):
    column = FeatureColumn.from_field("x", dtype, tag, "v", "s")

    assert column == FeatureColumn("x", dtype, encoding, "v", "item_id" if encoding == "items" else "")
    assert column.arrow_type == arrow_type
    assert column.is_list == pa.types.is_list(arrow_type)


def test_a_dtype_that_towers_do_not_support_is_refused_with_those_they_do():
    with pytest.raises(InputError, match=r"'s' \(view 'v'\).*'birth_date' of dtype UnixTimestamp.*: use one of Arr"):
        FeatureColumn.from_field("birth_date", "UnixTimestamp", None, "v", "s")


@pytest.mark.parametrize(
    ("dtype", "tag", "allowed"),
    [
        ("String", "log", "embedding or one_hot"),
        ("Float32", "one_hot", "number or log"),
        ("Array(String)", "embedding", "categories or items"),
        ("Array(Int64)", "log", "aligned"),
        ("String", "onehot", "embedding or one_hot"),
    ],
)
def test_a_tag_that_does_not_fit_the_dtype_is_refused_with_those_that_do(dtype, tag, allowed):
    message = re.escape(f"'s' (view 'v') tags 'x' ({dtype}) with encoding '{tag}': {dtype} allows {allowed}.")
    with pytest.raises(InputError, match=message):
        FeatureColumn.from_field("x", dtype, tag, "v", "s")


def with_columns(*columns):
    return replace(SCHEMA, columns=columns)


def test_a_list_of_numbers_may_come_before_or_after_the_list_it_is_aligned_with():
    counts = FeatureColumn.from_field("recent_counts", "Array(Int64)", None, "v", "s", "recent_items")

    assert (counts.encoding, counts.refers_to) == ("aligned", "recent_items")
    assert with_columns(*SCHEMA.columns, counts).columns[-1] == counts
    assert with_columns(counts, *SCHEMA.columns).columns[0] == counts


@pytest.mark.parametrize("refers_to", ["", "bought_items", "status", "recent_counts"])
def test_numbers_aligned_with_no_list_of_their_service_are_refused_with_its_lists(refers_to):
    counts = FeatureColumn("recent_counts", "Array(Int64)", "aligned", "v", refers_to)

    message = f"'query_tower_v9' aligns 'recent_counts' with '{refers_to}'.*`refers_to` and one of recent_items"
    with pytest.raises(InputError, match=message):
        with_columns(*SCHEMA.columns, counts)


LISTS = (
    FeatureColumn("recent_items", "Array(String)", "items", "v", "item_id"),
    FeatureColumn("recent_counts", "Array(Int64)", "aligned", "v", "recent_items"),
    FeatureColumn("recent_days", "Array(Int64)", "aligned", "v", "recent_items"),
    FeatureColumn("departments", "Array(String)", "categories", "v", "department_name"),
    FeatureColumn("department_counts", "Array(Int64)", "aligned", "v", "departments"),
)


def test_string_lists_have_aligned_numbers_and_a_maximum_length():
    schema = with_columns(SCHEMA.columns[0], *LISTS)

    assert [column.name for column in schema.string_lists] == ["recent_items", "departments"]
    assert [column.name for column in schema.scalar_inputs] == ["user_id", "age"]
    assert [column.name for column in schema.aligned_with("recent_items")] == ["recent_counts", "recent_days"]
    assert [column.name for column in schema.aligned_with("departments")] == ["department_counts"]
    assert [schema.max_length(column) for column in LISTS] == [128, 128, 128, 50, 50]


@pytest.mark.parametrize("columns", [(), (FeatureColumn("index_name", "String", "embedding"),)])
def test_a_list_of_categories_that_the_item_tower_lacks_is_refused_by_name(columns):
    item = ServiceSchema("item_tower_v9", "item_id", embeds_key=True, columns=columns)

    assert TowerSchemas(with_columns(*LISTS[:3]), item).item == item
    strings = ", ".join(sorted(["item_id", *(column.name for column in columns)]))
    message = f"'query_tower_v9'.*'departments'.*'department_name'.*'item_tower_v9'.*one of {strings}"
    with pytest.raises(InputError, match=message):
        TowerSchemas(with_columns(*LISTS), item)


def test_the_embedded_key_is_the_first_input():
    assert [column.name for column in SCHEMA.inputs] == ["user_id", "age", "status", "recent_items"]
    assert SCHEMA.inputs[0] == FeatureColumn("user_id", "String", "embedding")
    assert [column.name for column in replace(SCHEMA, embeds_key=False).inputs] == ["age", "status", "recent_items"]


def test_a_schema_survives_json():
    counts = FeatureColumn("recent_counts", "Array(Int64)", "aligned", "v", "recent_items")
    for schema in (SCHEMA, with_columns(*SCHEMA.columns, counts)):
        assert ServiceSchema.from_json(json.loads(json.dumps(schema.to_json()))) == schema


def test_empty_attributes_are_left_out_of_the_json():
    assert SCHEMA.to_json()["columns"][0] == {"name": "age", "dtype": "Float32", "encoding": "number", "view": ""}
    assert SCHEMA.fingerprint == "386f940e8532b939"


def test_equal_schemas_have_equal_fingerprints_of_16_hex_digits():
    again = ServiceSchema.from_json(SCHEMA.to_json())

    assert again.fingerprint == SCHEMA.fingerprint
    assert len(SCHEMA.fingerprint) == 16
    assert int(SCHEMA.fingerprint, 16) >= 0


@pytest.mark.parametrize(
    "change",
    [
        {"columns": SCHEMA.columns[::-1]},
        {"columns": SCHEMA.columns[:2]},
        {"columns": (FeatureColumn("years", "Float32", "number"), *SCHEMA.columns[1:])},
        {"columns": (FeatureColumn("age", "Float64", "number"), *SCHEMA.columns[1:])},
        {"columns": (FeatureColumn("age", "Float32", "log"), *SCHEMA.columns[1:])},
        {"embeds_key": False},
        {"entity_key": "item_id"},
        {"service": "query_tower_v10"},
    ],
    ids=["order", "fewer", "name", "dtype", "encoding", "embedded key", "entity", "service"],
)
def test_every_change_changes_the_fingerprint(change):
    assert replace(SCHEMA, **change).fingerprint != SCHEMA.fingerprint

"""A feature service as plain data: what a tower may be handed, and how a release remembers it."""

import json
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
        ("Array(String)", None, "words", pa.list_(pa.string())),
        ("Array(String)", "words", "words", pa.list_(pa.string())),
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
    column = FeatureColumn.declared("x", dtype, tag, "v", "s")

    assert column == FeatureColumn("x", dtype, encoding, "v", "item_id" if encoding == "items" else "")
    assert column.arrow_type == arrow_type
    assert column.is_list == pa.types.is_list(arrow_type)


def test_a_dtype_that_no_tower_can_take_is_refused_by_name():
    with pytest.raises(InputError) as caught:
        FeatureColumn.declared("birth_date", "UnixTimestamp", None, "v", "s")

    assert str(caught.value) == (
        "Feature service 's' (view 'v') holds 'birth_date' of dtype UnixTimestamp, which no tower can take: use one "
        "of Array(Float32), Array(Int64), Array(String), Bool, Float32, Float64, Int32, Int64, String, or leave it out "
        "of the service."
    )


@pytest.mark.parametrize(
    ("dtype", "tag", "allowed"),
    [
        ("String", "log", "embedding or one_hot"),
        ("Float32", "one_hot", "number or log"),
        ("Array(String)", "embedding", "words or items"),
        ("Array(Int64)", "log", "aligned"),
        ("String", "onehot", "embedding or one_hot"),
    ],
)
def test_a_tag_that_does_not_fit_the_dtype_is_refused_with_those_that_do(dtype, tag, allowed):
    with pytest.raises(InputError) as caught:
        FeatureColumn.declared("x", dtype, tag, "v", "s")

    assert str(caught.value) == (
        f"Feature service 's' (view 'v') tags 'x' ({dtype}) with encoding '{tag}': {dtype} allows {allowed}."
    )


def with_columns(*columns):
    return replace(SCHEMA, columns=columns)


def test_numbers_are_aligned_with_a_list_before_or_after_them():
    counts = FeatureColumn.declared("recent_counts", "Array(Int64)", None, "v", "s", "recent_items")

    assert (counts.encoding, counts.of) == ("aligned", "recent_items")
    assert with_columns(*SCHEMA.columns, counts).columns[-1] == counts
    assert with_columns(counts, *SCHEMA.columns).columns[0] == counts


@pytest.mark.parametrize("of", ["", "bought_items", "status", "recent_counts"])
def test_numbers_aligned_with_no_list_of_their_own_service_are_refused_by_name(of):
    counts = FeatureColumn("recent_counts", "Array(Int64)", "aligned", "v", of)

    with pytest.raises(InputError) as caught:
        with_columns(*SCHEMA.columns, counts)

    assert str(caught.value) == (
        f"Feature service 'query_tower_v9' aligns 'recent_counts' with '{of}', which is no list of words or items in "
        "it: tag the field with `of` and one of recent_items, or leave it out of the service."
    )


LISTS = (
    FeatureColumn("recent_items", "Array(String)", "items", "v", "item_id"),
    FeatureColumn("recent_counts", "Array(Int64)", "aligned", "v", "recent_items"),
    FeatureColumn("recent_days", "Array(Int64)", "aligned", "v", "recent_items"),
    FeatureColumn("departments", "Array(String)", "words", "v", "department_name"),
    FeatureColumn("department_counts", "Array(Int64)", "aligned", "v", "departments"),
)


def test_lists_are_told_from_single_inputs_and_know_the_numbers_beside_them():
    schema = with_columns(SCHEMA.columns[0], *LISTS)

    assert [column.name for column in schema.lists] == ["recent_items", "departments"]
    assert [column.name for column in schema.single_inputs] == ["user_id", "age"]
    assert [column.name for column in schema.beside("recent_items")] == ["recent_counts", "recent_days"]
    assert [column.name for column in schema.beside("departments")] == ["department_counts"]
    assert [schema.length(column) for column in LISTS] == [128, 128, 128, 50, 50]


@pytest.mark.parametrize("columns", [(), (FeatureColumn("index_name", "String", "embedding"),)])
def test_a_list_of_words_that_the_item_tower_does_not_know_is_refused_by_name(columns):
    item = ServiceSchema("item_tower_v9", "item_id", embeds_key=True, columns=columns)

    assert TowerSchemas(with_columns(*LISTS[:3]), item).item == item
    with pytest.raises(InputError) as caught:
        TowerSchemas(with_columns(*LISTS), item)

    known = ", ".join(sorted(["item_id", *(column.name for column in columns)]))
    assert str(caught.value) == (
        "Feature service 'query_tower_v9' holds the list 'departments', whose words are those of 'department_name', "
        f"which is no word of 'item_tower_v9': tag the field with `of` and one of {known}."
    )


def test_the_embedded_key_is_the_first_input():
    assert [column.name for column in SCHEMA.inputs] == ["user_id", "age", "status", "recent_items"]
    assert SCHEMA.inputs[0] == FeatureColumn("user_id", "String", "embedding")
    assert [column.name for column in replace(SCHEMA, embeds_key=False).inputs] == ["age", "status", "recent_items"]


def test_a_schema_survives_json():
    counts = FeatureColumn("recent_counts", "Array(Int64)", "aligned", "v", "recent_items")
    for schema in (SCHEMA, with_columns(*SCHEMA.columns, counts)):
        assert ServiceSchema.from_json(json.loads(json.dumps(schema.to_json()))) == schema


def test_a_service_none_of_whose_columns_goes_with_another_is_written_as_before_they_could():
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
def test_a_change_of_any_kind_changes_the_fingerprint(change):
    assert replace(SCHEMA, **change).fingerprint != SCHEMA.fingerprint

"""A feature service as plain data: what a tower may be handed, and how a release remembers it."""

import json
from dataclasses import replace

import pyarrow as pa
import pytest

from features.errors import InputError
from features.service_schema import FeatureColumn, ServiceSchema

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
        ("Array(String)", None, "items", pa.list_(pa.string())),
        ("Array(String)", "items", "items", pa.list_(pa.string())),
        ("Float32", None, "number", pa.float32()),
        ("Float64", "log", "log", pa.float32()),
        ("Int32", None, "number", pa.float32()),
        ("Int64", "log", "log", pa.float32()),
        ("Bool", None, "number", pa.float32()),
    ],
)
def test_a_dtype_has_a_default_encoding_and_a_tag_chooses_another(dtype, tag, encoding, arrow_type):
    column = FeatureColumn.declared("x", dtype, tag, "v", "s")

    assert column == FeatureColumn("x", dtype, encoding, "v")
    assert column.arrow_type == arrow_type


def test_a_dtype_that_no_tower_can_take_is_refused_by_name():
    with pytest.raises(InputError) as caught:
        FeatureColumn.declared("birth_date", "UnixTimestamp", None, "v", "s")

    assert str(caught.value) == (
        "Feature service 's' (view 'v') holds 'birth_date' of dtype UnixTimestamp, which no tower can take: use one "
        "of Array(String), Bool, Float32, Float64, Int32, Int64, String, or leave it out of the service."
    )


@pytest.mark.parametrize(
    ("dtype", "tag", "allowed"),
    [
        ("String", "log", "embedding or one_hot"),
        ("Float32", "one_hot", "number or log"),
        ("Array(String)", "embedding", "items"),
        ("String", "onehot", "embedding or one_hot"),
    ],
)
def test_a_tag_that_does_not_fit_the_dtype_is_refused_with_those_that_do(dtype, tag, allowed):
    with pytest.raises(InputError) as caught:
        FeatureColumn.declared("x", dtype, tag, "v", "s")

    assert str(caught.value) == (
        f"Feature service 's' (view 'v') tags 'x' ({dtype}) with encoding '{tag}': {dtype} allows {allowed}."
    )


def test_the_embedded_key_is_the_first_input():
    assert [column.name for column in SCHEMA.inputs] == ["user_id", "age", "status", "recent_items"]
    assert SCHEMA.inputs[0] == FeatureColumn("user_id", "String", "embedding")
    assert [column.name for column in replace(SCHEMA, embeds_key=False).inputs] == ["age", "status", "recent_items"]


def test_a_schema_survives_json():
    assert ServiceSchema.from_json(json.loads(json.dumps(SCHEMA.to_json()))) == SCHEMA


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

"""Fitting vocabularies and scales on the training set, and encoding rows."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from features.store.service_schema import FeatureColumn, ServiceSchema
from models.encoding import Encoding, Scale
from models.vocabulary import Vocabulary

SCHEMA = ServiceSchema(
    "s",
    "user_id",
    embeds_key=False,
    columns=(
        FeatureColumn("age", "Float32", "number"),
        FeatureColumn("spend", "Float32", "log"),
        FeatureColumn("status", "String", "one_hot"),
        FeatureColumn("recent_items", "Array(String)", "items", refers_to="item_id"),
        FeatureColumn("recent_days", "Array(Int64)", "aligned", refers_to="recent_items"),
        FeatureColumn("colours", "Array(String)", "categories", refers_to="colour"),
    ),
)
ITEM_TOKENS = Vocabulary(("a", "b"))
COLOUR_TOKENS = Vocabulary(("blue", "red"))


def rows_of(ages, spends, statuses, lists, days=None, colours=None):
    return pa.table(
        {
            "age": pa.array(ages, pa.float32()),
            "spend": pa.array(spends, pa.float32()),
            "status": pa.array(statuses, pa.string()),
            "recent_items": pa.array(lists, pa.list_(pa.string())),
            "recent_days": pa.array(days or [None] * len(ages), pa.list_(pa.float32())),
            "colours": pa.array(colours or [None] * len(ages), pa.list_(pa.string())),
        }
    )


@pytest.fixture
def fit(tiny):
    """Fits an encoding on the rows of a table, with given vocabularies of items and colours."""
    shared = {"item_id": ITEM_TOKENS, "colour": COLOUR_TOKENS}
    return lambda schema, table: Encoding.fit(schema, tiny.write_rows(table), shared)


TRAINED = rows_of([20, None, 40], [0, 1, None], ["x", None, "y"], [["a"], None, ["b", "a"]])


def test_a_scale_is_the_mean_and_deviation_of_the_values_that_are_not_missing():
    assert Scale.of([np.array([20, np.nan, 40], np.float32)], log=False) == Scale(30.0, 10.0)


def test_chunks_of_a_column_give_the_scale_of_the_whole():
    chunks = [np.array(chunk, np.float32) for chunk in ([1e6, 1e6 + 2], [], [np.nan], [1e6 + 4], [1e6 + 1, 1e6 + 3])]

    scale = Scale.of(chunks, log=False)

    assert scale.mean == pytest.approx(1e6 + 2, rel=1e-12)
    assert scale.deviation == pytest.approx(2**0.5, rel=1e-9)


def test_a_log_scale_is_fitted_on_the_log_of_one_plus_the_number():
    scale = Scale.of([np.array([0, np.e - 1, np.nan, np.e**2 - 1], np.float32)], log=True)

    assert scale.mean == pytest.approx(1.0)
    assert scale.deviation == pytest.approx((2 / 3) ** 0.5)


@pytest.mark.parametrize(("values", "mean"), [([7, 7, np.nan], 7.0), ([np.nan, np.nan], 0.0), ([], 0.0)])
def test_a_constant_or_missing_number_has_deviation_1(values, mean):
    assert Scale.of([np.array(values, np.float32)], log=False) == Scale(mean, 1.0)


def test_the_log_of_a_negative_number_counts_as_that_of_0():
    assert Scale.of([np.array([-5, -5], np.float32)], log=True) == Scale(0.0, 1.0)


def test_categories_get_vocabularies_numbers_get_scales_and_lists_share_the_vocabulary_of_their_item_input(fit):
    encoding = fit(SCHEMA, TRAINED)

    assert encoding.vocabularies == {
        "status": Vocabulary(("x", "y")),
        "recent_items": ITEM_TOKENS,
        "colours": COLOUR_TOKENS,
    }
    assert encoding.scales == {"age": Scale(30.0, 10.0), "spend": encoding.scales["spend"]}
    assert encoding.scales["spend"].mean == pytest.approx(np.log(2) / 2)


def test_an_embedded_item_id_has_the_vocabulary_of_all_items_and_not_that_of_the_rows(fit):
    schema = ServiceSchema("s", "item_id", embeds_key=True, columns=())

    encoding = fit(schema, pa.table({"item_id": ["a", "never bought"]}))

    assert encoding.vocabularies == {"item_id": ITEM_TOKENS}


def test_rows_are_encoded_with_nan_for_a_missing_number(fit):
    encoding = fit(SCHEMA, TRAINED)

    codes = encoding.encode(
        rows_of(
            [None, 20, float("nan")],
            [3, None, 0],
            ["z", "", "y"],
            [None, ["b", "q"], ["a"]],
            [None, [1, 30], [0]],
            [["red", "mauve"], [], ["blue"]],
        )
    )

    assert list(codes) == ["age", "spend", "status", "recent_items", "recent_days", "colours"]
    np.testing.assert_array_equal(codes["age"], np.array([np.nan, 20, np.nan], np.float32))
    np.testing.assert_array_equal(codes["spend"], np.array([3, np.nan, 0], np.float32))
    assert codes["status"].tolist() == [1, 0, 3]
    assert codes["recent_items"].shape == codes["recent_days"].shape == (3, 128)
    assert codes["recent_items"][:, :3].tolist() == [[0, 0, 0], [3, 1, 0], [2, 0, 0]]
    assert codes["recent_days"][:, :3].tolist() == [[0, 0, 0], [1, 30, 0], [0, 0, 0]]
    assert codes["colours"].shape == (3, 50)
    assert codes["colours"][:, :3].tolist() == [[3, 1, 0], [0, 0, 0], [2, 0, 0]]
    assert {name: values.dtype for name, values in codes.items()} == {
        "age": np.float32,
        "spend": np.float32,
        "status": np.int32,
        "recent_items": np.int32,
        "recent_days": np.float32,
        "colours": np.int32,
    }


def test_a_list_of_items_keeps_its_first_128_elements_and_their_aligned_numbers(fit):
    encoding = fit(SCHEMA, TRAINED)

    codes = encoding.encode(rows_of([1], [1], ["x"], [["b", *["a"] * 150]], [list(range(151))]))

    assert codes["recent_items"].tolist() == [[3, *[2] * 127]]
    assert codes["recent_days"].tolist() == [list(range(128))]


def test_a_list_of_categories_keeps_its_first_50_elements(fit):
    encoding = fit(SCHEMA, TRAINED)

    codes = encoding.encode(rows_of([1], [1], ["x"], [[]], colours=[["red", *["blue"] * 60]]))

    assert codes["colours"].tolist() == [[3, *[2] * 49]]


def test_both_towers_share_the_vocabularies_of_the_candidates(tiny):
    encodings = tiny.encodings()

    assert encodings.items == Vocabulary(("a", "b", "c"))
    assert encodings.query.vocabularies == {
        "user_id": Vocabulary(("u1", "u2", "u3")),
        "status": Vocabulary(("ACTIVE", "LEFT")),
        "recent_items": Vocabulary(("a", "b", "c")),
        "colours": Vocabulary(("blue", "red")),
    }
    assert encodings.item.vocabularies == {
        "item_id": Vocabulary(("a", "b", "c")),
        "colour": Vocabulary(("blue", "red")),
        "group": Vocabulary(("Hats", "Shoes")),
    }
    assert (sorted(encodings.query.scales), sorted(encodings.item.scales)) == (["age", "spend"], ["sales"])


def test_a_value_that_is_only_in_lists_is_unknown_because_no_item_has_it(tiny):
    users = tiny.table(tiny.query_schema, [{"user_id": "u1", "recent_items": ["z"], "colours": ["mauve"]}])

    encodings = replace(tiny, users=users).encodings()

    assert encodings.query.vocabularies["recent_items"].tokens == ("a", "b", "c")
    assert encodings.query.vocabularies["colours"].tokens == ("blue", "red")
    codes = encodings.query.encode(users)
    assert (codes["recent_items"][0, 0], codes["colours"][0, 0]) == (1, 1)


def test_a_merged_encoding_has_the_tokens_of_both_and_the_earlier_scales(tiny):
    earlier = tiny.encodings()
    users = tiny.table(tiny.query_schema, [{"user_id": "u0", "age": 90.0, "status": "BANNED"}])
    items = tiny.table(tiny.item_schema, [{"item_id": "aa", "colour": "green", "group": "Hats", "sales": 7.0}])

    merged = replace(tiny, users=users, items=items).encodings().merge_with(earlier.query, earlier.item)

    assert merged.items == merged.item.vocabularies["item_id"] == Vocabulary(("a", "aa", "b", "c"))
    assert merged.query.vocabularies == {
        "user_id": Vocabulary(("u0", "u1", "u2", "u3")),
        "status": Vocabulary(("ACTIVE", "BANNED", "LEFT")),
        "recent_items": Vocabulary(("a", "aa", "b", "c")),
        "colours": Vocabulary(("blue", "green", "red")),
    }
    assert (merged.query.scales, merged.item.scales) == (earlier.query.scales, earlier.item.scales)

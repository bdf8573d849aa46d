import numpy as np
import pyarrow as pa
import pytest

from features.service_schema import FeatureColumn, ServiceSchema
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
        FeatureColumn("recent_items", "Array(String)", "items"),
    ),
)
ITEM_WORDS = Vocabulary(("a", "b"))


def rows_of(ages, spends, statuses, lists):
    return pa.table(
        {
            "age": pa.array(ages, pa.float32()),
            "spend": pa.array(spends, pa.float32()),
            "status": pa.array(statuses, pa.string()),
            "recent_items": pa.array(lists, pa.list_(pa.string())),
        }
    )


@pytest.fixture
def fitted(tiny):
    """An encoding fitted on the rows of a table."""
    return lambda schema, table: Encoding.fitted(schema, tiny.written(table), ITEM_WORDS)


TRAINED = rows_of([20, None, 40], [0, 1, None], ["x", None, "y"], [["a"], None, ["b", "a"]])


def test_a_scale_is_mean_and_deviation_of_what_is_not_missing():
    assert Scale.of([np.array([20, np.nan, 40], np.float32)], log=False) == Scale(30.0, 10.0)


def test_pieces_of_a_column_give_the_scale_of_the_whole():
    pieces = [np.array(piece, np.float32) for piece in ([1e6, 1e6 + 2], [], [np.nan], [1e6 + 4], [1e6 + 1, 1e6 + 3])]

    scale = Scale.of(pieces, log=False)

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


def test_words_get_vocabularies_numbers_get_scales_and_lists_share_the_items_words(fitted):
    encoding = fitted(SCHEMA, TRAINED)

    assert encoding.vocabularies == {"status": Vocabulary(("x", "y")), "recent_items": ITEM_WORDS}
    assert encoding.scales == {"age": Scale(30.0, 10.0), "spend": encoding.scales["spend"]}
    assert encoding.scales["spend"].mean == pytest.approx(np.log(2) / 2)


def test_an_embedded_item_id_has_the_items_own_words_and_not_those_of_the_rows(fitted):
    schema = ServiceSchema("s", "item_id", embeds_key=True, columns=())

    encoding = fitted(schema, pa.table({"item_id": ["a", "never bought"]}))

    assert encoding.vocabularies == {"item_id": ITEM_WORDS}


def test_rows_become_codes_with_nan_for_a_missing_number(fitted):
    encoding = fitted(SCHEMA, TRAINED)

    codes = encoding.codes(rows_of([None, 20, float("nan")], [3, None, 0], ["z", "", "y"], [None, ["b", "q"], ["a"]]))

    assert list(codes) == ["age", "spend", "status", "recent_items"]
    np.testing.assert_array_equal(codes["age"], np.array([np.nan, 20, np.nan], np.float32))
    np.testing.assert_array_equal(codes["spend"], np.array([3, np.nan, 0], np.float32))
    assert codes["status"].tolist() == [1, 0, 3]
    assert codes["recent_items"].shape == (3, 50)
    assert codes["recent_items"][:, :3].tolist() == [[0, 0, 0], [3, 1, 0], [2, 0, 0]]
    assert {name: values.dtype for name, values in codes.items()} == {
        "age": np.float32,
        "spend": np.float32,
        "status": np.int32,
        "recent_items": np.int32,
    }


def test_a_list_longer_than_50_keeps_its_newest_items(fitted):
    encoding = fitted(SCHEMA, TRAINED)

    codes = encoding.codes(rows_of([1], [1], ["x"], [["b", *["a"] * 60]]))

    assert codes["recent_items"].tolist() == [[3, *[2] * 49]]

"""The layers of the towers, one by one."""

from math import log

import numpy as np
import pytest

from features.store.service_schema import FeatureColumn
from models.encoding import Scale


def test_a_one_hot_input_selects_a_row_of_the_kernel(tiny):
    from models.layers import DenseStack, Number, OneHot

    statuses = tiny.encodings().query.vocabularies["status"]
    number, status = Number(Scale(0, 1), log=False), OneHot(statuses.size)
    layer = DenseStack((), 2, [number, status, number])
    inputs = [
        np.array([[1, 2], [3, 4]], np.float32),
        status(np.array([3, 0], np.int32)),
        np.array([[5], [6]], np.float32),
    ]

    layer(inputs)
    kernel = np.arange(14, dtype=np.float32).reshape(7, 2)
    layer.set_weights([kernel, np.array([100, 200], np.float32)])

    assert statuses.tokens == ("ACTIVE", "LEFT")
    # The inputs as columns: the numbers 1, 2; the one-hot row 0, 0, 0, 1 or 1, 0, 0, 0; the number 5.
    columns = np.array([[1, 2, 0, 0, 0, 1, 5], [3, 4, 1, 0, 0, 0, 6]], np.float32)
    np.testing.assert_allclose(layer(inputs).numpy(), columns @ kernel + [100, 200])


def test_a_layer_of_one_hot_inputs_alone_adds_rows_of_the_kernel():
    from models.layers import DenseStack, OneHot

    layer = DenseStack((), 1, [OneHot(2), OneHot(3)])
    inputs = [np.array([1], np.int32), np.array([2], np.int32)]
    layer(inputs)
    layer.set_weights([np.array([[1], [2], [4], [8], [16]], np.float32), np.array([100], np.float32)])

    assert layer(inputs).numpy().tolist() == [[118]]


def test_a_number_is_standardized_and_has_a_flag_for_missing_values():
    from models.layers import Number

    numbers = Number(Scale(30, 10), log=False)(np.array([20, 30, np.nan, 0], np.float32)).numpy()

    assert numbers.tolist() == [[-1, 0], [0, 0], [0, 1], [-3, 0]]  # a missing age is not an age of 0


def test_a_log_number_is_standardized_after_the_log_and_negative_values_count_as_0():
    from models.layers import Number

    numbers = Number(Scale(1, 2), log=True)(np.array([np.e - 1, 0, -5, np.nan], np.float32)).numpy()

    np.testing.assert_allclose(numbers, [[0, 0], [-0.5, 0], [-0.5, 0], [0, 1]], atol=1e-6)


def test_ids_are_dropped_in_training_only():
    from models.layers import IdDropout

    codes = np.full(1_000, 7, np.int32)
    layer = IdDropout(0.25)

    dropped = layer(codes, training=True).numpy()
    assert set(dropped.tolist()) == {1, 7}
    assert (dropped == 1).mean() == pytest.approx(0.25, abs=0.06)
    assert (layer(codes, training=False).numpy() == 7).all()
    assert (layer(codes).numpy() == 7).all()
    assert (IdDropout(0.0)(codes, training=True).numpy() == 7).all()


def test_the_known_mask_is_0_for_missing_and_unknown_codes():
    from models.layers import known_mask

    assert known_mask(np.array([[0, 1, 2], [3, 2, 0]], np.int32)).numpy().tolist() == [[0, 0, 1], [1, 1, 0]]


@pytest.fixture
def position_weights():
    """A layer whose weight of a position is softplus(log(1 + its first number)) = log(2 + number)."""

    def position_weights(numbers=1):
        from models.layers import PositionWeights

        layer = PositionWeights()
        example = np.zeros((1, 1), np.float32)
        layer(example.astype(np.int32), [example] * numbers)
        kernel, bias, last_kernel, last_bias = map(np.zeros_like, layer.get_weights())
        kernel[0, 0] = last_kernel[0, 0] = 1
        layer.set_weights([kernel, bias, last_kernel, last_bias])
        return layer

    return position_weights


def test_the_weight_of_a_position_is_a_function_of_its_number(position_weights):
    codes, counts = np.array([[2, 3, 3, 4]], np.int32), np.array([[1, 0, 9, 1]], np.float32)

    weights = position_weights()(codes, [counts]).numpy()

    np.testing.assert_allclose(weights, [[log(3), log(2), log(11), log(3)]], rtol=1e-6)


def test_unknown_and_missing_elements_have_weight_0_whatever_their_numbers(position_weights):
    codes, counts = np.array([[1, 2, 0, 0]], np.int32), np.array([[50, 1, 50, np.nan]], np.float32)

    np.testing.assert_allclose(position_weights()(codes, [counts]).numpy(), [[0, log(3), 0, 0]], rtol=1e-6)


def test_negative_and_missing_numbers_of_a_position_count_as_0(position_weights):
    codes, counts = np.array([[2, 2, 2]], np.int32), np.array([[0, -5, np.nan]], np.float32)

    np.testing.assert_allclose(position_weights()(codes, [counts]).numpy(), [[log(2)] * 3], rtol=1e-6)


def test_known_elements_of_a_list_without_numbers_have_equal_weights():
    from models.layers import PositionWeights

    weights = PositionWeights()(np.array([[2, 7, 1, 3, 0]], np.int32), []).numpy()[0]

    assert weights[0] > 0
    assert weights.tolist() == [weights[0], weights[0], 0, weights[0], 0]


def test_every_number_aligned_with_a_list_has_an_effect(position_weights):
    layer = position_weights(numbers=2)
    kernel, *others = layer.get_weights()
    kernel[:, 0] = [1, 2]
    layer.set_weights([kernel, *others])

    # log(1 + e^(log 2 + 2 log 3)) = log 19, and log(1 + e^(log 1 + 2 log 1)) = log 2
    weights = layer(np.array([[2, 3]], np.int32), [np.array([[1.0, 0]], np.float32), np.array([[2.0, 0]], np.float32)])
    np.testing.assert_allclose(weights.numpy(), [[log(19), log(2)]], rtol=1e-6)


def test_hidden_dense_layers_have_relu_and_the_output_layer_is_linear():
    from models.layers import DenseStack

    layer = DenseStack((2,), 1)
    layer([np.zeros((1, 1), np.float32)])
    # hidden: relu(x) and relu(-x - 1); output: -3 relu(x) + 5 relu(-x - 1) + 1
    layer.set_weights([np.array(values, np.float32) for values in ([[1, -1]], [0, -1], [[-3], [5]], [1])])

    assert layer([np.array([[2], [0], [-3]], np.float32)]).numpy().tolist() == [[-5], [1], [11]]


def test_without_hidden_widths_there_is_the_output_layer_alone():
    from models.layers import DenseStack

    layer = DenseStack((), 2)

    assert layer([np.ones((3, 5), np.float32)]).shape == (3, 2)
    assert [weight.shape for weight in layer.get_weights()] == [(5, 2), (2,)]


@pytest.mark.parametrize(
    ("name", "code", "encoded"),
    [
        ("age", 60.0, [1, 0]),  # the rows hold 20 and 60: one deviation above the mean
        ("spend", 9.0, [1, 0]),  # the rows hold 0.5 and 9: so is log(10)
        ("status", 3, 3),  # see `OneHot`
    ],
)
def test_an_input_is_encoded_as_its_column_declares(tiny, name, code, encoded):
    from models.layers import build_encoder

    column = next(column for column in tiny.query_schema.columns if column.name == name)

    rows = build_encoder(tiny.encodings().query, column, tiny.config)(np.array([code])).numpy()

    np.testing.assert_allclose(rows, [encoded], rtol=1e-6)


def test_an_embedding_has_the_configured_dimensions_and_a_vector_for_every_code(tiny):
    from models.layers import build_encoder

    column = FeatureColumn("colour", "String", "embedding")
    encoder = build_encoder(tiny.encodings().item, column, tiny.config)

    vectors = encoder(np.arange(4)).numpy()  # missing, unknown, blue, red

    assert vectors.shape == (4, 3)
    assert len(np.unique(vectors, axis=0)) == 4

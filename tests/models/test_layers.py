"""The encoders that a tower stacks side by side, one by one."""

from math import log

import numpy as np
import pytest

from features.store.service_schema import FeatureColumn
from models.encoding import Scale


def test_one_hot_keeps_every_word(tiny):
    from models.layers import OneHot

    query = tiny.encodings().query
    size = query.vocabularies["status"].size

    rows = OneHot(size)(np.array([0, 1, 2, 3], np.int32)).numpy()

    assert query.vocabularies["status"].tokens == ("ACTIVE", "LEFT")
    assert rows.tolist() == [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]


def test_a_number_is_standardised_and_says_whether_it_is_missing():
    from models.layers import Number

    numbers = Number(Scale(30, 10), log=False)(np.array([20, 30, np.nan, 0], np.float32)).numpy()

    assert numbers.tolist() == [[-1, 0], [0, 0], [0, 1], [-3, 0]]  # a missing age is not an age of 0


def test_a_log_number_is_standardised_after_the_log_and_negative_ones_count_as_0():
    from models.layers import Number

    numbers = Number(Scale(1, 2), log=True)(np.array([np.e - 1, 0, -5, np.nan], np.float32)).numpy()

    np.testing.assert_allclose(numbers, [[0, 0], [-0.5, 0], [-0.5, 0], [0, 1]], atol=1e-6)


def test_ids_are_hidden_in_training_only():
    from models.layers import IdDropout

    codes = np.full(1_000, 7, np.int32)
    layer = IdDropout(0.25)

    hidden = layer(codes, training=True).numpy()
    assert set(hidden.tolist()) == {1, 7}
    assert (hidden == 1).mean() == pytest.approx(0.25, abs=0.06)
    assert (layer(codes, training=False).numpy() == 7).all()
    assert (layer(codes).numpy() == 7).all()
    assert (IdDropout(0.0)(codes, training=True).numpy() == 7).all()


def test_a_word_is_known_unless_it_is_missing_or_unheard_of():
    from models.layers import known_mask

    assert known_mask(np.array([[0, 1, 2], [3, 2, 0]], np.int32)).numpy().tolist() == [[0, 0, 1], [1, 1, 0]]


def test_vectors_are_pooled_by_their_weighted_sum():
    from models.layers import weighted_sum

    vectors = np.array([[[1, 0], [0, 1], [5, 5]], [[1, 2], [3, 4], [5, 6]]], np.float32)
    weights = np.array([[2, 3, 0], [1, 0, 0.5]], np.float32)

    assert weighted_sum(weights, vectors).numpy().tolist() == [[2, 3], [3.5, 5]]


@pytest.fixture
def weights():
    """A layer whose weight of a place is softplus(log(1 + its first number)) = log(2 + number)."""

    def weights(numbers=1):
        from models.layers import PositionWeights

        layer = PositionWeights()
        places = np.zeros((1, 1), np.float32)
        layer(places.astype(np.int32), [places] * numbers)
        kernel, bias, last_kernel, last_bias = map(np.zeros_like, layer.get_weights())
        kernel[0, 0] = last_kernel[0, 0] = 1
        layer.set_weights([kernel, bias, last_kernel, last_bias])
        return layer

    return weights


def test_a_place_weighs_what_its_number_says(weights):
    codes, counts = np.array([[2, 3, 3, 4]], np.int32), np.array([[1, 0, 9, 1]], np.float32)

    np.testing.assert_allclose(weights()(codes, [counts]).numpy(), [[log(3), log(2), log(11), log(3)]], rtol=1e-6)


def test_unknown_and_missing_words_weigh_nothing_whatever_their_numbers_are(weights):
    codes, counts = np.array([[1, 2, 0, 0]], np.int32), np.array([[50, 1, 50, np.nan]], np.float32)

    np.testing.assert_allclose(weights()(codes, [counts]).numpy(), [[0, log(3), 0, 0]], rtol=1e-6)


def test_negative_and_missing_numbers_of_a_place_count_as_0(weights):
    codes, counts = np.array([[2, 2, 2]], np.int32), np.array([[0, -5, np.nan]], np.float32)

    np.testing.assert_allclose(weights()(codes, [counts]).numpy(), [[log(2)] * 3], rtol=1e-6)


def test_a_list_without_numbers_is_weighed_alike_throughout(weights):
    from models.layers import PositionWeights

    alike = PositionWeights()(np.array([[2, 7, 1, 3, 0]], np.int32), []).numpy()[0]

    assert alike[0] > 0
    assert alike.tolist() == [alike[0], alike[0], 0, alike[0], 0]


def test_every_number_that_goes_with_a_list_is_looked_at(weights):
    layer = weights(numbers=2)
    kernel, *others = layer.get_weights()
    kernel[:, 0] = [1, 2]
    layer.set_weights([kernel, *others])

    # log(1 + e^(log 2 + 2 log 3)) = log 19, and log(1 + e^(log 1 + 2 log 1)) = log 2
    found = layer(np.array([[2, 3]], np.int32), [np.array([[1.0, 0]], np.float32), np.array([[2.0, 0]], np.float32)])
    np.testing.assert_allclose(found.numpy(), [[log(19), log(2)]], rtol=1e-6)


def test_dense_layers_have_rectifiers_but_for_the_last_one():
    from models.layers import DenseStack

    layer = DenseStack((2,), 1)
    layer(np.zeros((1, 1), np.float32))
    # hidden: relu(x) and relu(-x - 1); vector: -3 relu(x) + 5 relu(-x - 1) + 1
    layer.set_weights([np.array(of, np.float32) for of in ([[1, -1]], [0, -1], [[-3], [5]], [1])])

    assert layer(np.array([[2], [0], [-3]], np.float32)).numpy().tolist() == [[-5], [1], [11]]


def test_without_hidden_layers_there_is_the_last_one():
    from models.layers import DenseStack

    layer = DenseStack((), 2)

    assert layer(np.ones((3, 5), np.float32)).shape == (3, 2)
    assert [weight.shape for weight in layer.get_weights()] == [(5, 2), (2,)]


@pytest.mark.parametrize(
    ("name", "code", "encoded"),
    [
        ("age", 60.0, [1, 0]),  # 20 and 60 were seen: one deviation above the mean
        ("spend", 9.0, [1, 0]),  # 0.5 and 9 were seen: so is the log of 10
        ("status", 3, [0, 0, 0, 1]),
    ],
)
def test_an_input_is_encoded_as_its_column_says(tiny, name, code, encoded):
    from models.layers import build_encoder

    column = next(column for column in tiny.query_schema.columns if column.name == name)

    rows = build_encoder(tiny.encodings().query, column, tiny.config)(np.array([code])).numpy()

    np.testing.assert_allclose(rows, [encoded], rtol=1e-6)


def test_an_embedded_word_has_as_many_numbers_as_are_configured_and_every_code_its_own(tiny):
    from models.layers import build_encoder

    column = FeatureColumn("colour", "String", "embedding")

    vectors = build_encoder(tiny.encodings().item, column, tiny.config)(
        np.arange(4)
    ).numpy()  # missing, unknown, blue, red

    assert vectors.shape == (4, 3)
    assert len(np.unique(vectors, axis=0)) == 4

"""What a tower makes of its inputs, layer by layer."""

from dataclasses import replace

import numpy as np
import pytest

from features.service_schema import FeatureColumn
from models.encoding import Scale


def test_one_hot_keeps_every_word(tiny):
    from models.tower import OneHot

    query = tiny.encodings().query
    size = query.vocabularies["status"].size

    rows = OneHot(size)(np.array([0, 1, 2, 3], np.int32)).numpy()

    assert query.vocabularies["status"].words == ("ACTIVE", "LEFT")
    assert rows.tolist() == [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]


def test_the_last_known_word_of_a_one_hot_feature_reaches_the_vector(tiny):
    towers = tiny.towers()
    user = {"user_id": "u1", "age": 20.0, "spend": 0.5, "recent_items": ["a"]}
    statuses = ["ACTIVE", "LEFT", "unheard of", None]

    vectors = towers.query_vectors(tiny.table(tiny.query_schema, [{**user, "status": status} for status in statuses]))

    assert len(np.unique(vectors.round(5), axis=0)) == 4


def test_a_number_is_standardised_and_says_whether_it_is_missing():
    from models.tower import Number

    numbers = Number(Scale(30, 10), log=False)(np.array([20, 30, np.nan, 0], np.float32)).numpy()

    assert numbers.tolist() == [[-1, 0], [0, 0], [0, 1], [-3, 0]]  # a missing age is not an age of 0


def test_a_log_number_is_standardised_after_the_log_and_negative_ones_count_as_0():
    from models.tower import Number

    numbers = Number(Scale(1, 2), log=True)(np.array([np.e - 1, 0, -5, np.nan], np.float32)).numpy()

    np.testing.assert_allclose(numbers, [[0, 0], [-0.5, 0], [-0.5, 0], [0, 1]], atol=1e-6)


def test_ids_are_hidden_in_training_only():
    from models.tower import HiddenId

    codes = np.full(1_000, 7, np.int32)
    layer = HiddenId(0.25)

    hidden = layer(codes, training=True).numpy()
    assert set(hidden.tolist()) == {1, 7}
    assert (hidden == 1).mean() == pytest.approx(0.25, abs=0.06)
    assert (layer(codes, training=False).numpy() == 7).all()
    assert (layer(codes).numpy() == 7).all()
    assert (HiddenId(0.0)(codes, training=True).numpy() == 7).all()


def history(dropout=0.0):
    import tf_keras as keras

    from models.tower import History

    embedding = keras.layers.Embedding(4, 2, weights=[np.array([[9, 9], [0, 0], [1, 0], [0, 1]], np.float32)])
    layer = History(embedding, dropout)
    layer(np.zeros((1, 50), np.int32))
    return layer


def padded(*codes):
    return np.array([[*row, *[0] * (50 - len(row))] for row in codes], np.int32)


def test_a_history_is_the_mean_of_its_items_at_first():
    vectors = history()(padded([2], [2, 3], [2, 3, 3, 3], [3, 1])).numpy()

    np.testing.assert_allclose(vectors, [[1, 0], [0.5, 0.5], [0.25, 0.75], [0, 0.5]], atol=1e-6)


def test_an_empty_history_is_the_zero_vector_and_padding_weighs_nothing():
    vectors = history()(padded([], [2])).numpy()

    assert vectors.tolist() == [[0, 0], [1, 0]]  # though the embedding of the padding is (9, 9)


def test_the_weights_of_the_places_are_learned():
    layer = history()
    layer.set_weights([*layer.get_weights()[:-1], layer.get_weights()[-1]])
    places = next(weight for weight in layer.trainable_weights if "places" in weight.name)
    places.assign(np.log(np.array([3.0, *[1.0] * 49], np.float32)))

    np.testing.assert_allclose(layer(padded([2, 3])).numpy(), [[0.75, 0.25]], atol=1e-6)


def test_dropout_and_hidden_ids_change_vectors_in_training_only(tiny):
    towers = tiny.towers(id_dropout=0.5, dropout=0.5)
    for tower, encoding, rows in (
        (towers.model.query_tower, towers.query, tiny.users),
        (towers.model.item_tower, towers.item, tiny.items),
    ):
        codes = encoding.codes(rows)
        assert len({tower(codes, training=False).numpy().tobytes() for _ in range(8)}) == 1
        assert len({tower(codes, training=True).numpy().tobytes() for _ in range(8)}) > 1


def test_both_towers_share_one_embedding_of_items(tiny):
    towers = tiny.towers()

    embeddings = [weight for weight in towers.model.trainable_weights if weight.shape.as_list() == [5, 3]]
    assert len(embeddings) == 2  # of the 3 items, shared; and of the 3 users
    shared = {id(weight) for weight in towers.model.query_tower.trainable_weights}
    shared &= {id(weight) for weight in towers.model.item_tower.trainable_weights}
    assert len(shared) == 1


@pytest.mark.parametrize("normalised", [False, True])
def test_vectors_have_the_configured_length_and_norm(tiny, normalised):
    vectors = tiny.towers(normalised=normalised).item_vectors(tiny.items)

    assert vectors.shape == (3, 4)
    assert vectors.dtype == np.float32
    norms = np.linalg.norm(vectors, axis=1)
    assert np.allclose(norms, 1, atol=1e-5) is normalised


def test_inputs_that_are_all_missing_or_unknown_still_give_a_vector(tiny):
    nobody = {"user_id": "nobody", "age": None, "spend": None, "status": None, "recent_items": None}
    stranger = {"user_id": "", "age": float("nan"), "spend": -1.0, "status": "?", "recent_items": ["unheard of"]}

    vectors = tiny.towers().query_vectors(tiny.table(tiny.query_schema, [nobody, stranger]))

    assert np.isfinite(vectors).all()
    assert vectors.shape == (2, 4)


@pytest.mark.parametrize(
    ("column", "values"),
    [
        (FeatureColumn("height", "Float64", "number"), [1.5, None]),
        (FeatureColumn("visits", "Int64", "log"), [3.0, None]),
        (FeatureColumn("city", "String", "embedding"), ["Lund", None]),
        (FeatureColumn("country", "String", "one_hot"), ["SE", None]),
        (FeatureColumn("liked_items", "Array(String)", "items"), [["a", "c"], None]),
    ],
    ids=lambda value: value.encoding if isinstance(value, FeatureColumn) else "",
)
def test_a_new_feature_needs_a_new_column_in_the_schema_and_nothing_else(tiny, column, values):
    import tf_keras as keras

    from models.encoding import Encoding
    from models.tower import Tower

    schema = replace(tiny.query_schema, columns=(*tiny.query_schema.columns, column))
    user = {"user_id": "u1", "age": 20.0, "spend": 0.5, "status": "ACTIVE", "recent_items": ["a"]}
    rows = tiny.table(schema, [{**user, column.name: value} for value in values])
    words = tiny.encodings().items
    encoding = Encoding.fitted(schema, tiny.written(rows), words)
    keras.utils.set_random_seed(1)

    tower = Tower(encoding, tiny.config, keras.layers.Embedding(words.size, 3), "query_tower")
    vectors = tower(encoding.codes(rows)).numpy()

    assert vectors.shape == (2, 4)
    assert not np.allclose(vectors[0], vectors[1])  # the new feature reaches the vector

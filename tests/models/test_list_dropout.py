"""A share of a list's places is shown in training, all of them in serving."""

import numpy as np
import pytest

WORDS = np.arange(4 * 1_000, dtype=np.int32).reshape(4, 1_000)
CODES = {"age": np.array([1, 2, 3, 4], np.float32), "items": WORDS, "counts": (WORDS * 2).astype(np.float32)}


@pytest.fixture
def list_dropout():
    import tensorflow as tf
    import tf_keras as keras

    from models.list_dropout import ListDropout

    keras.utils.set_random_seed(1)
    layer = ListDropout([["items", "counts"]], 0.75)

    def list_dropout(**settings):
        shown, scales = layer({name: tf.constant(values) for name, values in CODES.items()}, **settings)
        assert scales == {"items": 4.0 if settings.get("training") else 1.0}
        return {name: values.numpy() for name, values in shown.items()}

    return list_dropout


@pytest.mark.parametrize("settings", [{}, {"training": False}], ids=["unsaid", "serving"])
def test_in_serving_everything_is_shown(list_dropout, settings):
    for name, shown in list_dropout(**settings).items():
        np.testing.assert_array_equal(shown, CODES[name])


def test_in_training_a_quarter_is_shown_and_what_goes_together_stays_together(list_dropout):
    shown = list_dropout(training=True)

    assert shown["items"].shape == (4, 250)
    np.testing.assert_array_equal(shown["counts"], shown["items"] * 2)
    np.testing.assert_array_equal(shown["age"], CODES["age"])
    for row, items in enumerate(shown["items"]):
        assert len(np.unique(items)) == 250
        assert set(items) <= set(WORDS[row])


def test_each_place_is_shown_as_often_as_any_other(list_dropout):
    shown = np.bincount(np.concatenate([list_dropout(training=True)["items"].reshape(-1) for _ in range(200)]))

    assert len(shown) == WORDS.size
    assert shown.mean() == 50  # of 200 times
    assert 20 < shown.min() < shown.max() < 85  # five deviations of 6.1


def test_each_user_is_shown_other_places_and_each_time_others(list_dropout):
    first, second = (list_dropout(training=True)["items"] % 1_000 for _ in range(2))

    assert set(first[0]) != set(first[1])
    assert set(first[0]) != set(second[0])


def test_at_least_one_place_is_shown_and_stands_for_all():
    import tensorflow as tf

    from models.list_dropout import ListDropout

    shown, scales = ListDropout([["items"]], 0.99)({"items": tf.constant([[7, 8]])}, training=True)

    assert shown["items"].shape == (1, 1)
    assert shown["items"].numpy()[0, 0] in {7, 8}
    assert scales == {"items": 2.0}


def test_the_mean_of_what_training_shows_of_a_user_is_what_serving_shows(tiny):
    """Where nothing is divided by a length, which is what makes dropout an average."""
    towers = tiny.towers(list_dropout=0.5)
    interests, codes = towers.model.query_tower._interests, towers.query.encode(tiny.users)
    name, list_dropout = "recent_items", interests._glimpses

    def weight(*, training):
        shown, scales = list_dropout(codes, training=training)
        numbers = [shown[number] for number in interests._numbers[name]]
        return scales[name] * interests._weights[0][name](shown[name], numbers).numpy().sum(axis=1)

    trained = np.mean([weight(training=True) for _ in range(400)], axis=0)
    np.testing.assert_allclose(trained, weight(training=False), rtol=0.25)

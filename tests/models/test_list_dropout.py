"""In training a share of each list's positions is kept, in serving all of them."""

import numpy as np
import pytest

ITEMS = np.arange(4 * 1_000, dtype=np.int32).reshape(4, 1_000)
CODES = {"age": np.array([1, 2, 3, 4], np.float32), "items": ITEMS, "counts": (ITEMS * 2).astype(np.float32)}


@pytest.fixture
def list_dropout():
    import tensorflow as tf
    import tf_keras as keras

    from models.layers import ListDropout

    keras.utils.set_random_seed(1)
    layer = ListDropout([["items", "counts"]], 0.75)

    def list_dropout(**settings):
        kept, scales = layer({name: tf.constant(values) for name, values in CODES.items()}, **settings)
        assert scales == {"items": 4.0 if settings.get("training") else 1.0}
        return {name: values.numpy() for name, values in kept.items()}

    return list_dropout


@pytest.mark.parametrize("settings", [{}, {"training": False}], ids=["default", "serving"])
def test_serving_keeps_everything(list_dropout, settings):
    for name, kept in list_dropout(**settings).items():
        np.testing.assert_array_equal(kept, CODES[name])


def test_training_keeps_the_same_quarter_of_a_list_and_of_its_aligned_numbers(list_dropout):
    kept = list_dropout(training=True)

    assert kept["items"].shape == (4, 250)
    np.testing.assert_array_equal(kept["counts"], kept["items"] * 2)
    np.testing.assert_array_equal(kept["age"], CODES["age"])
    for row, items in enumerate(kept["items"]):
        assert len(np.unique(items)) == 250
        assert set(items) <= set(ITEMS[row])


def test_all_positions_are_kept_equally_often(list_dropout):
    counts = np.bincount(np.concatenate([list_dropout(training=True)["items"].reshape(-1) for _ in range(200)]))

    assert len(counts) == ITEMS.size
    assert 20 < counts.min() < counts.max() < 85  # a mean of 50, and five standard deviations of 6.1


def test_users_and_calls_keep_different_positions(list_dropout):
    first, second = (list_dropout(training=True)["items"] % 1_000 for _ in range(2))

    assert set(first[0]) != set(first[1])
    assert set(first[0]) != set(second[0])


def test_at_least_one_position_is_kept_and_scaled_to_stand_for_all():
    import tensorflow as tf

    from models.layers import ListDropout

    kept, scales = ListDropout([["items"]], 0.99)({"items": tf.constant([[7, 8]])}, training=True)

    assert kept["items"].shape == (1, 1)
    assert kept["items"].numpy()[0, 0] in {7, 8}
    assert scales == {"items": 2.0}


def test_the_mean_of_the_scaled_weights_in_training_is_the_weight_in_serving(tiny):
    towers = tiny.towers(list_dropout=0.5)
    content, codes = towers.model.query_tower._content, towers.query.encode(tiny.users)
    name = "recent_items"

    def total_weight(*, training):
        kept, scales = content._list_dropout(codes, training=training)
        numbers = [kept[number] for number in content._numbers[name]]
        return scales[name] * content._weights[0][name](kept[name], numbers).numpy().sum(axis=1)

    trained = np.mean([total_weight(training=True) for _ in range(400)], axis=0)
    np.testing.assert_allclose(trained, total_weight(training=False), rtol=0.25)

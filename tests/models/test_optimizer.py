"""AdamW equals that of Keras; so does row-wise Adam on tables of width 1, and it does not change unused rows."""

import numpy as np
import pytest


@pytest.fixture
def adam():
    """Returns a function that takes a step on some rows of a table."""

    def adam(table, rate=0.1):
        import tensorflow as tf

        from models.optimizer import RowWiseAdam

        variable = tf.Variable(np.array(table, np.float32))
        optimizer = RowWiseAdam()
        optimizer.build([variable], [rate])

        def step(rows, slopes):
            slices = tf.IndexedSlices(
                tf.constant(slopes, tf.float32), tf.constant(rows, tf.int32), tf.constant(variable.shape)
            )
            optimizer.apply([slices], [variable])
            return variable.numpy()

        return step

    return adam


def test_with_width_1_and_all_rows_used_it_equals_keras_adam_at_every_step(adam):
    import tensorflow as tf
    import tf_keras as keras

    random = np.random.default_rng(3)
    start = random.normal(size=(6, 1)).astype(np.float32)
    expected = tf.Variable(start)
    keras_adam = keras.optimizers.Adam(0.1)
    step = adam(start)

    for _ in range(20):
        slopes, order = random.normal(size=(6, 1)).astype(np.float32), random.permutation(6)
        keras_adam.apply_gradients([(tf.constant(slopes), expected)])

        table = step(order, slopes[order])

        np.testing.assert_allclose(table, expected.numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("slope", [0.01, 1, 1_000])
def test_the_length_of_the_first_step_is_the_learning_rate_whatever_the_size_of_the_gradient(adam, slope):
    table = adam([[1, 1, 1, 1], [5, 5, 5, 5]])([0, 1], [[slope, -slope, slope, -slope], [3 * slope, -slope, 0, 0]])

    # The root of a row's mean square is slope x 1, and slope x √(10 / 4).
    length = 0.1 / np.sqrt(10 / 4)
    np.testing.assert_allclose(table, [[0.9, 1.1, 0.9, 1.1], [5 - 3 * length, 5 + length, 5, 5]], rtol=1e-4)


def test_unused_rows_keep_their_bits(adam):
    start = np.random.default_rng(3).normal(size=(5, 4)).astype(np.float32)
    step = adam(start)

    step([1, 3], np.ones((2, 4)))
    table = step([3, 4], np.ones((2, 4)))
    assert table[[0, 2]].tobytes() == start[[0, 2]].tobytes()

    before = table.copy()
    table = step([0], np.ones((1, 4)))  # a row does not drift once it is no longer used
    assert table[1:].tobytes() == before[1:].tobytes()


def test_the_moments_of_a_row_decay_only_when_it_is_used(adam):
    step = adam([[0], [0]])
    after_one = step([0], [[1]])[0, 0]
    step([1], [[1]])
    step([1], [[1]])

    after_two = step([0], [[1]])[0, 0]

    # Mean 0.9 x 0.1 + 0.1 = 0.19 and square 0.999 x 0.001 + 0.001 = 0.001999, corrected for the fourth step:
    # √(1 - 0.999^4) / (1 - 0.9^4) = 0.0631981 / 0.3439 = 0.183769; and 0.183769 x 0.19 / √0.001999 = 0.780945
    assert after_one - after_two == pytest.approx(0.1 * 0.780945, rel=1e-4)


def test_gradients_of_a_row_that_is_looked_up_several_times_are_summed(adam):
    several, once = adam([[0, 0]] * 3), adam([[0, 0]] * 3)

    # The second step looks each row up once. Adam is invariant to a factor common to all gradients.
    for rows, slopes in (([2, 0, 2, 2], [[1, 4], [1, 1], [-3, 1], [1, 2]]), ([0, 2], [[1, 1], [-1, -2]])):
        table = several(rows, slopes)
    once([0, 2], [[1, 1], [-1, 7]])
    np.testing.assert_allclose(table, once([0, 2], [[1, 1], [-1, -2]]), rtol=1e-5)

    assert table[2, 0] > 0 > table[0, 0]  # slopes of 1, -3 and 1 go up


def test_every_table_has_its_own_learning_rate():
    import tensorflow as tf

    from models.optimizer import RowWiseAdam

    tables = [tf.Variable(tf.zeros([2, 1])), tf.Variable(tf.zeros([3, 1]))]
    slices = [tf.IndexedSlices(tf.ones([1, 1]), tf.constant([row])) for row in (0, 2)]
    optimizer = RowWiseAdam()
    optimizer.build(tables, [0.1, 0.5])

    optimizer.apply(slices, tables)

    np.testing.assert_allclose(tables[0], [[-0.1], [0]], rtol=1e-4)
    np.testing.assert_allclose(tables[1], [[0], [0], [-0.5]], rtol=1e-4)


def test_adamw_equals_that_of_keras_at_every_step():
    import tensorflow as tf
    import tf_keras as keras

    from models.optimizer import AdamW

    random = np.random.default_rng(3)
    starts = [random.normal(size=shape).astype(np.float32) for shape in ((4, 3), (5,))]
    expected, weights = ([tf.Variable(start) for start in starts] for _ in range(2))
    reference, optimizer = keras.optimizers.AdamW(0.1, weight_decay=0.3), AdamW(0.1, 0.3)
    optimizer.build(weights)

    for _ in range(20):
        rows = tf.IndexedSlices(tf.constant(random.normal(size=(2, 3)), tf.float32), tf.constant([3, 1]), (4, 3))
        gradients = [rows, tf.constant(random.normal(size=5), tf.float32)]
        reference.apply_gradients(zip(gradients, expected, strict=True))

        optimizer.apply(gradients, weights)

        for weight, other in zip(weights, expected, strict=True):
            np.testing.assert_allclose(weight.numpy(), other.numpy(), rtol=1e-4, atol=1e-5)

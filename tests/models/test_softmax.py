"""The sampled softmax: worked by hand, and compared with TensorFlow Recommenders."""

from math import log

import numpy as np
import pytest

# Scores of two queries and four candidates:
#   exp(scores) = [[2, 1, 3, 4],
#                  [1, 6, 2, 5]]
SCORES = np.log(np.array([[2, 1, 3, 4], [1, 6, 2, 5]], np.float32))


def losses_of(scores, queries, ignored):
    from models.softmax import softmax_losses

    losses = softmax_losses(
        np.array(scores, np.float32), np.array(queries, np.int32), np.array(ignored, np.bool_)
    ).numpy()
    assert losses.dtype == np.float32
    return losses


def test_the_loss_of_a_purchase_is_its_cross_entropy_against_all_negatives():
    # purchase 0 is of query 0, purchase 1 of query 1; each ignores only its own candidate
    losses = losses_of(SCORES, [0, 1], [[1, 0, 0, 0], [0, 1, 0, 0]])

    np.testing.assert_allclose(losses, [log(10 / 2), log(14 / 6)], rtol=1e-5)


def test_purchases_of_one_query_are_not_negatives_of_each_other():
    # purchases 0 and 1 are of query 0, purchase 2 of query 1
    losses = losses_of(SCORES, [0, 0, 1], [[1, 1, 0, 0], [0, 0, 1, 0]])

    np.testing.assert_allclose(losses, [log(9 / 2), log(8 / 1), log(14 / 2)], rtol=1e-5)


def test_a_purchase_without_negatives_has_loss_0():
    losses = losses_of(SCORES, [0, 1], [[1, 1, 1, 1], [1, 1, 0, 0]])

    np.testing.assert_allclose(losses, [0, log(13 / 6)], rtol=1e-5)


def test_large_scores_do_not_overflow():
    losses = losses_of([[500, -500, 500]], [0, 0], [[1, 1, 0]])

    np.testing.assert_allclose(losses, [log(2), 1_000], rtol=1e-5)


def test_ignored_candidates_get_no_gradient_and_negatives_their_softmax_share():
    import tensorflow as tf

    from models.softmax import softmax_losses

    scores = tf.constant(SCORES[:1])
    with tf.GradientTape() as tape:
        tape.watch(scores)
        loss = tf.reduce_sum(softmax_losses(scores, tf.constant([0]), tf.constant([[True, True, False, False]])))

    # negatives: 3 and 4 of 2 + 3 + 4; the purchase: 2 / 9 - 1
    np.testing.assert_allclose(tape.gradient(loss, scores), [[-7 / 9, 0, 3 / 9, 4 / 9]], rtol=1e-5)


@pytest.mark.parametrize("log_q_correction", [False, True])
def test_losses_equal_those_of_tensorflow_recommenders_with_a_query_row_per_purchase(log_q_correction):
    import tensorflow_recommenders as tfrs

    from models.softmax import bought_in_batch, softmax_losses

    random = np.random.default_rng(5)
    rows = np.array([0, 0, 0, 1, 2, 2, 3, 4, 4], np.int32)
    users = np.array([7, 3, 7, 5, 1], np.int32)  # user 7 has two queries
    candidates = random.integers(12, size=9 + 14).astype(np.int32)
    queries = random.normal(size=(5, 4)).astype(np.float32)
    items = random.normal(size=(9 + 14, 4)).astype(np.float32)
    frequency = random.uniform(0.01, 1, size=9 + 14).astype(np.float32)
    counted = [
        [
            column == row or candidates[column] not in candidates[:9][users[rows] == users[rows[row]]]
            for column in range(9 + 14)
        ]
        for row in range(9)
    ]

    expected = tfrs.tasks.Retrieval()(
        queries[rows],
        items,
        candidate_sampling_probability=frequency if log_q_correction else None,
        score_mask=np.array(counted),
        compute_metrics=False,
    )

    scores = queries @ items.T - (np.log(frequency) if log_q_correction else 0)
    losses = softmax_losses(scores, rows, bought_in_batch(users, rows, candidates)).numpy()
    assert 0 < np.mean(counted) < 0.95  # some candidates are ignored
    assert losses.sum() == pytest.approx(float(expected), rel=1e-5)


@pytest.mark.parametrize(
    ("discount", "weights"),
    [(0.0, [1, 1, 1, 1, 1]), (0.5, [2, 1, 1, 1, 1]), (1.0, [4, 1, 1, 1, 1])],
    ids=["equal per purchase", "between", "equal per query"],
)
def test_purchases_of_large_baskets_have_smaller_weights(discount, weights):
    import tensorflow as tf

    from models.softmax import purchase_weights

    actual = purchase_weights(tf.constant([1, 2, 2, 2, 2]), discount).numpy()

    np.testing.assert_allclose(actual, np.array(weights) / np.mean(weights), rtol=1e-6)


def test_purchases_in_the_batch_are_marked_for_all_queries_of_their_user():
    from models.softmax import bought_in_batch

    users = np.array([1, 2, 1], np.int32)  # user 1 has two queries
    rows = np.array([0, 0, 1, 2], np.int32)
    candidates = np.array([5, 6, 6, 7, 5, 8, 7], np.int32)  # items of the four purchases, and three sampled items

    assert bought_in_batch(users, rows, candidates).numpy().astype(int).tolist() == [
        [1, 1, 1, 1, 1, 0, 1],  # user 1 bought 5, 6 and 7, also as another user's candidate
        [0, 1, 1, 0, 0, 0, 0],  # user 2 bought 6
        [1, 1, 1, 1, 1, 0, 1],
    ]


def test_elements_of_a_list_are_marked_wherever_they_are_candidates():
    from models.softmax import in_lists

    lists = np.array([[4, 2, 4, 0], [0, 0, 0, 0], [1, 3, 9, 5]], np.int32)  # 0 is padding, 1 an unknown item
    candidates = np.array([2, 3, 4, 2, 7], np.int32)

    assert in_lists(lists, candidates, 10).numpy().astype(int).tolist() == [
        [1, 0, 1, 1, 0],
        [0, 0, 0, 0, 0],
        [0, 1, 0, 0, 0],
    ]


def test_a_list_without_candidates_marks_none():
    from models.softmax import in_lists

    assert not in_lists(np.array([[2, 3]], np.int32), np.array([4, 4, 5], np.int32), 6).numpy().any()

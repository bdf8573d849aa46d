"""The loss, worked by hand."""

from math import log

import numpy as np
import pytest

# Scores of two purchases and three candidates, the first two of which were bought:
#   exp(scores) = [[2, 1, 4],
#                  [1, 3, 5]]
QUERIES = [[1.0, 0.0], [0.0, 1.0]]
ITEMS = [[log(2), 0.0], [0.0, log(3)], [log(4), log(5)]]


@pytest.fixture
def loss_of(tiny):
    import tf_keras as keras

    class Given(keras.layers.Layer):
        def __init__(self, vectors):
            super().__init__()
            self._vectors = np.array(vectors, np.float32)

        def call(self, _):
            return self._vectors

    def loss_of(users, candidates, frequency=(1.0, 1.0, 1.0), *, queries=QUERIES, items=ITEMS, **settings):
        model = tiny.towers(**settings).model
        model.query_tower, model.item_tower = Given(queries), Given(items)
        batch = {
            "query": np.zeros(1),
            "item": np.zeros(1),
            "user": np.array(users, np.int32),
            "candidate": np.array(candidates, np.int32),
            "frequency": np.array(frequency, np.float32),
        }
        return float(model.compute_loss(batch))

    return loss_of


def test_the_loss_is_the_mean_cross_entropy_of_each_purchase_among_all_candidates(loss_of):
    # the bought one is 2 of 2 + 1 + 4, and 3 of 1 + 3 + 5
    assert loss_of([0, 1], [0, 1, 2]) == pytest.approx((log(7 / 2) + log(3)) / 2, rel=1e-5)


def test_scores_are_divided_by_the_temperature(loss_of):
    # exp(scores / 0.5) = squares: 4 of 4 + 1 + 16, and 9 of 1 + 9 + 25
    assert loss_of([0, 1], [0, 1, 2], temperature=0.5) == pytest.approx((log(21 / 4) + log(35 / 9)) / 2, rel=1e-5)


def test_with_log_q_a_candidate_weighs_the_less_the_more_often_it_is_one(loss_of):
    # exp(scores) / frequency = [[4, 4, 4], [2, 12, 5]]
    loss = loss_of([0, 1], [0, 1, 2], frequency=(1 / 2, 1 / 4, 1), log_q=True)

    assert loss == pytest.approx((log(12 / 4) + log(19 / 12)) / 2, rel=1e-5)


def test_with_log_q_a_factor_common_to_all_frequencies_changes_nothing(loss_of):
    losses = [loss_of([0, 1], [0, 1, 2], np.array([2, 1, 4]) * factor, log_q=True) for factor in (1 / 4, 1 / 400)]

    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


def test_without_log_q_frequencies_are_not_looked_at(loss_of):
    assert loss_of([0, 1], [0, 1, 2], (0.1, 0.9, 0.5)) == loss_of([0, 1], [0, 1, 2])


def test_what_the_same_user_buys_in_the_batch_is_no_negative(loss_of):
    # 2 of 2 + 4, and 3 of 3 + 5: the other purchase of the same user is left out
    assert loss_of([7, 7], [0, 1, 2]) == pytest.approx((log(6 / 2) + log(8 / 3)) / 2, rel=1e-5)


def test_the_bought_item_itself_is_no_negative_when_it_is_drawn_again(loss_of):
    # the third candidate is the first user's own item: 2 of 2 + 1, and 3 of 1 + 3 + 5
    assert loss_of([0, 1], [0, 1, 0]) == pytest.approx((log(3 / 2) + log(3)) / 2, rel=1e-5)


def test_two_users_who_buy_the_same_item_are_no_negatives_of_each_other(loss_of):
    # 2 of 2 + 4, and 3 of 3 + 5
    assert loss_of([0, 1], [4, 4, 2]) == pytest.approx((log(6 / 2) + log(8 / 3)) / 2, rel=1e-5)


def test_counted_by_hand(tiny):
    from models.two_tower import TwoTower

    users = np.array([1, 2, 1], np.int32)
    candidates = np.array([5, 6, 7, 5, 8], np.int32)

    assert TwoTower.counted(users, candidates).numpy().astype(int).tolist() == [
        [1, 1, 0, 0, 1],  # not user 1's other purchase, 7, nor the item drawn again, 5
        [1, 1, 1, 1, 1],
        [0, 1, 1, 0, 1],  # user 1 bought 5 as well, whoever drew it
    ]


def test_the_corrected_and_masked_loss_equals_a_full_softmax_in_numpy(loss_of):
    random = np.random.default_rng(5)
    purchases, others, dimensions, temperature = 9, 14, 4, 0.2
    queries = random.normal(size=(purchases, dimensions))
    items = random.normal(size=(purchases + others, dimensions))
    users = random.integers(4, size=purchases)
    candidates = random.integers(12, size=purchases + others)
    frequency = random.uniform(0.01, 1, size=purchases + others)

    losses = []
    for row in range(purchases):
        weights = {}
        bought = set(candidates[:purchases][users == users[row]])
        for column in range(purchases + others):
            if row == column or candidates[column] not in bought:
                weights[column] = np.exp(queries[row] @ items[column] / temperature) / frequency[column]
        losses.append(-np.log(weights[row] / sum(weights.values())))

    assert loss_of(
        users, candidates, frequency, queries=queries, items=items, temperature=temperature, log_q=True
    ) == pytest.approx(np.mean(losses), rel=1e-4)


def test_the_loss_of_the_towers_is_that_of_their_vectors(tiny):
    towers = tiny.towers(log_q=True, temperature=0.5)
    queries, items = towers.query_vectors(tiny.users), towers.item_vectors(tiny.items)
    batch = {
        "query": towers.query.codes(tiny.users.slice(0, 2)),
        "item": towers.item.codes(tiny.items),
        "user": np.array([0, 1], np.int32),
        "candidate": np.array([0, 1, 2], np.int32),
        "frequency": np.array([0.2, 0.4, 1], np.float32),
    }
    weights = np.exp(queries[:2] @ items.T / 0.5) / [0.2, 0.4, 1]

    expected = -np.log(weights[[0, 1], [0, 1]] / weights.sum(axis=1)).mean()
    assert float(towers.model.compute_loss(batch)) == pytest.approx(expected, rel=1e-4)

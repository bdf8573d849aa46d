"""The loss, worked by hand, and the training step."""

from dataclasses import replace
from math import log

import numpy as np
import pytest

# Scores of two queries and three candidates, the first two of which were bought:
#   exp(scores) = [[2, 1, 4],
#                  [1, 3, 5]]
QUERIES = [[1.0, 0.0], [0.0, 1.0]]
ITEMS = [[log(2), 0.0], [0.0, log(3)], [log(4), log(5)]]
SWAPPED = QUERIES[::-1]  # as new-item query vectors: exp(scores) = [[1, 3, 5], [2, 1, 4]]


@pytest.fixture
def loss_of(tiny):
    import tf_keras as keras

    class FixedVectors(keras.layers.Layer):
        def __init__(self, *vectors):
            super().__init__()
            self._vectors = [np.array(values, np.float32) for values in vectors]

        def call(self, _):
            return self._vectors if len(self._vectors) > 1 else self._vectors[0]

    def loss_of(
        users,
        candidates,
        frequency=(1.0, 1.0, 1.0),
        *,
        rows=(0, 1),
        new=(True, True),
        lists=((), ()),
        queries=QUERIES,
        new_item_queries=SWAPPED,
        items=ITEMS,
        **settings,
    ):
        twelve = tiny.table(tiny.item_schema, [{"item_id": f"{code:02d}"} for code in range(2, 14)])
        model = replace(tiny, items=twelve).towers(**{"has_new_item_head": False, **settings}).model
        model.query_tower, model.item_tower = FixedVectors(queries, new_item_queries), FixedVectors(items)
        batch = {
            "query": {"recent_items": np.array([[*codes, *[0] * (3 - len(codes))] for codes in lists], np.int32)},
            "item": {},
            "user": np.array(users, np.int32),
            "row": np.array(rows, np.int32),
            "new": np.array(new, np.bool_),
            "candidate": np.array(candidates, np.int32),
            "frequency": np.array(frequency, np.float32),
        }
        return float(model.compute_loss(batch))

    return loss_of


def test_the_loss_is_the_mean_cross_entropy_of_the_purchases_among_all_candidates(loss_of):
    # the positives are 2 of 2 + 1 + 4, and 3 of 1 + 3 + 5
    assert loss_of([0, 1], [2, 3, 4]) == pytest.approx((log(7 / 2) + log(3)) / 2, rel=1e-5)


def test_every_purchase_of_a_query_has_a_loss(loss_of):
    # Both are of the first query: 2 of 2 + 4, and 1 of 1 + 4.
    loss = loss_of([0], [2, 3, 4], rows=(0, 0), queries=QUERIES[:1], new_item_queries=QUERIES[:1])

    assert loss == pytest.approx((log(6 / 2) + log(5 / 1)) / 2, rel=1e-5)


def test_the_log_q_correction_divides_a_candidates_weight_by_its_frequency(loss_of):
    # exp(scores) / frequency = [[4, 4, 4], [2, 12, 5]]
    loss = loss_of([0, 1], [2, 3, 4], frequency=(1 / 2, 1 / 4, 1), log_q_correction=True)

    assert loss == pytest.approx((log(12 / 4) + log(19 / 12)) / 2, rel=1e-5)


def test_a_factor_common_to_all_frequencies_has_no_effect(loss_of):
    losses = [
        loss_of([0, 1], [2, 3, 4], np.array([2, 1, 4]) * factor, log_q_correction=True) for factor in (1 / 4, 1 / 400)
    ]

    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


def test_without_log_q_correction_frequencies_have_no_effect(loss_of):
    assert loss_of([0, 1], [2, 3, 4], (0.1, 0.9, 0.5)) == loss_of([0, 1], [2, 3, 4])


def test_other_purchases_of_the_same_user_in_the_batch_are_not_negatives(loss_of):
    # 2 of 2 + 4, and 3 of 3 + 5, without the other purchase of the same user
    assert loss_of([7, 7], [2, 3, 4]) == pytest.approx((log(6 / 2) + log(8 / 3)) / 2, rel=1e-5)


def test_a_purchased_item_that_is_also_sampled_is_not_a_negative(loss_of):
    # the third candidate is the item of the first purchase: 2 of 2 + 1, and 3 of 1 + 3 + 5
    assert loss_of([0, 1], [2, 3, 2]) == pytest.approx((log(3 / 2) + log(3)) / 2, rel=1e-5)


def test_purchases_of_the_same_item_by_two_users_are_not_negatives_of_each_other(loss_of):
    # 2 of 2 + 4, and 3 of 3 + 5
    assert loss_of([0, 1], [2, 2, 4]) == pytest.approx((log(6 / 2) + log(8 / 3)) / 2, rel=1e-5)


def test_the_new_item_head_adds_the_loss_of_the_new_item_query_vectors(loss_of):
    # the loss above, and with the new-item query vectors 1 of 1 + 3 + 5, and 1 of 2 + 1 + 4
    loss = loss_of([0, 1], [2, 3, 4], has_new_item_head=True)

    assert loss == pytest.approx((log(7 / 2) + log(3)) / 2 + (log(9) + log(7)) / 2, rel=1e-5)


def test_the_new_item_loss_covers_purchases_of_new_items_only(loss_of):
    loss = loss_of([0, 1], [2, 3, 4], new=(False, True), has_new_item_head=True)

    assert loss == pytest.approx((log(7 / 2) + log(3)) / 2 + log(7), rel=1e-5)


def test_without_purchases_of_new_items_the_new_item_loss_is_0(loss_of):
    loss = loss_of([0, 1], [2, 3, 4], new=(False, False), has_new_item_head=True)

    assert loss == pytest.approx((log(7 / 2) + log(3)) / 2, rel=1e-5)


def test_items_in_the_users_list_are_negatives_in_the_first_loss_but_not_in_the_new_item_loss(loss_of):
    # Candidate 4 is in the list of user 0: 1 of 1 + 3. User 1's list holds the purchase itself: 1 of 2 + 1 + 4.
    loss = loss_of([0, 1], [2, 3, 4], lists=((4, 1), (3,)), has_new_item_head=True)

    assert loss == pytest.approx((log(7 / 2) + log(3)) / 2 + (log(4) + log(7)) / 2, rel=1e-5)


def test_the_corrected_and_masked_losses_equal_full_softmaxes_in_numpy(loss_of):
    random = np.random.default_rng(5)
    purchases, others, dimensions = 9, 14, 4
    rows = np.array([0, 0, 1, 2, 2, 2, 3, 4, 5])
    users = np.array([0, 1, 2, 3, 0, 1])
    queries, new_item_queries = random.normal(size=(2, 6, dimensions))
    items = random.normal(size=(purchases + others, dimensions))
    candidates = random.integers(2, 14, size=purchases + others)
    frequency = random.uniform(0.01, 1, size=purchases + others)
    lists = random.integers(0, 14, size=(6, 3))
    new = random.random(purchases) < 0.5

    def loss(vectors, purchase, listed):
        query, weights = rows[purchase], {}
        bought = {*candidates[:purchases][users[rows] == users[query]], *listed}
        for column in range(purchases + others):
            if column == purchase or candidates[column] not in bought:
                weights[column] = np.exp(vectors[query] @ items[column]) / frequency[column]
        return -np.log(weights[purchase] / sum(weights.values()))

    expected = [loss(queries, purchase, []) for purchase in range(purchases)]
    expected_new = [loss(new_item_queries, purchase, lists[rows[purchase]]) for purchase in np.flatnonzero(new)]

    actual = loss_of(
        users,
        candidates,
        frequency,
        rows=rows,
        new=new,
        lists=lists,
        queries=queries,
        new_item_queries=new_item_queries,
        items=items,
        log_q_correction=True,
        has_new_item_head=True,
    )
    assert 0 < new.sum() < purchases
    assert actual == pytest.approx(np.mean(expected) + np.mean(expected_new), rel=1e-4)


def batch_of(towers, tiny):
    """User u1 buys a, which is not new to them, u2 buys b; c is sampled."""
    return {
        "query": towers.query.encode(tiny.users.slice(0, 2)),
        "item": towers.item.encode(tiny.items),
        "user": np.array([0, 1], np.int32),
        "row": np.array([0, 1], np.int32),
        "new": np.array([False, True]),
        "candidate": np.array([2, 3, 4], np.int32),
        "frequency": np.array([0.2, 0.4, 1], np.float32),
    }


def test_the_loss_of_the_towers_is_that_of_their_vectors(tiny):
    towers = tiny.towers(log_q_correction=True)
    items = towers.item_vectors(tiny.items)
    queries, new_item_queries = (
        np.exp(vectors[:2] @ items[:, : vectors.shape[1]].T) / [0.2, 0.4, 1]
        for vectors in towers.query_vectors(tiny.users)
    )

    expected = [-np.log(weights[[0, 1], [0, 1]] / weights.sum(axis=1)) for weights in (queries, new_item_queries)]
    assert float(towers.model.compute_loss(batch_of(towers, tiny))) == pytest.approx(
        expected[0].mean() + expected[1][1], rel=1e-4
    )


def take_steps(tiny, steps=1, **settings):
    """Take training steps; returns the model, its weights before, and the losses."""
    import tensorflow as tf

    settings = {"learning_rate": 0.05, "weight_decay": 0.0, **settings}
    towers = tiny.towers(log_q_correction=True, **settings)
    model, batch = towers.model, tf.nest.map_structure(tf.constant, batch_of(towers, tiny))
    model.build_optimizers()
    before = [weight.numpy() for weight in model.trainable_weights]
    losses = [float(model.train_step(batch)["loss"]) for _ in range(steps)]
    return model, before, losses


def change_of(model, before, variable):
    """Absolute change of a weight by the steps."""
    position = next(number for number, weight in enumerate(model.trainable_weights) if weight is variable)
    return np.abs(variable.numpy() - before[position])


@pytest.mark.parametrize("rate", [None, 0.01], ids=["AdamW for all", "row-wise"])
@pytest.mark.parametrize("has_new_item_head", [False, True])
def test_steps_lower_the_loss(tiny, rate, has_new_item_head):
    _, _, losses = take_steps(tiny, 20, embedding_learning_rate=rate, has_new_item_head=has_new_item_head)

    assert losses[-1] < losses[0] / 2


def test_each_kind_of_weight_has_its_own_learning_rate(tiny):
    model, before, _ = take_steps(tiny, embedding_learning_rate=0.001, item_memory_learning_rate=0.01)
    shared = model.shared

    def row_step(embedding):
        """Largest root mean square of a row's step."""
        return np.sqrt((change_of(model, before, embedding.embeddings) ** 2).mean(axis=1)).max()

    # The length of Adam's first step is the learning rate.
    assert row_step(shared.content["item_id"]) == pytest.approx(0.001, rel=0.01)
    assert row_step(shared.item_memory) == pytest.approx(0.01, rel=0.01)
    assert row_step(shared.repeat_log_weights) == pytest.approx(0.01, rel=0.01)
    assert change_of(model, before, model.item_tower._dense._layers[-1].kernel).max() == pytest.approx(0.05, rel=0.01)


def test_rows_that_a_batch_does_not_look_up_keep_their_bits(tiny):
    model, before, _ = take_steps(tiny, 3)

    # User u3 is not in the batch, nor is any unknown token.
    users = model.query_tower.encoders["user_id"].embeddings
    assert (change_of(model, before, users).max(axis=1) > 0).tolist() == [False, False, True, True, False]
    items = change_of(model, before, model.shared.content["item_id"].embeddings)
    assert (items.max(axis=1) > 0).tolist() == [False, False, True, True, True]


def test_embedding_tables_are_all_embeddings_and_nothing_else(tiny):
    model = tiny.towers().model

    shared = model.shared
    assert {table.ref() for table in model.embedding_tables} == {
        embedding.embeddings.ref()
        for embedding in (
            *shared.content.values(),
            shared.item_memory,
            shared.repeat_log_weights,
            model.query_tower.encoders["user_id"],
            model.item_tower.encoders["item_id"],
            model.item_tower.encoders["colour"],
        )
    }


def test_without_an_embedding_learning_rate_embeddings_are_trained_by_adamw(tiny):
    model, before, _ = take_steps(tiny, embedding_learning_rate=None, has_new_item_head=True)

    for table in (model.shared.item_memory, model.shared.content["item_id"]):
        assert change_of(model, before, table.embeddings).max() == pytest.approx(0.05, rel=0.01)

"""Batches of encoded purchases: their queries, their candidates, and how often each is expected."""

from dataclasses import replace

import numpy as np
import pytest

from models.training.training_rows import TrainingRows

# User 7 buys two items at one moment, users 3 and 5 one each; two items were drawn.
DAY = TrainingRows(
    queries={"age": np.array([20, 30, 40], np.float32)},
    query_rows=np.array([0, 0, 1, 2], np.int32),
    users=np.array([7, 3, 5], np.int32),
    new=np.array([True, False, True, False]),
    items={"sales": np.array([1, 2, 1, 3, 4, 1], np.float32)},
    candidates=np.array([10, 11, 10, 12, 13, 10], np.int32),
    sold=np.array([0.5, 0.25, 0.5, 0.25, 0, 0.5], np.float32),
)
ALL_DRAWN, NONE_DRAWN = np.array([0, 1]), np.array([], np.int64)


def test_its_length_is_the_number_of_purchases_and_what_was_drawn_comes_after_them():
    assert (len(DAY), DAY.sampled) == (4, 2)


def test_a_batch_holds_its_purchases_and_the_drawn_items_that_are_asked_for():
    batch = DAY.batch(np.array([3, 1]), ALL_DRAWN, sampling_probability=0.01)

    assert batch["candidate"].tolist() == [12, 11, 13, 10]
    assert batch["item"]["sales"].tolist() == [3, 2, 4, 1]
    assert batch["new"].tolist() == [False, False]
    assert DAY.batch(np.array([3, 1]), np.array([1]), sampling_probability=0.01)["candidate"].tolist() == [12, 11, 10]
    assert DAY.batch(np.array([3, 1]), NONE_DRAWN, sampling_probability=0.01)["candidate"].tolist() == [12, 11]


def test_each_purchase_points_at_its_query_whatever_the_order():
    batch = DAY.batch(np.array([3, 1]), ALL_DRAWN, sampling_probability=0.01)

    assert batch["user"][batch["row"]].tolist() == [5, 7]
    assert batch["query"]["age"][batch["row"]].tolist() == [40, 20]
    assert batch["row"].dtype == np.int32


def test_who_buys_several_things_at_one_moment_asks_once():
    batch = DAY.batch(np.array([2, 0, 1]), ALL_DRAWN, sampling_probability=0.01)

    assert sorted(batch["user"].tolist()) == [3, 7]
    assert sorted(batch["query"]["age"].tolist()) == [20, 30]
    assert batch["user"][batch["row"]].tolist() == [3, 7, 7]
    assert batch["query"]["age"][batch["row"]].tolist() == [30, 20, 20]
    assert batch["new"].tolist() == [True, True, False]


def test_frequency_is_the_expected_count_among_the_candidates_scaled_to_at_most_1():
    batch = DAY.batch(np.array([0, 1, 2, 3]), ALL_DRAWN, sampling_probability=0.1)

    # 4 purchases x the share of the sales + 2 draws x 0.1: 2.2 for item 10, 1.2 for 11 and 12, 0.2 for 13
    assert batch["frequency"].tolist() == pytest.approx([1, 1.2 / 2.2, 1, 1.2 / 2.2, 0.2 / 2.2, 1])


def test_the_fewer_are_drawn_the_less_often_is_an_unsold_item_expected():
    batch = DAY.batch(np.array([0, 1]), np.array([0]), sampling_probability=0.1)

    # 2 purchases x the share of the sales + 1 draw x 0.1: 1.1 for item 10, 0.6 for 11, 0.1 for 13
    assert batch["frequency"].tolist() == pytest.approx([1, 0.6 / 1.1, 0.1 / 1.1])


def test_parts_together_keep_the_query_of_each_purchase():
    part = replace(DAY, items={"sales": DAY.items["sales"][:4]}, candidates=DAY.candidates[:4], sold=DAY.sold[:4])

    both = TrainingRows.concat([part, part])

    assert len(both) == 8
    assert both.query_rows.tolist() == [0, 0, 1, 2, 3, 3, 4, 5]
    assert both.users.tolist() == [7, 3, 5, 7, 3, 5]
    batch = both.batch(np.arange(8), NONE_DRAWN, sampling_probability=0.1)
    assert batch["query"]["age"][batch["row"]].tolist() == [20, 20, 30, 40] * 2
    assert batch["user"][batch["row"]].tolist() == [7, 7, 3, 5] * 2
    assert batch["new"].tolist() == [True, False, True, False] * 2
    assert both.batch(np.array([4, 2]), NONE_DRAWN, sampling_probability=0.1)["candidate"].tolist() == [10, 10]

"""Batches of encoded purchases: their candidates, and how often each is expected."""

import numpy as np
import pytest

from models.training_rows import TrainingRows

# User 7 buys two items at one moment, users 3 and 5 one each; two items were drawn.
DAY = TrainingRows(
    queries={"age": np.array([20, 30, 40], np.float32)},
    query_rows=np.array([0, 0, 1, 2], np.int32),
    users=np.array([7, 7, 3, 5], np.int32),
    items={"sales": np.array([1, 2, 1, 3, 4, 1], np.float32)},
    candidates=np.array([10, 11, 10, 12, 13, 10], np.int32),
    sold=np.array([0.5, 0.25, 0.5, 0.25, 0, 0.5], np.float32),
)


def test_a_batch_holds_its_purchases_and_all_drawn_items():
    batch = DAY.batch(np.array([3, 1]), drawn=0.01)

    assert batch["user"].tolist() == [5, 7]
    assert batch["query"]["age"].tolist() == [40, 20]
    assert batch["candidate"].tolist() == [12, 11, 13, 10]
    assert batch["item"]["sales"].tolist() == [3, 2, 4, 1]


def test_frequency_is_the_expected_count_among_the_candidates_scaled_to_at_most_1():
    batch = DAY.batch(np.array([0, 1, 2, 3]), drawn=0.1)

    # 4 purchases x the share of the sales + 2 draws x 0.1: 2.2 for item 10, 1.2 for 11 and 12, 0.2 for 13
    assert batch["frequency"].tolist() == pytest.approx([1, 1.2 / 2.2, 1, 1.2 / 2.2, 0.2 / 2.2, 1])


def test_parts_together_keep_the_query_of_each_purchase():
    part = TrainingRows(
        queries=DAY.queries,
        query_rows=DAY.query_rows,
        users=DAY.users,
        items={"sales": DAY.items["sales"][:4]},
        candidates=DAY.candidates[:4],
        sold=DAY.sold[:4],
    )

    both = TrainingRows.together([part, part])

    assert len(both) == 8
    assert both.query_rows.tolist() == [0, 0, 1, 2, 3, 3, 4, 5]
    assert both.batch(np.arange(8), 0.1)["query"]["age"].tolist() == [20, 20, 30, 40] * 2
    assert both.batch(np.array([4, 2]), 0.1)["candidate"].tolist() == [10, 10]

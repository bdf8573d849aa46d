"""A batch of purchases: its queries, its candidates, and their expected frequencies."""

from dataclasses import replace

import numpy as np
import pytest

from models.training.training_rows import TrainingRows

# User 7 buys two items at one moment, users 3 and 5 one each; two items are sampled.
DAY = TrainingRows(
    queries={"age": np.array([20, 30, 40], np.float32)},
    query_rows=np.array([0, 0, 1, 2], np.int32),
    users=np.array([7, 3, 5], np.int32),
    new=np.array([True, False, True, False]),
    items={"sales": np.array([1, 2, 1, 3, 4, 1], np.float32)},
    candidates=np.array([10, 11, 10, 12, 13, 10], np.int32),
    sales_shares=np.array([0.5, 0.25, 0.5, 0.25, 0, 0.5], np.float32),
    sampling_probability=0.1,
)
ALL_SAMPLED, NONE_SAMPLED = np.array([0, 1]), np.array([], np.int64)


def test_the_length_counts_purchases_and_the_other_candidates_are_sampled():
    assert (len(DAY), DAY.sampled_count) == (4, 2)


def test_the_candidates_are_the_purchased_items_and_the_requested_sampled_items():
    batch = DAY.batch(np.array([3, 1]), ALL_SAMPLED)

    assert batch["candidate"].tolist() == [12, 11, 13, 10]
    assert batch["item"]["sales"].tolist() == [3, 2, 4, 1]
    assert batch["new"].tolist() == [False, False]
    assert DAY.batch(np.array([3, 1]), np.array([1]))["candidate"].tolist() == [12, 11, 10]
    assert DAY.batch(np.array([3, 1]), NONE_SAMPLED)["candidate"].tolist() == [12, 11]


def test_each_purchase_has_the_row_of_its_query_in_any_order():
    batch = DAY.batch(np.array([3, 1]), ALL_SAMPLED)

    assert batch["user"][batch["row"]].tolist() == [5, 7]
    assert batch["query"]["age"][batch["row"]].tolist() == [40, 20]
    assert batch["row"].dtype == np.int32


def test_purchases_of_one_basket_share_a_query():
    batch = DAY.batch(np.array([2, 0, 1]), ALL_SAMPLED)

    assert sorted(batch["user"].tolist()) == [3, 7]
    assert sorted(batch["query"]["age"].tolist()) == [20, 30]
    assert batch["user"][batch["row"]].tolist() == [3, 7, 7]
    assert batch["query"]["age"][batch["row"]].tolist() == [30, 20, 20]
    assert batch["new"].tolist() == [True, True, False]


def test_frequency_is_the_expected_count_among_the_candidates_scaled_to_at_most_1():
    batch = DAY.batch(np.array([0, 1, 2, 3]), ALL_SAMPLED)

    # 4 purchases x the share of the sales + 2 draws x 0.1: 2.2 for item 10, 1.2 for 11 and 12, 0.2 for 13
    assert batch["frequency"].tolist() == pytest.approx([1, 1.2 / 2.2, 1, 1.2 / 2.2, 0.2 / 2.2, 1])


def test_the_frequency_of_an_unsold_item_follows_the_number_of_sampled_candidates():
    batch = DAY.batch(np.array([0, 1]), np.array([0]))

    # 2 purchases x the share of the sales + 1 draw x 0.1: 1.1 for item 10, 0.6 for 11, 0.1 for 13
    assert batch["frequency"].tolist() == pytest.approx([1, 0.6 / 1.1, 0.1 / 1.1])


def test_concatenated_parts_keep_the_query_of_each_purchase():
    part = replace(
        DAY, items={"sales": DAY.items["sales"][:4]}, candidates=DAY.candidates[:4], sales_shares=DAY.sales_shares[:4]
    )

    both = TrainingRows.concat([part, part])

    assert len(both) == 8
    assert both.query_rows.tolist() == [0, 0, 1, 2, 3, 3, 4, 5]
    assert both.users.tolist() == [7, 3, 5, 7, 3, 5]
    batch = both.batch(np.arange(8), NONE_SAMPLED)
    assert batch["query"]["age"][batch["row"]].tolist() == [20, 20, 30, 40] * 2
    assert batch["user"][batch["row"]].tolist() == [7, 7, 3, 5] * 2
    assert batch["new"].tolist() == [True, False, True, False] * 2
    assert both.batch(np.array([4, 2]), NONE_SAMPLED)["candidate"].tolist() == [10, 10]

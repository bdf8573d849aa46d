"""The training set in batches: what is in them, in what order, and how often each candidate is expected."""

from dataclasses import replace

import numpy as np
import pytest

PURCHASES = [
    ("u1", "a", 0), ("u2", "a", 0), ("u1", "b", 0), ("u3", "a", 0), ("u2", "c", 0),
    ("u1", "c", 1), ("u3", "b", 1),
    ("u2", "b", 2),
]  # fmt: skip
SAMPLED = ["a", "b", "c", "c", "b", "a"]  # two for each day


@pytest.fixture
def batches(tiny):
    def batches(purchases=PURCHASES, sampled=SAMPLED, sampled_per_day=2, **settings):
        from models.batches import Batches

        query, item, _ = tiny.encodings()
        rows = tiny.training_set(purchases, sampled, sampled_per_day)
        return Batches.of(rows, query, item, replace(tiny.config, **settings))

    return batches


def by_day(batches, **settings):
    return batches(day_batches=True, **settings)


def mixed(batches, **settings):
    return batches(sampled=[], sampled_per_day=0, day_batches=False, **settings)


@pytest.mark.parametrize("kind", [by_day, mixed])
@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_every_purchase_comes_exactly_once_in_an_epoch(batches, kind, size):
    made = kind(batches, batch_size=size)

    order = made.order(1, seed=3)

    assert sorted(np.concatenate(order).tolist()) == list(range(8))
    assert max(len(rows) for rows in order) <= size
    assert made.steps() == len(order)


def test_a_batch_of_a_day_holds_that_days_purchases_only_and_a_day_is_parted_evenly(batches):
    order = by_day(batches, batch_size=4).order(1, seed=3)

    days = np.array([day for _, _, day in PURCHASES])
    assert all(len(set(days[rows])) == 1 for rows in order)
    assert sorted((int(days[rows[0]]), len(rows)) for rows in order) == [(0, 2), (0, 3), (1, 2), (2, 1)]


def test_without_day_batches_days_are_mixed(batches):
    days = np.array([day for _, _, day in PURCHASES])

    assert any(len(set(days[rows])) > 1 for seed in range(5) for rows in mixed(batches).order(1, seed))


@pytest.mark.parametrize("kind", [by_day, mixed])
def test_rows_are_shuffled_and_not_batches(batches, kind):
    made = kind(batches, batch_size=3)

    # Which purchases share a batch differs from epoch to epoch, not only the order of the batches.
    together = {frozenset(frozenset(rows.tolist()) for rows in made.order(epoch, seed=3)) for epoch in range(1, 7)}
    assert len(together) > 1


@pytest.mark.parametrize("kind", [by_day, mixed])
def test_the_order_follows_seed_and_epoch(batches, kind):
    def order(epoch, seed):
        return [rows.tolist() for rows in kind(batches).order(epoch, seed)]

    assert order(1, 3) == order(1, 3)
    assert order(2, 3) != order(1, 3)
    assert order(1, 4) != order(1, 3)


def test_batches_of_days_come_in_random_order_of_days(batches):
    days = np.array([day for _, _, day in PURCHASES])
    firsts = {int(days[by_day(batches).order(epoch, seed=3)[0][0]]) for epoch in range(12)}

    assert firsts == {0, 1, 2}


def test_sold_is_the_share_of_the_days_purchases_that_were_of_the_item(batches):
    made = by_day(batches)

    assert made.sold[:8].tolist() == pytest.approx([3 / 5, 3 / 5, 1 / 5, 3 / 5, 1 / 5, 1 / 2, 1 / 2, 1])
    # drawn as of day 0: a and b; as of day 1: c and c; as of day 2: b, and a which was not sold on that day
    assert made.sold[8:].tolist() == pytest.approx([3 / 5, 1 / 5, 1 / 2, 1 / 2, 1, 0])


def test_without_day_batches_the_share_is_that_of_all_purchases(batches):
    assert mixed(batches).sold.tolist() == pytest.approx([3 / 8, 3 / 8, 3 / 8, 3 / 8, 2 / 8, 2 / 8, 3 / 8, 3 / 8])


def test_a_batch_holds_its_purchases_and_the_items_drawn_for_its_day(batches, tiny):
    made = by_day(batches, batch_size=2)

    batch = made._batch(np.array([6, 5]))  # u3 buys b and u1 buys c, on day 1, for which c and c were drawn

    assert batch["user"].tolist() == [2, 0]
    assert batch["candidate"].tolist() == [1, 2, 2, 2]
    words = ["a", "b", "c"]
    assert [words[code - 2] for code in batch["item"]["item_id"]] == ["b", "c", "c", "c"]
    np.testing.assert_array_equal(batch["query"]["age"], np.array([60, 20], np.float32))
    assert {name: codes.shape[0] for name, codes in batch["query"].items()} == dict.fromkeys(batch["query"], 2)
    # Expected among the 4 candidates: 2 purchases x 1/2 of the day's, and 2 draws x 1/3 of the catalogue.
    assert batch["frequency"].tolist() == pytest.approx([1, 1, 1, 1])


def test_frequency_is_the_expected_count_among_the_candidates_scaled_to_at_most_1(batches):
    made = by_day(batches, batch_size=5)

    batch = made._batch(np.array([0, 2, 4, 1, 3]))  # a, b, c, a, a on day 0; drawn: a and b

    # a: 5 x 3/5 + 2/3 = 11/3; b and c: 5 x 1/5 + 2/3 = 5/3
    assert batch["candidate"].tolist() == [0, 1, 2, 0, 0, 0, 1]
    assert batch["frequency"].tolist() == pytest.approx([1, 5 / 11, 5 / 11, 1, 1, 1, 5 / 11])


def test_the_dataset_hands_out_the_batches_in_that_order(batches):
    made = by_day(batches, batch_size=2)

    handed = [batch["user"].numpy().tolist() for batch in made.dataset(2, seed=3)]

    users = [{"u1": 0, "u2": 1, "u3": 2}[user] for user, _, _ in PURCHASES]
    assert handed == [[users[row] for row in rows] for rows in made.order(2, seed=3)]
    spec = made.dataset(1, seed=3).element_spec
    assert spec["query"]["recent_items"].shape.as_list() == [None, 50]
    assert spec["item"]["sales"].dtype.name == "float32"

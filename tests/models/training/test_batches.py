"""Batches of the encoded training set: their purchases and their order."""

import uuid
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

# Ordered by day and user, as a training set is. No user buys an item twice, so (user, item) identifies a purchase.
PURCHASES = [
    ("u1", "a", 0), ("u1", "b", 0), ("u2", "a", 0), ("u2", "c", 0), ("u3", "a", 0),
    ("u1", "c", 1), ("u3", "b", 1),
    ("u2", "b", 2),
]  # fmt: skip
SAMPLED = ["a", "b", "c", "c", "b", "a"]  # two per day
DAY_OF = {(user, item): day for user, item, day in PURCHASES}


@pytest.fixture
def batches(tiny, tmp_path):
    def batches(purchases=PURCHASES, sampled=SAMPLED, sampled_per_day=2, **settings):
        from models.training.batches import Batches
        from models.training.encoded_set import EncodedSet

        rows = tiny.training_set(purchases, sampled, sampled_per_day)
        config = replace(tiny.config, sampled_per_day=0, **settings)
        encoded = EncodedSet.write(
            rows, tiny.encodings(), tmp_path / str(uuid.uuid4()), shares_of_day=config.day_batches
        )
        return Batches(encoded, config)

    return batches


def by_day(batches, **settings):
    return batches(day_batches=True, **settings)


def mixed(batches, **settings):
    return batches(sampled=[], sampled_per_day=0, day_batches=False, **settings)


def purchases_of(batch):
    users, items = ("u1", "u2", "u3"), ("", "", "a", "b", "c")
    buyers = np.array(batch["user"])[np.array(batch["row"])]
    purchased = batch["candidate"][: len(buyers)]
    return [(users[user], items[item]) for user, item in zip(buyers, purchased, strict=True)]


def order(batches, epoch=1, seed=3):
    return [purchases_of(batch) for batch in batches.epoch(epoch, seed)]


@pytest.mark.parametrize("kind", [by_day, mixed])
@pytest.mark.parametrize("size", [1, 2, 3, 100])
@pytest.mark.parametrize("window", [1, 6, 100])
def test_an_epoch_holds_every_purchase_exactly_once(batches, kind, size, window):
    epochs = kind(batches, batch_size=size, shuffle_window=window)

    in_order = order(epochs)

    assert sorted(purchase for batch in in_order for purchase in batch) == sorted(DAY_OF)
    assert max(len(batch) for batch in in_order) <= size
    assert epochs.steps(1, seed=3) == len(in_order)


def test_a_day_batch_holds_purchases_of_one_day_and_days_are_split_evenly(batches):
    days = [[DAY_OF[purchase] for purchase in batch] for batch in order(by_day(batches, batch_size=4))]

    assert all(len(set(batch)) == 1 for batch in days)
    assert sorted((batch[0], len(batch)) for batch in days) == [(0, 2), (0, 3), (1, 2), (2, 1)]


def test_without_day_batches_the_days_of_a_window_are_mixed(batches):
    def is_mixed(shuffle_window):
        epochs = mixed(batches, shuffle_window=shuffle_window)
        orders = [order(epochs, seed=seed) for seed in range(5)]
        return any(len({DAY_OF[purchase] for purchase in batch}) > 1 for in_order in orders for batch in in_order)

    assert is_mixed(shuffle_window=100)
    assert not is_mixed(shuffle_window=1)


@pytest.mark.parametrize("kind", [by_day, mixed])
def test_purchases_are_shuffled_across_batches(batches, kind):
    epochs = kind(batches, batch_size=3)

    # The sets of purchases that share a batch differ between epochs, not only the order of the batches.
    partitions = {frozenset(frozenset(batch) for batch in order(epochs, epoch)) for epoch in range(1, 7)}
    assert len(partitions) > 1


@pytest.mark.parametrize("kind", [by_day, mixed])
def test_the_order_is_determined_by_seed_and_epoch(batches, kind):
    epochs = kind(batches)

    assert order(epochs, 1, 3) == order(epochs, 1, 3)
    assert order(epochs, 2, 3) != order(epochs, 1, 3)
    assert order(epochs, 1, 4) != order(epochs, 1, 3)


@pytest.mark.parametrize("kind", [by_day, mixed])
def test_a_batch_holds_each_query_once(batches, kind):
    epochs = kind(batches, batch_size=100)

    # Day 0: two items each by u1 and u2, one by u3; day 1: one each by u1 and u3; day 2: one by u2.
    users = {0: [0, 1, 2], 1: [0, 2], 2: [1]} if kind is by_day else {"all": [0, 0, 1, 1, 2, 2]}
    assert sorted(sorted(batch["user"].tolist()) for batch in epochs.epoch(1, 3)) == sorted(users.values())


def test_purchases_of_one_query_are_adjacent_in_day_batches(batches):
    rows = [batch["row"].tolist() for epoch in range(1, 9) for batch in by_day(batches, batch_size=100).epoch(epoch, 3)]

    assert max(map(len, rows)) == 5
    assert all(sum(one != other for one, other in pairwise(batch)) == len(set(batch)) - 1 for batch in rows)


@pytest.mark.parametrize(("per_batch", "count"), [(0, 0), (1, 1), (2, 2), (9, 2)])
def test_a_day_batch_holds_the_configured_number_of_the_items_sampled_for_its_day(batches, per_batch, count):
    for batch in by_day(batches, sampled_per_batch=per_batch).epoch(1, 3):
        sampled = batch["candidate"][len(batch["row"]) :]
        of_day = SAMPLED[2 * DAY_OF[purchases_of(batch)[0]] :][:2]
        assert len(sampled) == count
        assert {("", "", "a", "b", "c")[code] for code in sampled} <= set(of_day)


def test_the_sampled_items_of_a_batch_differ_between_batches_and_epochs(batches):
    epochs = by_day(batches, sampled_per_batch=1, batch_size=1)
    sampled = [
        [batch["candidate"][1] for batch in epochs.epoch(epoch, 3) if DAY_OF[purchases_of(batch)[0]] == 0]
        for epoch in range(1, 9)
    ]

    assert all(set(of_epoch) <= {2, 3} for of_epoch in sampled)  # a or b, each sampled once for day 0
    assert {2, 3} in map(set, sampled)
    assert len(set(map(tuple, sampled))) > 1


@pytest.mark.parametrize("kind", [by_day, mixed])
def test_each_purchase_has_its_new_flag(batches, kind):
    purchases = [*PURCHASES[:5], ("u1", "b", 1), ("u1", "c", 1), ("u3", "a", 1)]
    epochs = kind(lambda **settings: batches(purchases, **{"sampled": SAMPLED[:4], **settings}))

    flags = {}
    for batch in epochs.epoch(1, 3):
        for purchase, new in zip(purchases_of(batch), batch["new"].tolist(), strict=True):
            flags.setdefault(purchase, []).append(new)
    assert {purchase: sorted(new) for purchase, new in flags.items()} == {
        ("u1", "a"): [True],
        ("u1", "b"): [False, True],
        ("u1", "c"): [True],
        ("u2", "a"): [True],
        ("u2", "c"): [True],
        ("u3", "a"): [False, True],
    }


def test_days_are_in_random_order_and_the_batches_of_a_window_are_interleaved(batches):
    epochs = by_day(batches, batch_size=2)
    orders = [[DAY_OF[batch[0]] for batch in order(epochs, epoch)] for epoch in range(12)]

    assert {days[0] for days in orders} == {0, 1, 2}
    assert any(days != sorted(days, key=days.index) for days in orders)


@pytest.mark.parametrize(("window", "sizes"), [(1, [1, 2, 5]), (3, [3, 5]), (6, [2, 6]), (7, [1, 7]), (8, [8])])
def test_a_window_holds_at_most_the_configured_purchases_and_at_least_one_day(batches, window, sizes):
    epochs = by_day(batches, shuffle_window=window)

    windows = [epochs._split_days(np.random.default_rng(seed)) for seed in range(30)]

    totals = [[int(epochs.encoded_set.purchases_per_day[days].sum()) for days in of_epoch] for of_epoch in windows]
    assert all(total <= max(window, 5) for of_epoch in totals for total in of_epoch)
    assert sizes in map(sorted, totals)
    assert {tuple(sorted(day for days in of_epoch for day in days)) for of_epoch in windows} == {(0, 1, 2)}


@pytest.mark.parametrize("kind", [by_day, mixed])
def test_a_window_is_read_after_the_batches_of_the_previous_one_are_used(batches, kind, monkeypatch):
    from models.training.encoded_set import EncodedSet

    read, open_reader = [], EncodedSet.open_reader

    def open_recording_reader(self):
        read_day = open_reader(self)
        return lambda number: read.append(number) or read_day(number)

    monkeypatch.setattr(EncodedSet, "open_reader", open_recording_reader)
    epochs = kind(batches, batch_size=1, shuffle_window=1)  # one day per window

    seen = [(DAY_OF[purchases_of(batch)[0]], list(read)) for batch in epochs.epoch(1, 3)]

    assert all(days[-1] == day for day, days in seen)
    assert sorted(seen[-1][1]) == [0, 1, 2]


def test_the_dataset_yields_the_batches_of_the_epoch(batches):
    epochs = by_day(batches, batch_size=2)

    yielded = list(epochs.dataset(2, seed=3))

    names = ("user", "row", "candidate")
    assert [purchases_of({name: batch[name].numpy() for name in names}) for batch in yielded] == order(epochs, 2, 3)
    for batch, expected in zip(yielded, epochs.epoch(2, 3), strict=True):
        for side in ("query", "item"):
            for name, codes in expected[side].items():
                np.testing.assert_array_equal(batch[side][name].numpy(), codes)
    spec = epochs.dataset(1, seed=3).element_spec
    assert spec["query"]["recent_items"].shape.as_list() == [None, 128]
    assert spec["query"]["recent_counts"].dtype.name == "float32"
    assert spec["query"]["colours"].shape.as_list() == [None, 50]
    assert spec["new"].dtype.name == "bool"
    assert spec["item"]["sales"].dtype.name == "float32"

"""The training set in batches: which purchases are in them, and in what order."""

import uuid
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

# By day and user, as a training set is; no user buys an item twice, so that the pair names the purchase.
PURCHASES = [
    ("u1", "a", 0), ("u1", "b", 0), ("u2", "a", 0), ("u2", "c", 0), ("u3", "a", 0),
    ("u1", "c", 1), ("u3", "b", 1),
    ("u2", "b", 2),
]  # fmt: skip
SAMPLED = ["a", "b", "c", "c", "b", "a"]  # two for each day
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
    return [
        (users[user], items[item]) for user, item in zip(buyers, batch["candidate"], strict=False)
    ]  # the first candidates are what was bought


def order(batches, epoch=1, seed=3):
    return [purchases_of(batch) for batch in batches.epoch(epoch, seed)]


@pytest.mark.parametrize("kind", [by_day, mixed])
@pytest.mark.parametrize("size", [1, 2, 3, 100])
@pytest.mark.parametrize("window", [1, 6, 100])
def test_every_purchase_comes_exactly_once_in_an_epoch(batches, kind, size, window):
    made = kind(batches, batch_size=size, shuffle_window=window)

    batches_ = order(made)

    assert sorted(purchase for batch in batches_ for purchase in batch) == sorted(DAY_OF)
    assert max(len(batch) for batch in batches_) <= size
    assert made.steps(1, seed=3) == len(batches_)


def test_a_batch_of_a_day_holds_that_days_purchases_only_and_a_day_is_parted_evenly(batches):
    days = [[DAY_OF[purchase] for purchase in batch] for batch in order(by_day(batches, batch_size=4))]

    assert all(len(set(batch)) == 1 for batch in days)
    assert sorted((batch[0], len(batch)) for batch in days) == [(0, 2), (0, 3), (1, 2), (2, 1)]


def test_without_day_batches_days_are_mixed_within_a_window(batches):
    def is_mixed(shuffle_window):
        made = mixed(batches, shuffle_window=shuffle_window)
        orders = [order(made, seed=seed) for seed in range(5)]
        return any(len({DAY_OF[purchase] for purchase in batch}) > 1 for batches_ in orders for batch in batches_)

    assert is_mixed(shuffle_window=100)
    assert not is_mixed(shuffle_window=1)


@pytest.mark.parametrize("kind", [by_day, mixed])
def test_rows_are_shuffled_and_not_batches(batches, kind):
    made = kind(batches, batch_size=3)

    # Which purchases share a batch differs from epoch to epoch, not only the order of the batches.
    together = {frozenset(frozenset(batch) for batch in order(made, epoch)) for epoch in range(1, 7)}
    assert len(together) > 1


@pytest.mark.parametrize("kind", [by_day, mixed])
def test_the_order_follows_seed_and_epoch(batches, kind):
    made = kind(batches)

    assert order(made, 1, 3) == order(made, 1, 3)
    assert order(made, 2, 3) != order(made, 1, 3)
    assert order(made, 1, 4) != order(made, 1, 3)


@pytest.mark.parametrize("kind", [by_day, mixed])
def test_a_batch_asks_each_query_once(batches, kind):
    made = kind(batches, batch_size=100)

    # Two things each by u1 and u2, one by u3, on the first day; then one each by u1 and u3, and one by u2.
    asked = {0: [0, 1, 2], 1: [0, 2], 2: [1]} if kind is by_day else {"all": [0, 0, 1, 1, 2, 2]}
    assert sorted(sorted(batch["user"].tolist()) for batch in made.epoch(1, 3)) == sorted(asked.values())


def test_purchases_of_one_query_are_beside_each_other_in_batches_of_a_day(batches):
    rows = [batch["row"].tolist() for epoch in range(1, 9) for batch in by_day(batches, batch_size=100).epoch(epoch, 3)]

    assert max(map(len, rows)) == 5
    assert all(sum(one != other for one, other in pairwise(of)) == len(set(of)) - 1 for of in rows)


@pytest.mark.parametrize(("per_batch", "held"), [(0, 0), (1, 1), (2, 2), (9, 2)])
def test_each_batch_of_a_day_holds_so_many_of_the_items_that_were_drawn_for_it(batches, per_batch, held):
    for batch in by_day(batches, sampled_per_batch=per_batch).epoch(1, 3):
        drawn = batch["candidate"][len(batch["row"]) :]
        of_day = SAMPLED[2 * DAY_OF[purchases_of(batch)[0]] :][:2]
        assert len(drawn) == held
        assert {("", "", "a", "b", "c")[code] for code in drawn} <= set(of_day)


def test_which_of_the_drawn_items_are_in_a_batch_is_drawn_anew_for_each_batch_and_epoch(batches):
    made = by_day(batches, sampled_per_batch=1, batch_size=1)
    drawn = [
        [batch["candidate"][1] for batch in made.epoch(epoch, 3) if DAY_OF[purchases_of(batch)[0]] == 0]
        for epoch in range(1, 9)
    ]

    assert all(set(of_epoch) <= {2, 3} for of_epoch in drawn)  # a or b, each drawn once for the first day
    assert {2, 3} in map(set, drawn)
    assert len(set(map(tuple, drawn))) > 1


@pytest.mark.parametrize("kind", [by_day, mixed])
def test_what_is_new_is_told_of_each_purchase(batches, kind):
    again = [*PURCHASES[:5], ("u1", "b", 1), ("u1", "c", 1), ("u3", "a", 1)]
    made = kind(lambda **settings: batches(again, **{"sampled": SAMPLED[:4], **settings}))

    told = {}
    for batch in made.epoch(1, 3):
        for purchase, new in zip(purchases_of(batch), batch["new"].tolist(), strict=True):
            told.setdefault(purchase, []).append(new)
    assert {purchase: sorted(new) for purchase, new in told.items()} == {
        ("u1", "a"): [True],
        ("u1", "b"): [False, True],
        ("u1", "c"): [True],
        ("u2", "a"): [True],
        ("u2", "c"): [True],
        ("u3", "a"): [False, True],
    }


def test_days_come_in_random_order_and_batches_of_a_windows_days_are_interleaved(batches):
    made = by_day(batches, batch_size=2)
    orders = [[DAY_OF[batch[0]] for batch in order(made, epoch)] for epoch in range(12)]

    assert {days[0] for days in orders} == {0, 1, 2}
    assert any(days != sorted(days, key=days.index) for days in orders)


@pytest.mark.parametrize(("window", "sizes"), [(1, [1, 2, 5]), (3, [3, 5]), (6, [2, 6]), (7, [1, 7]), (8, [8])])
def test_a_window_holds_no_more_purchases_than_it_may_but_a_day_at_least(batches, window, sizes):
    made = by_day(batches, shuffle_window=window)

    windows = [made._windows(np.random.default_rng(seed)) for seed in range(30)]

    held = [[int(made.rows.purchases_per_day[days].sum()) for days in of_epoch] for of_epoch in windows]
    assert all(total <= max(window, 5) for of_epoch in held for total in of_epoch)
    assert sizes in map(sorted, held)
    assert {tuple(sorted(day for days in of_epoch for day in days)) for of_epoch in windows} == {(0, 1, 2)}


@pytest.mark.parametrize("kind", [by_day, mixed])
def test_no_more_than_a_window_of_days_is_read_before_its_batches_are_used_up(batches, kind, monkeypatch):
    from models.training.encoded_set import EncodedSet

    read, reader = [], EncodedSet.reader

    def remembering(self):
        day = reader(self)
        return lambda number: read.append(number) or day(number)

    monkeypatch.setattr(EncodedSet, "reader", remembering)
    made = kind(batches, batch_size=1, shuffle_window=1)  # a day at a time

    seen = [(DAY_OF[purchases_of(batch)[0]], list(read)) for batch in made.epoch(1, 3)]

    assert all(days[-1] == day for day, days in seen)
    assert sorted(seen[-1][1]) == [0, 1, 2]


def test_the_dataset_hands_out_the_batches_of_the_epoch(batches):
    made = by_day(batches, batch_size=2)

    handed = list(made.dataset(2, seed=3))

    names = ("user", "row", "candidate")
    assert [purchases_of({name: batch[name].numpy() for name in names}) for batch in handed] == order(made, 2, 3)
    for batch, own in zip(handed, made.epoch(2, 3), strict=True):
        for side in ("query", "item"):
            for name, codes in own[side].items():
                np.testing.assert_array_equal(batch[side][name].numpy(), codes)
    spec = made.dataset(1, seed=3).element_spec
    assert spec["query"]["recent_items"].shape.as_list() == [None, 128]
    assert spec["query"]["recent_counts"].dtype.name == "float32"
    assert spec["query"]["colours"].shape.as_list() == [None, 50]
    assert spec["new"].dtype.name == "bool"
    assert spec["item"]["sales"].dtype.name == "float32"


def test_candidates_drawn_for_each_day_need_batches_of_a_day(tiny):
    with pytest.raises(ValueError, match="set day_batches"):
        replace(tiny.config, sampled_per_day=5, day_batches=False)

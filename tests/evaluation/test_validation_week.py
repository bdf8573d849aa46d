"""The validation week judges lists and towers on the same users and the whole catalogue."""

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest

from evaluation.validation_week import ValidationWeek

CUT = datetime(2020, 1, 8, tzinfo=UTC)
STAMP = pa.timestamp("us", tz="UTC")
ITEMS = pa.array(["a", "b", "c", "d"])


def purchases(*rows):
    users, items, days = zip(*rows, strict=True)
    stamps = pa.array([datetime(2020, 1, day, tzinfo=UTC) for day in days], STAMP)
    return pa.table({"user_id": users, "item_id": items, "event_timestamp": stamps})


# The week before the cut sold a three times, b twice and c once; u1 had bought a twice and b.
BEFORE = purchases(
    ("u1", "a", 1), ("u1", "a", 3), ("u1", "b", 3), ("u2", "c", 2), ("u3", "a", 5), ("u3", "b", 5)
)  # fmt: skip
# u1 buys a again and d for the first time, u2 buys b; u9, who had never bought, is not asked.
AFTER = purchases(("u1", "a", 8), ("u1", "d", 9), ("u2", "b", 10), ("u9", "c", 10))


@pytest.fixture
def week():
    return ValidationWeek.of(pa.array(["u1", "u2"]), ITEMS, BEFORE, AFTER, CUT)


def test_lists_are_at_most_half_the_catalogue_long(week):
    assert week.cutoffs == (2,)
    many = ValidationWeek.of(pa.array(["u1"]), pa.array([f"{n:03}" for n in range(199)] + ["a", "b", "c", "d"]),
                             BEFORE, AFTER, CUT)  # fmt: skip
    assert many.cutoffs == (12, 100)


def test_the_simple_lists_are_judged_by_hand(week):
    lists = week.baselines()

    # Bestsellers are a, b: half of u1's purchases and all of u2's. New items: u1 sees c, d and u2 sees a, b.
    assert lists["last week's bestsellers"].recalls == {2: (0.5 + 1) / 2}
    assert lists["last week's bestsellers"].new_recalls == {2: (1 + 1) / 2}
    assert lists["last week's bestsellers"].dropped_recalls == {2: (0.5 + 1) / 2}
    # Bought before: u1 sees a, b, and u2 sees c, then a.
    assert lists["bought before, then bestsellers"].recalls == {2: (0.5 + 0) / 2}


def test_towers_that_put_each_user_beside_his_purchases_find_them(week):
    items = np.eye(4, dtype=np.float32)
    queries = np.array([[1, 0, 0, 0.9], [0.1, 1, 0, 0]], np.float32)

    judgement = week.judge_vectors(queries, queries, items)

    assert judgement.recalls == {2: 1}
    assert judgement.recall == 1
    assert judgement.interval == (1, 1)
    assert judgement.faults == ()


def test_collapsed_towers_are_a_fault(week):
    judgement = week.judge_vectors(
        np.ones((2, 2), np.float32), np.ones((2, 2), np.float32), np.ones((4, 2), np.float32)
    )

    assert judgement.faults == ("All 2 users have the same 2 items: the query vectors have collapsed.",)


def test_vectors_that_are_not_finite_are_a_fault_and_no_number(week):
    judgement = week.judge_vectors(*[np.full((2, 2), np.nan, np.float32)] * 2, np.ones((4, 2), np.float32))

    assert judgement.recalls == {}
    assert judgement.faults == ("Vectors are not finite: the training diverged, lower the learning rate.",)


def test_an_item_that_is_not_in_the_catalogue_yet_counts_as_missed():
    after = purchases(("u1", "a", 8), ("u1", "launched later", 9))
    week = ValidationWeek.of(pa.array(["u1"]), ITEMS, BEFORE, after, CUT)

    assert week.baselines()["last week's bestsellers"].recalls == {2: 0.5}
    assert week.baselines()["last week's bestsellers"].new_recalls == {2: 0}


def test_a_past_purchase_of_an_unknown_item_is_refused():
    with pytest.raises(ValueError, match="names a user or an item that is not in the lists"):
        ValidationWeek.of(pa.array(["u1"]), pa.array(["a", "b"]), BEFORE, AFTER, CUT)

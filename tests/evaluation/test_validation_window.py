"""The validation week judges lists and towers on the same users and the whole catalogue."""

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest

from evaluation.validation_window import ValidationWindow

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
    return ValidationWindow.of(pa.array(["u1", "u2"]), ITEMS, BEFORE, AFTER, CUT)


def test_lists_are_at_most_half_the_catalogue_long(week):
    assert week.cutoffs == (2,)
    many = ValidationWindow.of(pa.array(["u1"]), pa.array([f"{n:03}" for n in range(199)] + ["a", "b", "c", "d"]),
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

    window_metrics = week.evaluate_vectors(queries, queries, items)

    assert window_metrics.recalls == {2: 1}
    assert window_metrics.recall == 1
    assert window_metrics.interval == (1, 1)
    assert window_metrics.faults == ()


def test_collapsed_towers_are_a_fault(week):
    window_metrics = week.evaluate_vectors(
        np.ones((2, 2), np.float32), np.ones((2, 2), np.float32), np.ones((4, 2), np.float32)
    )

    assert window_metrics.faults == (
        "All 2 users have the same 2 items: the query vectors for anything have collapsed.",
        "All 2 users have the same 2 items: the query vectors for something new have collapsed.",
    )


MANY = 40


@pytest.fixture
def crowd():
    """Forty users who each buy one of forty items, and the next one a week later."""
    users, items = [f"u{n:02}" for n in range(MANY)], [f"i{n:02}" for n in range(MANY)]
    before = purchases(*zip(users, items, [1] * MANY, strict=True))
    after = purchases(*zip(users, items[1:] + items[:1], [9] * MANY, strict=True))
    return ValidationWindow.of(pa.array(users), pa.array(items), before, after, CUT)


def directions(seed):
    return np.random.default_rng(seed).standard_normal((MANY, 8)).astype(np.float32)


def test_healthy_query_vectors_are_no_fault_and_their_figures_are_told(crowd):
    window_metrics = crowd.evaluate_vectors(directions(1), directions(2), directions(3))

    assert window_metrics.faults == ()
    assert list(window_metrics.diversities) == ["anything", "something new"]
    for diversity in window_metrics.diversities.values():
        assert abs(diversity.mean_cosine) < 0.1
        assert 6 < diversity.effective_rank <= 8
        assert diversity.distinct_items > 2 * diversity.k == 24
        assert (diversity.queries, diversity.dimensions) == (MANY, 8)


@pytest.mark.parametrize(("place", "asked"), [(0, "anything"), (1, "something new")])
def test_either_kind_of_query_vectors_may_collapse_and_is_named_with_what_was_measured(crowd, place, asked):
    queries = [directions(1), directions(2)]
    queries[place] = 1 + 0.001 * queries[place]

    window_metrics = crowd.evaluate_vectors(*queries, directions(3))

    assert len(window_metrics.faults) >= 2
    cosine = [fault for fault in window_metrics.faults if "all point the same way" in fault]
    assert [fault.split(" all ")[0] for fault in cosine] == [f"The query vectors for {asked}"]
    assert "their mean pairwise cosine is 1.00000, above 0.999" in cosine[0]
    assert any(
        "have the same 12 items" in fault or "nearly the same 12 items" in fault for fault in window_metrics.faults
    )
    assert window_metrics.diversities[asked].mean_cosine > 0.999


def test_query_vectors_on_a_line_are_a_fault_whatever_they_ask_for(crowd):
    line = np.linspace(-1, 1, MANY, dtype=np.float32)[:, None] * np.float32([1, 2, 3, 4, 5, 6, 7, 8])

    window_metrics = crowd.evaluate_vectors(directions(1), line, directions(3))

    assert window_metrics.faults == (
        "The query vectors for something new lie on a line: their effective rank is 1.00 of 8 dimensions, below 2.",
    )


def test_vectors_that_differ_only_where_no_item_does_lead_to_one_list_and_that_is_a_fault(crowd):
    items, same = directions(3), directions(2)
    items[:, 4:] = 0
    same[:, :4] = 1

    window_metrics = crowd.evaluate_vectors(directions(1), same, items)

    # Each user's list of new items is without what he bought: the lists are different, the vectors are not.
    assert window_metrics.diversities["something new"].mean_cosine < 0.999
    assert window_metrics.faults == (
        "All 40 users have the same 12 items: the query vectors for something new have collapsed.",
    )


def test_vectors_that_are_not_finite_are_a_fault_and_no_number(week):
    window_metrics = week.evaluate_vectors(*[np.full((2, 2), np.nan, np.float32)] * 2, np.ones((4, 2), np.float32))

    assert window_metrics.recalls == {}
    assert window_metrics.faults == ("Vectors are not finite: the training diverged, lower the learning rate.",)


def test_an_item_that_is_not_in_the_catalogue_yet_counts_as_missed():
    after = purchases(("u1", "a", 8), ("u1", "launched later", 9))
    week = ValidationWindow.of(pa.array(["u1"]), ITEMS, BEFORE, after, CUT)

    assert week.baselines()["last week's bestsellers"].recalls == {2: 0.5}
    assert week.baselines()["last week's bestsellers"].new_recalls == {2: 0}


def test_a_past_purchase_of_an_unknown_item_is_refused():
    with pytest.raises(ValueError, match="names a user or an item that is not in the lists"):
        ValidationWindow.of(pa.array(["u1"]), pa.array(["a", "b"]), BEFORE, AFTER, CUT)

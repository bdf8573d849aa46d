"""Lists and towers are evaluated on the same users and the whole catalogue."""

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
# u1 buys a again and d for the first time, u2 buys b; u9, a cold user, is not evaluated.
AFTER = purchases(("u1", "a", 8), ("u1", "d", 9), ("u2", "b", 10), ("u9", "c", 10))


@pytest.fixture
def window():
    return ValidationWindow.of(pa.array(["u1", "u2"]), ITEMS, BEFORE, AFTER, CUT)


def test_cutoffs_are_at_most_half_the_catalogue(window):
    assert window.cutoffs == (2,)
    items = pa.array([f"{n:03}" for n in range(199)] + ["a", "b", "c", "d"])
    assert ValidationWindow.of(pa.array(["u1"]), items, BEFORE, AFTER, CUT).cutoffs == (12, 100)


def test_the_baselines_of_two_users(window):
    baselines = window.baselines()

    # Bestsellers are a, b: half of u1's purchases and all of u2's. New items: the lists are c, d and a, b.
    bestsellers = baselines["last week's bestsellers"]
    assert bestsellers.recalls == {2: (0.5 + 1) / 2}
    assert bestsellers.new_item_recalls == {2: (1 + 1) / 2}
    assert bestsellers.excluding_bought_recalls == {2: (0.5 + 1) / 2}
    # Own purchases: a, b for u1, and c, then the bestseller a, for u2.
    assert baselines["own purchases by frequency"].recalls == {2: (0.5 + 0) / 2}


def test_towers_that_place_users_beside_their_purchases_find_them(window):
    items = np.eye(4, dtype=np.float32)
    queries = np.array([[1, 0, 0, 0.9], [0.1, 1, 0, 0]], np.float32)

    metrics = window.evaluate_vectors(queries, queries, items)

    assert metrics.recalls == {2: 1}
    assert metrics.recall == 1
    assert metrics.interval == (1, 1)
    assert metrics.failed_checks == ()


def test_collapsed_towers_fail(window):
    metrics = window.evaluate_vectors(
        np.ones((2, 2), np.float32), np.ones((2, 2), np.float32), np.ones((4, 2), np.float32)
    )

    assert metrics.failed_checks == (
        "All 2 users have the same 2 items: the query vectors have collapsed.",
        "All 2 users have the same 2 items: the new-item query vectors have collapsed.",
    )


MANY = 40


@pytest.fixture
def large_window():
    """Forty users who each buy one of forty items, and the next item a week later."""
    users, items = [f"u{n:02}" for n in range(MANY)], [f"i{n:02}" for n in range(MANY)]
    before = purchases(*zip(users, items, [1] * MANY, strict=True))
    after = purchases(*zip(users, items[1:] + items[:1], [9] * MANY, strict=True))
    return ValidationWindow.of(pa.array(users), pa.array(items), before, after, CUT)


def directions(seed):
    return np.random.default_rng(seed).standard_normal((MANY, 8)).astype(np.float32)


def test_diverse_query_vectors_pass_and_their_diversity_is_reported(large_window):
    metrics = large_window.evaluate_vectors(directions(1), directions(2), directions(3))

    assert metrics.failed_checks == ()
    assert list(metrics.diversities) == ["query vectors", "new-item query vectors"]
    for diversity in metrics.diversities.values():
        assert abs(diversity.mean_cosine) < 0.1
        assert 6 < diversity.effective_rank <= 8
        assert diversity.distinct_items > 2 * diversity.k == 24
        assert (diversity.queries, diversity.dimensions) == (MANY, 8)


@pytest.mark.parametrize(("position", "kind"), [(0, "query vectors"), (1, "new-item query vectors")])
def test_collapsed_query_vectors_of_either_kind_fail_by_name(large_window, position, kind):
    queries = [directions(1), directions(2)]
    queries[position] = 1 + 0.001 * queries[position]

    metrics = large_window.evaluate_vectors(*queries, directions(3))

    assert len(metrics.failed_checks) >= 2
    assert all(f"the {kind} " in message.lower() for message in metrics.failed_checks)
    assert any("cosine is 1.00000, above 0.999" in message for message in metrics.failed_checks)
    assert any("the same 12 items" in message for message in metrics.failed_checks)
    assert metrics.diversities[kind].mean_cosine > 0.999


def test_query_vectors_on_a_line_fail(large_window):
    line = np.linspace(-1, 1, MANY, dtype=np.float32)[:, None] * np.float32([1, 2, 3, 4, 5, 6, 7, 8])

    metrics = large_window.evaluate_vectors(directions(1), line, directions(3))

    assert metrics.failed_checks == (
        "The new-item query vectors lie on a line: their effective rank is 1.00 of 8 dimensions, below 2.",
    )


def test_different_vectors_that_retrieve_one_list_fail(large_window):
    items, same = directions(3), directions(2)
    items[:, 4:] = 0
    same[:, :4] = 1

    metrics = large_window.evaluate_vectors(directions(1), same, items)

    # The lists of new items differ, because bought items are excluded; the check ignores the exclusion.
    assert metrics.diversities["new-item query vectors"].mean_cosine < 0.999
    assert metrics.failed_checks == ("All 40 users have the same 12 items: the new-item query vectors have collapsed.",)


def test_vectors_that_are_not_finite_fail_without_metrics(window):
    metrics = window.evaluate_vectors(*[np.full((2, 2), np.nan, np.float32)] * 2, np.ones((4, 2), np.float32))

    assert metrics.recalls == {}
    (failed,) = metrics.failed_checks
    assert "not finite" in failed


def test_an_item_that_is_not_in_the_catalogue_yet_counts_as_missed():
    after = purchases(("u1", "a", 8), ("u1", "launched later", 9))
    window = ValidationWindow.of(pa.array(["u1"]), ITEMS, BEFORE, after, CUT)

    assert window.baselines()["last week's bestsellers"].recalls == {2: 0.5}
    assert window.baselines()["last week's bestsellers"].new_item_recalls == {2: 0}


def test_a_past_purchase_of_an_unknown_item_is_refused():
    with pytest.raises(ValueError, match="not among the given ids"):
        ValidationWindow.of(pa.array(["u1"]), pa.array(["a", "b"]), BEFORE, AFTER, CUT)

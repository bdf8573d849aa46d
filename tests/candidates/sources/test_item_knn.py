import numpy as np
import pytest
from fixtures.purchases import histories_of, purchases_of
from hypothesis import given, settings
from hypothesis import strategies as st

from candidates.histories import Histories
from candidates.item_lists import ItemLists
from candidates.sources.item_knn import HALF_LIFE, ItemKnn

CUT = np.datetime64("2020-09-16", "us")

# Bread 0 is similar to butter 1 and a little to jam 2; butter to bread; jam to itself only; item 3 was never bought.
KITCHEN = ItemKnn(
    np.array([[0, 1, 2], [1, 0, -1], [2, -1, -1], [-1, -1, -1]], np.int32),
    np.array([[1, 0.5, 0.25], [1, 0.5, 0], [1, 0, 0], [0, 0, 0]], np.float32),
)


def test_the_similarities_to_all_items_of_the_history_add_up():
    # log(1 + 1) for bread and log(1 + 3) = 2 log 2, halved by its age, for butter: one log 2 each.
    histories = histories_of([(0, 1, 0), (1, 3, HALF_LIFE)], [(3, 1, 0)], [])

    positions, scores = KITCHEN.top(histories, 4)

    assert HALF_LIFE == 90
    assert positions.tolist() == [[0, 1, 2, -1], [-1] * 4, [-1] * 4]
    assert scores[0] == pytest.approx([1.5 * np.log(2), 1.5 * np.log(2), 0.25 * np.log(2), -np.inf])
    assert scores[1:].tolist() == [[-np.inf] * 4] * 2
    assert (positions.dtype, scores.dtype) == (np.int32, np.float32)


def test_pairs_have_the_same_scores_as_in_the_lists_and_0_elsewhere():
    scored = KITCHEN.score(histories_of([(0, 1, 0), (1, 3, HALF_LIFE)], [], [(2, 1, 0)]))

    scores = scored.look_up(np.array([0, 3, 4, 6]), np.array([2, 3, 0, 0, 2, 1], np.int32))

    assert scores == pytest.approx(np.array([0.25, 0, 1.5, 0, 1, 0]) * np.log(2))
    assert scores.dtype == np.float32
    assert scored.look_up(np.zeros(4, np.int64), np.array([], np.int32)).shape == (0,)


def test_the_strongest_entry_of_a_candidate_is_another_item_of_the_users_own_history():
    # User 0 has bread (entry 0) and butter (entry 1), which is older: for jam only bread counts, for bread only butter.
    histories = histories_of([(0, 1, 0), (1, 3, HALF_LIFE)], [(2, 1, 0)], [(1, 1, 0)])

    entries = KITCHEN.strongest(histories, np.array([0, 0, 0, 1, 2, 2]), np.array([2, 0, 3, 2, 1, 0], np.int32))

    assert entries.tolist() == [0, 1, -1, -1, -1, 3]


def test_scores_are_multiplied_by_item_weights_and_items_of_weight_0_are_not_listed():
    positions, scores = KITCHEN.top(histories_of([(0, 1, 0)]), 3, np.array([0, 1, 4, 1], np.float32))

    assert positions.tolist() == [[2, 1, -1]]
    assert scores[0, :2] == pytest.approx([np.log(2), 0.5 * np.log(2)])


def test_excluded_items_are_removed_before_the_cut():
    excluded = ItemLists.from_lists([np.array([0, 3])])

    assert KITCHEN.top(histories_of([(0, 1, 0)]), 2, excluded=excluded)[0].tolist() == [[1, 2]]


def test_ineligible_items_are_removed_before_the_cut():
    eligible = np.array([False, True, True, False])

    assert KITCHEN.top(histories_of([(0, 1, 0)]), 2, eligible=eligible)[0].tolist() == [[1, 2]]


def test_the_missing_item_of_a_checkerboard_comes_first():
    # Even users buy even items and odd users odd items, each all but one: the missing one is listed first.
    rows = [(user, item, "2020-09-01") for user in range(8) for item in range(8) if (user + item) % 2 == 0]
    rows = [(user, item, time) for user, item, time in rows if item != user]
    purchases, users = purchases_of(*rows), np.arange(8, dtype=np.int32)
    histories = Histories.from_purchases(purchases, CUT, users)

    fitted = ItemKnn.fit(purchases, CUT, 8, shrinkage=0.5)
    positions, _ = fitted.top(histories, 8, excluded=histories.bought)

    assert positions[:, 0].tolist() == list(range(8))
    assert (positions[:, 1:] == -1).all()


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 20), st.booleans())
def test_the_result_equals_a_full_sort_of_all_scores(seed, k, weighted):
    generator = np.random.default_rng(seed)
    n, items = 4, 12
    similarity = np.round(generator.random((items, items)), 1) * (generator.random((items, items)) < 0.4)
    fitted = ItemKnn(np.where(similarity > 0, np.arange(items), -1).astype(np.int32), similarity.astype(np.float32))
    weights = generator.integers(0, 3, items).astype(np.float32)
    bought = [generator.permutation(items)[: generator.integers(0, 5)].tolist() for _ in range(n)]
    entries = [[(item, int(generator.integers(1, 4)), day) for day, item in enumerate(own)] for own in bought]
    excluded = [np.flatnonzero(generator.random(items) < 0.3) for _ in range(n)]
    eligible = generator.random(items) < 0.8

    positions, scores = fitted.top(
        histories_of(*entries), k, weights if weighted else None, ItemLists.from_lists(excluded), eligible=eligible
    )

    for user in range(n):
        expected = np.zeros(items)
        for item, count, days in entries[user]:
            expected += np.float32(np.log1p(np.float32(count))) * 0.5 ** (days / 90) * fitted.similarities[item]
        expected *= weights if weighted else 1
        allowed = [item for item in np.flatnonzero(expected) if eligible[item] and item not in excluded[user]]
        assert sorted(positions[user][positions[user] >= 0]) == sorted(
            sorted(allowed, key=lambda item: (-np.float32(expected[item]), item))[:k]
        )
        listed = positions[user][: min(k, len(allowed))]
        assert scores[user, : len(listed)] == pytest.approx(expected[listed], rel=1e-6)
        assert (np.diff(scores[user, : len(listed)]) <= 0).all()


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_purchases_at_or_after_the_cut_do_not_change_a_fit(seed):
    numbers = np.random.default_rng(seed).integers((0, 0, 0), (5, 8, 10), (40, 3)).tolist()
    past = [(user, item, CUT - np.timedelta64(day * 24 + 1, "h")) for user, item, day in numbers[:20]]
    future = [(user, item, CUT + np.timedelta64(day, "D")) for user, item, day in numbers[20:]]

    with_future = ItemKnn.fit(purchases_of(*future, *past), CUT, 8)
    without = ItemKnn.fit(purchases_of(*past), CUT, 8)

    assert with_future.neighbours.tolist() == without.neighbours.tolist()
    assert with_future.similarities.tolist() == without.similarities.tolist()


def test_arguments_are_not_changed():
    neighbours, similarities = KITCHEN.neighbours.copy(), KITCHEN.similarities.copy()
    purchases = purchases_of((1, 1, "2020-09-15"), (0, 0, "2020-09-14"))
    weights, histories = np.ones(4, np.float32), histories_of([(0, 1, 0)])

    ItemKnn.fit(purchases, CUT, 2)
    KITCHEN.top(histories, 3, weights, ItemLists.from_lists([np.array([1])]))

    assert (KITCHEN.neighbours == neighbours).all()
    assert (KITCHEN.similarities == similarities).all()
    assert weights.tolist() == [1] * 4
    assert (histories.positions.tolist(), histories.counts.tolist(), histories.days.tolist()) == ([0], [1], [0])
    assert (purchases.user_codes.tolist(), purchases.item_positions.tolist()) == ([1, 0], [1, 0])


@pytest.mark.parametrize(
    ("neighbours", "similarities", "message"),
    [
        ([[1]], [[1.0]], "below 1, or -1"),
        ([[-2]], [[1.0]], "below 1, or -1"),
        ([[0]], [[-1.0]], "at least 0"),
        ([[0]], [[np.nan]], "finite"),
        ([[-1]], [[1.0]], "Padding must have similarity 0"),
        ([[0]], [[1.0, 1.0]], r"\(1, 1\) and \(1, 2\)"),
    ],
)
def test_malformed_neighbours_are_refused(neighbours, similarities, message):
    with pytest.raises(ValueError, match=message):
        ItemKnn(np.array(neighbours, np.int32), np.array(similarities, np.float32))


def test_wrong_dtypes_and_requests_are_refused():
    with pytest.raises(ValueError, match="not int64 and float32"):
        ItemKnn(np.array([[0]]), np.ones((1, 1), np.float32))
    with pytest.raises(ValueError, match="at least 1, not 0"):
        KITCHEN.top(histories_of([]), 0)
    with pytest.raises(ValueError, match=r"must be \(4,\)"):
        KITCHEN.top(histories_of([]), 1, np.ones(3, np.float32))
    with pytest.raises(ValueError, match="at least 0"):
        KITCHEN.top(histories_of([]), 1, -np.ones(4, np.float32))

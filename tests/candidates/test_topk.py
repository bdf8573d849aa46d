import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from candidates.item_lists import ItemLists
from candidates.topk import first_k, ranks_within_groups, top_k, top_k_of_sorted


def pairs(*triples):
    rows, positions, scores = zip(*triples, strict=True)
    return np.array(rows), np.array(positions, np.int32), np.array(scores, np.float32)


def by_user(n, *triples):
    """The same pairs with the offsets of n users instead of rows."""
    rows, positions, scores = pairs(*triples)
    return np.searchsorted(rows, np.arange(n + 1)), positions, scores


def test_the_best_pairs_come_first_and_ties_are_ordered_and_cut_by_position():
    positions, scores = top_k(*by_user(3, (0, 9, 1), (0, 4, 2), (0, 2, 1), (0, 7, 1), (2, 5, -3)), 3)

    assert positions.tolist() == [[4, 2, 7], [-1, -1, -1], [5, -1, -1]]
    assert scores.tolist() == [[2, 1, 1], [-np.inf] * 3, [-3, -np.inf, -np.inf]]
    assert (positions.dtype, scores.dtype) == (np.int32, np.float32)


def test_excluded_items_are_removed_before_the_cut():
    excluded = ItemLists.from_lists([np.array([4, 9]), np.array([8])])

    positions, _ = top_k(*by_user(2, (0, 9, 3), (0, 4, 2), (0, 2, 1), (0, 7, 0), (1, 8, 1)), 2, excluded)

    assert positions.tolist() == [[2, 7], [-1, -1]]


def test_ineligible_items_are_removed_before_the_cut_for_every_user():
    eligible = np.array([True, False, True])

    positions, _ = top_k(*by_user(2, (0, 1, 9), (0, 2, 1), (1, 0, 1), (1, 1, 2)), 2, eligible=eligible)

    assert positions.tolist() == [[2, -1], [0, -1]]


def test_negative_zero_ties_with_zero_and_infinite_scores_have_their_place():
    positions, scores = top_k(
        *by_user(1, (0, 3, -0.0), (0, 5, 0.0), (0, 1, -np.inf), (0, 8, np.inf), (0, 2, -1e-40)), 5
    )

    assert positions.tolist() == [[8, 3, 5, 2, 1]]
    assert scores.tolist() == [np.float32([np.inf, 0, 0, -1e-40, -np.inf]).tolist()]


def test_sorted_pairs_keep_their_order():
    positions, scores = top_k_of_sorted(*pairs((1, 3, 0), (1, 1, 5), (1, 2, 9)), 2, 2)

    assert positions.tolist() == [[-1, -1], [3, 1]]
    assert scores.tolist() == [[-np.inf, -np.inf], [0, 5]]
    assert first_k(np.array([1, 1, 1]), np.array([3, 1, 2]), 2, 2).tolist() == [[-1, -1], [3, 1]]


def test_without_pairs_all_lists_are_padding():
    no_pairs = np.empty(0, np.int32), np.empty(0, np.float32)

    assert top_k(np.zeros(3, np.int64), *no_pairs, 1)[0].tolist() == [[-1], [-1]]
    assert top_k(np.zeros(1, np.int64), *no_pairs, 1)[0].shape == (0, 1)


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 12), st.integers(1, 9))
def test_top_k_equals_a_full_sort_of_each_users_pairs(seed, k, different_scores):
    generator = np.random.default_rng(seed)
    shuffled = [generator.permutation(40)[: generator.integers(0, 41)] for _ in range(4)]
    offsets = np.cumsum([0, *map(len, shuffled)])
    items = np.concatenate(shuffled).astype(np.int32)
    scores = generator.integers(-4, different_scores, len(items)).astype(np.float32)
    excluded = [np.flatnonzero(generator.random(40) < 0.3) for _ in range(4)]
    eligible = generator.random(40) < 0.8

    found, found_scores = top_k(offsets, items, scores, k, ItemLists.from_lists(excluded), eligible)

    for user in range(4):
        own = slice(offsets[user], offsets[user + 1])
        expected = sorted(
            (-score, item)
            for item, score in zip(items[own].tolist(), scores[own].tolist(), strict=True)
            if item not in excluded[user] and eligible[item]
        )[:k]
        assert found[user].tolist() == [item for _, item in expected] + [-1] * (k - len(expected))
        assert found_scores[user, : len(expected)].tolist() == [-score for score, _ in expected]


@pytest.mark.parametrize(
    ("groups", "ranks"),
    [
        ([2, 2, 5, 5, 5, 9], [0, 1, 0, 1, 2, 0]),
        ([5, 2, 5, 9, 2, 5], [0, 0, 1, 0, 1, 2]),
        ([-1, -1, 0], [0, 1, 0]),
        ([7], [0]),
        ([], []),
    ],
)
def test_ranks_count_the_earlier_elements_of_the_same_group(groups, ranks):
    assert ranks_within_groups(np.array(groups, np.int64)).tolist() == ranks

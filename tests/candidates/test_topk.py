import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from candidates.item_lists import ItemLists
from candidates.topk import first_k, ranks_within_groups, top_k, top_k_of_sorted


def pairs(*triples):
    rows, positions, scores = zip(*triples, strict=True)
    return np.array(rows), np.array(positions, np.int32), np.array(scores, np.float32)


def test_the_best_pairs_come_first_and_ties_are_ordered_and_cut_by_position():
    positions, scores = top_k(*pairs((0, 9, 1), (0, 4, 2), (0, 2, 1), (0, 7, 1), (2, 5, -3)), 3, 3)

    assert positions.tolist() == [[4, 2, 7], [-1, -1, -1], [5, -1, -1]]
    assert scores.tolist() == [[2, 1, 1], [-np.inf] * 3, [-3, -np.inf, -np.inf]]
    assert (positions.dtype, scores.dtype) == (np.int32, np.float32)


def test_excluded_items_are_removed_before_the_cut():
    excluded = ItemLists.from_lists([np.array([4, 9]), np.array([8])])

    positions, _ = top_k(*pairs((0, 9, 3), (0, 4, 2), (0, 2, 1), (0, 7, 0), (1, 8, 1)), 2, 2, excluded)

    assert positions.tolist() == [[2, 7], [-1, -1]]


def test_sorted_pairs_keep_their_order():
    positions, scores = top_k_of_sorted(*pairs((1, 3, 0), (1, 1, 5), (1, 2, 9)), 2, 2)

    assert positions.tolist() == [[-1, -1], [3, 1]]
    assert scores.tolist() == [[-np.inf, -np.inf], [0, 5]]
    assert first_k(np.array([1, 1, 1]), np.array([3, 1, 2]), 2, 2).tolist() == [[-1, -1], [3, 1]]


def test_without_pairs_all_lists_are_padding():
    no_pairs = (np.empty(0, np.int64), np.empty(0, np.int32), np.empty(0, np.float32))

    assert top_k(*no_pairs, 2, 1)[0].tolist() == [[-1], [-1]]
    assert top_k(*no_pairs, 0, 1)[0].shape == (0, 1)


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 12))
def test_top_k_equals_a_full_sort_of_each_users_pairs(seed, k):
    generator = np.random.default_rng(seed)
    cells = np.flatnonzero(generator.random(4 * 20) < 0.5)
    scores = generator.integers(0, 4, len(cells)).astype(np.float32)
    excluded = [np.flatnonzero(generator.random(20) < 0.3) for _ in range(4)]

    found, _ = top_k(cells // 20, (cells % 20).astype(np.int32), scores, 4, k, ItemLists.from_lists(excluded))

    for user in range(4):
        own = [
            (-score, cell % 20)
            for cell, score in zip(cells, scores, strict=True)
            if cell // 20 == user and cell % 20 not in excluded[user]
        ]
        expected = [position for _, position in sorted(own)[:k]]
        assert found[user].tolist() == expected + [-1] * (k - len(expected))


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

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import candidates.over_fetching
from candidates.item_lists import ItemLists
from candidates.over_fetching import over_fetch, search_deeper


class ApproximateIndex:
    """A search without masks in fixed lists of users, which records its calls."""

    def __init__(self, *lists):
        self.lists = lists
        self.calls = []

    def __call__(self, users, depth):
        self.calls.append((users.tolist(), depth))
        width = min(depth, max(len(own) for own in self.lists))
        positions = np.full((len(users), width), -1, np.int32)
        scores = np.full((len(users), width), -np.inf, np.float32)
        for row, user in enumerate(users):
            own = self.lists[user][:width]
            positions[row, : len(own)], scores[row, : len(own)] = own, -np.arange(len(own))
        return positions, scores


def even(rows, positions):
    return positions % 2 == 0


def test_filtered_items_are_replaced_by_items_further_down():
    index = ApproximateIndex([1, 2, 3, 5, 7, 8, 4, 6], [2, 4, 1, 3, 5, 6, 7, 8])

    positions, scores = over_fetch(index, 2, 2, even)

    assert positions.tolist() == [[2, 8], [2, 4]]
    assert scores.tolist() == [[-1, -5], [0, -1]]
    assert (positions.dtype, scores.dtype) == (np.int32, np.float32)


def test_only_users_with_too_few_items_are_searched_again_at_twice_the_depth():
    index = ApproximateIndex([1, 2, 3, 5, 7, 8, 4, 6], [2, 4, 1, 3, 5, 6, 7, 8])

    over_fetch(index, 2, 2, even)

    assert index.calls == [([0, 1], 2), ([0], 4), ([0], 8)]


def test_a_filter_after_a_single_search_leaves_fewer_than_k_items():
    index = ApproximateIndex([1, 2, 3, 5, 7, 8, 4, 6])
    positions, _ = index(np.array([0]), 2)

    assert even(None, positions).sum() == 1
    assert (over_fetch(index, 1, 2, even)[0] >= 0).sum() == 2


def test_a_list_shorter_than_the_depth_is_not_searched_again():
    index = ApproximateIndex([2, 1], [1, 3, 4, 5, 7, 9])

    assert over_fetch(index, 2, 3, even)[0].tolist() == [[2, -1, -1], [4, -1, -1]]
    assert index.calls == [([0, 1], 3), ([1], 6), ([1], 12)]


def test_users_with_all_possible_items_are_not_searched_again():
    index = ApproximateIndex([2, 1, 3, 5, 7], [1, 3, 5, 7, 9], [1, 3, 4, 5, 7])

    positions, _ = over_fetch(index, 3, 2, even, np.array([1, 0, 1]))

    assert positions.tolist() == [[2, -1], [-1, -1], [4, -1]]
    assert index.calls == [([0, 2], 2), ([2], 4)]


def test_pairs_have_their_ranks_on_the_unfiltered_list():
    index = ApproximateIndex([1, 2, 3, 5, 7, 8, 4, 6], [2, 4, 1, 3, 5, 6, 7, 8])

    rows, ranks, positions, scores = search_deeper(index, 2, 2, even)

    assert list(zip(rows, ranks, positions, scores, strict=True)) == [
        (0, 2, 2, -1),
        (0, 6, 8, -5),
        (1, 1, 2, 0),
        (1, 2, 4, -1),
    ]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 12), st.integers(1, 60))
def test_lists_hold_k_items_or_all_allowed_items_if_there_are_fewer(seed, k, block):
    generator = np.random.default_rng(seed)
    users, items = 5, 20
    lists = [generator.permutation(items)[: generator.integers(1, items + 1)].tolist() for _ in range(users)]
    exclusions = [np.flatnonzero(generator.random(items) < generator.choice([0.1, 0.9])) for _ in range(users)]
    excluded = ItemLists.from_lists(exclusions)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(candidates.over_fetching, "SLOTS_PER_SEARCH", block)
        positions, _ = over_fetch(
            ApproximateIndex(*lists), users, k, lambda rows, positions: ~excluded.contains_pairs(rows, positions)
        )

    for user in range(users):
        allowed = [item for item in lists[user] if item not in exclusions[user]][:k]
        assert positions[user].tolist() == allowed + [-1] * (k - len(allowed))


def test_zero_users_get_zero_lists_and_k_must_be_at_least_1():
    assert over_fetch(ApproximateIndex([1]), 0, 2, even)[0].shape == (0, 2)
    with pytest.raises(ValueError, match="not 0"):
        over_fetch(ApproximateIndex([1]), 1, 0, even)


def test_lists_of_another_number_of_users_are_refused():
    def search(users, depth):
        return np.zeros((3, depth), np.int32), np.zeros((3, depth), np.float32)

    with pytest.raises(ValueError, match=r"1 users .* \(3, 1\)"):
        over_fetch(search, 1, 1, even)

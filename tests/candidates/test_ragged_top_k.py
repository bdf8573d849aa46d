import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from candidates.ragged_top_k import ragged_top_k


def test_lists_are_sorted_by_score_then_position_and_cut_or_padded():
    offsets = np.array([0, 4, 4, 5])
    positions = np.int32([7, 2, 5, 0, 2**31 - 1])
    scores = np.float32([1.5, -2.0, 1.5, 3.0, -0.25])

    ranked, ranked_scores = ragged_top_k(offsets, positions, scores, 3)

    assert ranked.tolist() == [[0, 5, 7], [-1, -1, -1], [2**31 - 1, -1, -1]]
    assert ranked_scores.tolist() == [[3.0, 1.5, 1.5], [-np.inf] * 3, [-0.25, -np.inf, -np.inf]]
    assert (ranked.dtype, ranked_scores.dtype) == (np.int32, np.float32)


def test_minus_zero_ties_with_zero():
    ranked, _ = ragged_top_k(np.array([0, 3]), np.int32([2, 0, 1]), np.float32([0.0, -0.0, 0.0]), 3)

    assert ranked.tolist() == [[0, 1, 2]]


def test_no_lists_and_only_empty_lists():
    assert ragged_top_k(np.array([0]), np.empty(0, np.int32), np.empty(0, np.float32), 2)[0].shape == (0, 2)
    assert ragged_top_k(np.array([0, 0]), np.empty(0, np.int32), np.empty(0, np.float32), 2)[0].tolist() == [[-1, -1]]


_SCORES = st.floats(width=32, allow_nan=False, allow_infinity=False) | st.sampled_from([0.0, -0.0, 1.0, -1.0])


@settings(deadline=None)
@given(st.lists(st.lists(_SCORES, max_size=12), max_size=5), st.integers(1, 14), st.randoms(use_true_random=False))
def test_any_scores_are_sorted(lists, k, random):
    positions = [random.sample(range(100), len(scores)) for scores in lists]

    ranked, ranked_scores = ragged_top_k(
        np.cumsum([0, *map(len, lists)]),
        np.int32([position for own in positions for position in own]),
        np.float32([score for own in lists for score in own]),
        k,
    )

    for row, (own, scores) in enumerate(zip(positions, lists, strict=True)):
        expected = sorted(zip([-score for score in scores], own, strict=True))[:k]
        padding = k - len(expected)
        assert ranked[row].tolist() == [position for _, position in expected] + [-1] * padding
        assert ranked_scores[row].tolist() == [-score for score, _ in expected] + [-np.inf] * padding

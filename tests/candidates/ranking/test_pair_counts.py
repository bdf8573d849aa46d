import numpy as np
import pytest

from candidates.ranking.pair_counts import PairCounts


@pytest.fixture
def counts():
    """User 0 has code 1 twice, user 1 has code 0 once and code 2 three times; one pair has no code."""
    rows, codes = np.array([1, 0, 1, 0]), np.array([2, 1, 0, -1])
    return PairCounts.from_pairs(rows, codes, np.array([[3, 30], [2, 20], [1, 10], [9, 90]], np.float32), n=2, width=3)


def test_pairs_are_sorted_and_those_without_a_code_are_left_out(counts):
    assert counts.pairs.rows.tolist() == [0, 1, 1]
    assert counts.pairs.positions.tolist() == [1, 0, 2]
    assert counts.counts.tolist() == [[2, 20], [1, 10], [3, 30]]


def test_unlisted_pairs_have_count_0_and_unknown_codes_nan(counts):
    rows, codes = np.array([[0, 1], [1, 0], [7, 0]]), np.array([[1, 2], [1, 2], [1, -1]], np.int32)

    found = counts.look_up(rows, codes)

    expected = [[[2, 20], [3, 30]], [[0, 0], [0, 0]], [[0, 0], [np.nan, np.nan]]]
    np.testing.assert_array_equal(found, np.array(expected, np.float32))
    assert found.dtype == np.float32


def test_counts_without_pairs_are_all_0():
    no_pairs = (np.zeros(0, np.int64), np.zeros(0, np.int32), np.zeros((0, 1), np.float32))

    counts = PairCounts.from_pairs(*no_pairs, n=2, width=3)

    assert counts.look_up(np.array([0, 1]), np.array([2, 0])).tolist() == [[0], [0]]
    assert counts.look_up(np.zeros((0, 3), np.int64), np.zeros((0, 3), np.int32)).shape == (0, 3, 1)

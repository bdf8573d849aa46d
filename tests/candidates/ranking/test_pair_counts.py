import numpy as np
import pytest

from candidates.ranking.pair_counts import PairCounts


@pytest.fixture
def counts():
    """The second row has code 0 once and code 2 three times, the first one code 1 twice; and something without code."""
    return PairCounts.of(
        np.array([1, 0, 1, 0]), np.array([2, 1, 0, -1]), np.array([[3, 30], [2, 20], [1, 10], [9, 90]], np.float32), 3
    )


def test_pairs_are_kept_in_order_and_what_has_no_code_is_left_out(counts):
    assert counts.keys.tolist() == [1, 3, 5]
    assert counts.counts.tolist() == [[2, 20], [1, 10], [3, 30]]


def test_what_is_not_listed_never_occurs_and_what_has_no_code_is_not_known(counts):
    rows, codes = np.array([[0, 1], [1, 0], [7, 0]]), np.array([[1, 2], [1, 2], [1, -1]], np.int32)

    found = counts.of_pairs(rows, codes)

    expected = [[[2, 20], [3, 30]], [[0, 0], [0, 0]], [[0, 0], [np.nan, np.nan]]]
    np.testing.assert_array_equal(found, np.array(expected, np.float32))
    assert found.dtype == np.float32


def test_no_pairs_at_all_are_asked_and_answered():
    nothing = PairCounts.of(np.zeros(0, np.int64), np.zeros(0, np.int32), np.zeros((0, 1), np.float32), 3)

    assert nothing.of_pairs(np.array([0, 1]), np.array([2, 0])).tolist() == [[0], [0]]
    assert nothing.of_pairs(np.zeros((0, 3), np.int64), np.zeros((0, 3), np.int32)).shape == (0, 3, 1)

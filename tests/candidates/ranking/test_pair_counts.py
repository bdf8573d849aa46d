import numpy as np
import pytest

from candidates.ranking.pair_counts import PairCounts


@pytest.fixture
def counts():
    """User 0 has code 1 twice, user 1 has code 2 three times and code 0 once; one pair has no code."""
    offsets, codes = np.array([0, 2, 4]), np.array([-1, 1, 2, 0], np.int32)
    return PairCounts.from_lists(offsets, codes, np.array([[9, 90], [2, 20], [3, 30], [1, 10]], np.float32), width=3)


def test_pairs_without_a_code_are_left_out(counts):
    assert counts.pairs.rows.tolist() == [0, 1, 1]
    assert counts.pairs.positions.tolist() == [1, 2, 0]
    assert counts.counts.tolist() == [[2, 20], [3, 30], [1, 10]]


def test_a_code_must_not_be_repeated():
    with pytest.raises(ValueError, match="twice"):
        PairCounts.from_lists(np.array([0, 2]), np.array([1, 1], np.int32), np.zeros((2, 1), np.float32), width=3)


def test_counts_may_be_without_pairs():
    counts = PairCounts.from_lists(np.zeros(3, np.int64), np.zeros(0, np.int32), np.zeros((0, 1), np.float32), width=3)

    assert (len(counts.pairs), counts.counts.shape) == (2, (0, 1))

import numpy as np
import pytest

from evaluation.candidate_lists import CandidateLists


def test_a_model_proposes_two_lists_to_each_user():
    every, fresh = np.array([[3, 1], [1, 3]], np.int32), np.array([[1, 2], [3, -1]], np.int32)

    lists = CandidateLists("bestsellers", every, fresh)

    assert (lists.name, lists.every.tolist(), lists.fresh.tolist()) == (
        "bestsellers",
        [[3, 1], [1, 3]],
        [[1, 2], [3, -1]],
    )


def test_lists_of_two_lengths_are_refused():
    with pytest.raises(ValueError, match=r"\(1, 2\) and \(1, 3\)"):
        CandidateLists("bestsellers", np.zeros((1, 2), np.int32), np.zeros((1, 3), np.int32))


def test_lists_of_other_numbers_are_refused():
    with pytest.raises(ValueError, match="not int64 and int32"):
        CandidateLists("bestsellers", np.array([[0]]), np.zeros((1, 1), np.int32))

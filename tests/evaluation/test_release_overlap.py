"""How much of earlier lists stands in later ones."""

import numpy as np
import pytest

from evaluation.release_overlap import overlap_of


def test_the_share_of_each_earlier_list_is_averaged_over_users_whatever_the_order():
    earlier = np.array([[0, 1, 2, 3], [4, 5, 6, 7]], np.int32)
    later = np.array([[3, 2, 1, 0], [7, 8, 9, 10]], np.int32)

    assert overlap_of(earlier, later) == (1 + 1 / 4) / 2


def test_padding_is_no_item_and_users_without_a_list_are_left_out():
    earlier = np.array([[0, 1, -1], [-1, -1, -1]], np.int32)
    later = np.array([[1, -1, -1], [5, -1, -1]], np.int32)

    assert overlap_of(earlier, later) == 1 / 2


def test_lists_must_be_of_the_same_users():
    with pytest.raises(ValueError, match=r"Lists of the same users are compared, not \(2, 1\) and \(1, 1\)"):
        overlap_of(np.array([[0], [1]], np.int32), np.array([[0]], np.int32))
    with pytest.raises(ValueError, match="Lists of the same users"):
        overlap_of(np.full((1, 2), -1, np.int32), np.full((1, 2), -1, np.int32))

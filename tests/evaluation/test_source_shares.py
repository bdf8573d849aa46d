import numpy as np
import pytest

from candidates.blender import BlendedLists
from candidates.item_lists import ItemLists
from evaluation.source_shares import source_shares


def ranked(positions):
    return np.array(positions, np.int32), np.zeros((len(positions), len(positions[0])), np.float32)


@pytest.fixture
def shares():
    # One user bought 1 and 2, the other 3. "near" lists 1 and 9 for the first, "sold" 1 and 2.
    lists = {"near": ranked([[1, 9], [8, 3]]), "sold": ranked([[1, 2], [7, 6]])}
    positions = np.array([[1, 2], [3, 7]], np.int32)
    ranks = np.array([[[1, 1], [0, 2]], [[2, 0], [0, 1]]], np.int32)
    blended = BlendedLists(
        ("near", "sold"), positions, np.zeros((2, 2), np.float32), ranks, np.zeros((2, 2, 2), np.float32)
    )
    return source_shares(lists, blended, ItemLists.from_lists([np.array([1, 2]), np.array([3])]), (1, 2))


def test_each_source_has_its_recall_alone_and_its_unique_recall(shares):
    near, sold = shares["rows"]

    assert near["alone"] == {"1": 0.25, "2": 0.75}
    assert sold["alone"] == {"1": 0.25, "2": 0.5}
    assert near["unique"] == {"1": 0.0, "2": 0.5}
    assert sold["unique"] == {"1": 0.0, "2": 0.25}


def test_the_union_is_a_round_robin_without_duplicates(shares):
    # 1, 1, 9, 2 without the duplicate begins 1, 9; and 8, 7, 3, 6 begins 8, 7.
    assert shares["union"] == {"1": 0.25, "2": 0.25}


def test_a_blended_candidate_is_shared_equally_among_its_sources(shares):
    assert shares["blended"] == {"1": 0.75, "2": 1.0}
    assert shares["shares"]["1"] == {"near": 0.75, "sold": 0.25}
    assert shares["shares"]["2"] == {"near": 0.375, "sold": 0.625}


def test_a_source_with_a_shorter_list_is_skipped_when_it_ends():
    lists = {"short_lists": ranked([[5]]), "long": ranked([[7, 8, 9]])}
    blended = BlendedLists(tuple(lists), np.array([[5]], np.int32), np.zeros((1, 1), np.float32),
                  np.array([[[1, 0]]], np.int32), np.zeros((1, 1, 2), np.float32))  # fmt: skip

    shares = source_shares(lists, blended, ItemLists.from_lists([np.array([5, 8, 9])]), (1, 3, 4))

    # Round-robin: 5, 7, 8, 9.
    assert shares["union"] == pytest.approx({"1": 1 / 3, "3": 2 / 3, "4": 1.0})
    assert shares["rows"][0]["alone"] == pytest.approx({"1": 1 / 3, "3": 1 / 3, "4": 1 / 3})

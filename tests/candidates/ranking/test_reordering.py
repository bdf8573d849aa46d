import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from candidates.blender import BlendedLists
from candidates.ranking.ranker_features import PairFeatures
from candidates.ranking.reordering import RankedLists, best_positions, reordered

SOURCES = ("one",)


def pairs_of(rows, positions, users):
    return PairFeatures(
        SOURCES, users, np.array(rows), np.array(positions, np.int32), np.zeros((len(rows), 0), np.float32)
    )


@pytest.fixture
def blended():
    """Three users' candidates; what the source says of an item is its position and a half."""
    positions = np.array([[7, 3, 5], [4, 2, -1], [1, 6, -1]], np.int32)
    said = np.where(positions >= 0, positions, 0)
    return BlendedLists(
        SOURCES,
        positions,
        np.array([[3, 2, 1], [9, 8, -np.inf], [3, 2, -np.inf]], np.float32),
        said[:, :, None].astype(np.int32),
        said[:, :, None] / np.float32(2),
    )


def test_the_best_stand_first_and_equal_ones_in_the_order_they_had():
    pairs = pairs_of([0, 0, 0, 2], [7, 3, 5, 6], 3)
    scores = np.array([1, 2, 1, -4], np.float32)

    assert best_positions(pairs, scores, 3).tolist() == [[3, 7, 5], [-1, -1, -1], [6, -1, -1]]
    assert best_positions(pairs, scores, 2).tolist() == [[3, 7], [-1, -1], [6, -1]]
    assert best_positions(pairs, None, 2).tolist() == [[7, 3], [-1, -1], [6, -1]]


def test_candidates_are_reordered_with_all_that_was_said_of_them(blended):
    pairs = pairs_of([0, 0, 0, 2, 2], [7, 3, 5, 1, 6], 3)

    told = reordered(blended, pairs, np.array([1, 2, 1, -7, -4], np.float32))

    # The second user keeps his list.
    nothing = -np.inf
    assert told.blended.positions.tolist() == [[3, 7, 5], [4, 2, -1], [6, 1, -1]]
    assert told.blended.scores.tolist() == [[2, 3, 1], [9, 8, nothing], [2, 3, nothing]]
    assert told.places.tolist() == [[2, 1, 3], [1, 2, 0], [2, 1, 0]]
    np.testing.assert_array_equal(told.scores, [[2, 1, 1], [np.nan] * 3, [-4, -7, np.nan]])
    assert told.blended.ranks[:, :, 0].tolist() == [[3, 7, 5], [4, 2, 0], [6, 1, 0]]
    assert told.blended.source_scores[:, :, 0].tolist() == [[1.5, 3.5, 2.5], [2, 1, 0], [3, 0.5, 0]]
    assert blended.positions.tolist() == [[7, 3, 5], [4, 2, -1], [1, 6, -1]]


@given(
    scores=st.lists(st.floats(-9, 9, width=32), min_size=5, max_size=5),
)
def test_reordering_drops_and_adds_nothing_and_lists_fall(scores):
    positions = np.array([[7, 3, 5], [4, 2, -1]], np.int32)
    nothing = np.zeros((2, 3, 1), np.float32)
    blended = BlendedLists(SOURCES, positions, np.zeros((2, 3), np.float32), nothing.astype(np.int32), nothing)

    told = reordered(blended, pairs_of([0, 0, 0, 1, 1], [7, 3, 5, 4, 2], 2), np.array(scores, np.float32))

    listed = told.blended.positions >= 0
    assert np.sort(told.blended.positions, axis=1).tolist() == np.sort(positions, axis=1).tolist()
    assert sorted(told.scores[listed].tolist()) == sorted(scores)
    assert sorted(told.places[listed].tolist()) == [1, 1, 2, 2, 3]
    assert (np.diff(told.scores)[listed[:, 1:]] <= 0).all()


def test_what_stands_behind_the_first_stays_where_it_is(blended):
    first = reordered(blended.first(2), pairs_of([0, 0, 2, 2], [7, 3, 1, 6], 3), np.array([1, 2, -4, -7], np.float32))

    told = first.followed_by(blended)

    assert told.blended.positions.tolist() == [[3, 7, 5], [4, 2, -1], [1, 6, -1]]
    assert told.places.tolist() == [[2, 1, 3], [1, 2, 0], [1, 2, 0]]
    np.testing.assert_array_equal(told.scores, [[2, 1, np.nan], [np.nan] * 3, [-4, -7, np.nan]])
    assert told.blended.source_scores[:, :, 0].tolist() == [[1.5, 3.5, 2.5], [2, 1, 0], [0.5, 3, 0]]


def test_without_a_ranker_the_order_is_retrievals_and_there_are_no_scores(blended):
    told = RankedLists.as_retrieved(blended).first(2)

    assert told.blended.positions.tolist() == [[7, 3], [4, 2], [1, 6]]
    assert told.places.tolist() == [[1, 2], [1, 2], [1, 2]]
    assert np.isnan(told.scores).all()


def test_pairs_of_other_lists_are_refused(blended):
    scores = np.zeros(5, np.float32)
    with pytest.raises(ValueError, match="in their order"):
        reordered(blended, pairs_of([0, 0, 0, 2, 2], [7, 5, 3, 1, 6], 3), scores)
    with pytest.raises(ValueError, match="in their order"):
        reordered(blended, pairs_of([0, 0, 2, 2, 2], [7, 3, 5, 1, 6], 3), scores)
    with pytest.raises(ValueError, match="3 lists"):
        reordered(blended, pairs_of([0, 0, 0], [7, 5, 3], 1), scores[:3])
    with pytest.raises(ValueError, match="a score for each"):
        reordered(blended, pairs_of([0, 0, 0, 2, 2], [7, 3, 5, 1, 6], 3), scores[:4])

import numpy as np
import pytest
from fixtures import ranking_reference as reference
from fixtures.ranking_worlds import random_world
from hypothesis import given
from hypothesis import strategies as st

from candidates.blender import BlendedLists
from candidates.ranking.ranker_features import PairFeatures
from candidates.ranking.reordering import RankedLists, rerank, top_positions

SOURCES = ("one",)


def pairs_of(rows, positions, list_count):
    return PairFeatures(
        SOURCES, list_count, np.array(rows), np.array(positions, np.int32), np.zeros((len(rows), 0), np.float32)
    )


@pytest.fixture
def blended():
    """Candidates of three users; an item's rank on the source's list is its position, its score is half of it."""
    positions = np.array([[7, 3, 5], [4, 2, -1], [1, 6, -1]], np.int32)
    ranks = np.where(positions >= 0, positions, 0)
    return BlendedLists(
        SOURCES,
        positions,
        np.array([[3, 2, 1], [9, 8, -np.inf], [3, 2, -np.inf]], np.float32),
        ranks[:, :, None].astype(np.int32),
        ranks[:, :, None] / np.float32(2),
    )


def test_top_positions_are_sorted_by_score_and_ties_keep_retrieval_order():
    pairs = pairs_of([0, 0, 0, 2], [7, 3, 5, 6], 3)
    scores = np.array([1, 2, 1, -4], np.float32)

    assert top_positions(pairs, scores, 3).tolist() == [[3, 7, 5], [-1, -1, -1], [6, -1, -1]]
    assert top_positions(pairs, scores, 2).tolist() == [[3, 7], [-1, -1], [6, -1]]
    assert top_positions(pairs, None, 2).tolist() == [[7, 3], [-1, -1], [6, -1]]


def test_reranking_moves_candidates_with_their_ranks_and_scores(blended):
    pairs = pairs_of([0, 0, 0, 2, 2], [7, 3, 5, 1, 6], 3)

    ranked = rerank(blended, pairs, np.array([1, 2, 1, -7, -4], np.float32), 3)

    # The second list has no pairs.
    assert ranked.blended.positions.tolist() == [[3, 7, 5], [4, 2, -1], [6, 1, -1]]
    assert ranked.blended.scores.tolist() == [[2, 3, 1], [9, 8, -np.inf], [2, 3, -np.inf]]
    assert ranked.retrieval_ranks.tolist() == [[2, 1, 3], [1, 2, 0], [2, 1, 0]]
    np.testing.assert_array_equal(ranked.scores, [[2, 1, 1], [np.nan] * 3, [-4, -7, np.nan]])
    assert ranked.blended.ranks[:, :, 0].tolist() == [[3, 7, 5], [4, 2, 0], [6, 1, 0]]
    assert ranked.blended.source_scores[:, :, 0].tolist() == [[1.5, 3.5, 2.5], [2, 1, 0], [3, 0.5, 0]]
    assert blended.positions.tolist() == [[7, 3, 5], [4, 2, -1], [1, 6, -1]]


@given(
    scores=st.lists(st.floats(-9, 9, width=32), min_size=5, max_size=5),
)
def test_reranking_keeps_all_candidates_and_sorts_scores_descending(scores):
    positions = np.array([[7, 3, 5], [4, 2, -1]], np.int32)
    zeros = np.zeros((2, 3, 1), np.float32)
    blended = BlendedLists(SOURCES, positions, np.zeros((2, 3), np.float32), zeros.astype(np.int32), zeros)

    ranked = rerank(blended, pairs_of([0, 0, 0, 1, 1], [7, 3, 5, 4, 2], 2), np.array(scores, np.float32), 3)

    listed = ranked.blended.positions >= 0
    assert np.sort(ranked.blended.positions, axis=1).tolist() == np.sort(positions, axis=1).tolist()
    assert sorted(ranked.scores[listed].tolist()) == sorted(scores)
    assert sorted(ranked.retrieval_ranks[listed].tolist()) == [1, 1, 2, 2, 3]
    assert (np.diff(ranked.scores)[listed[:, 1:]] <= 0).all()


def test_candidates_behind_the_reranked_ones_keep_retrieval_order(blended):
    ranked = rerank(blended, pairs_of([0, 0, 2, 2], [7, 3, 1, 6], 3), np.array([1, 2, -4, -7], np.float32), 2)

    assert ranked.blended.positions.tolist() == [[3, 7, 5], [4, 2, -1], [1, 6, -1]]
    assert ranked.retrieval_ranks.tolist() == [[2, 1, 3], [1, 2, 0], [1, 2, 0]]
    np.testing.assert_array_equal(ranked.scores, [[2, 1, np.nan], [np.nan] * 3, [-4, -7, np.nan]])
    assert ranked.blended.source_scores[:, :, 0].tolist() == [[1.5, 3.5, 2.5], [2, 1, 0], [0.5, 3, 0]]


@given(st.integers(0, 2**32 - 1), st.integers(1, 9))
def test_lists_equal_the_reference(seed, depth):
    blended = random_world(seed).blended
    generator = np.random.default_rng(seed)
    first = blended.positions[:, :depth]
    rows, columns = np.nonzero((first >= 0) & (generator.random(len(first)) < 0.7)[:, None])
    scores = generator.choice(np.float32([-2.5, -1, -0.0, 0.0, 1, 2.5]), len(rows))

    ranked = rerank(blended, pairs_of(rows, first[rows, columns], len(first)), scores, depth)

    expected, ranks, own_scores = reference.rerank(blended, rows, scores)
    for name in ("positions", "scores", "ranks", "source_scores"):
        assert np.array_equal(getattr(ranked.blended, name), getattr(expected, name)), name
    assert np.array_equal(ranked.retrieval_ranks, ranks)
    assert np.array_equal(ranked.scores, own_scores, equal_nan=True)


def test_without_a_ranker_lists_keep_retrieval_order_and_have_no_scores(blended):
    ranked = RankedLists.from_retrieval(blended).first(2)

    assert ranked.blended.positions.tolist() == [[7, 3], [4, 2], [1, 6]]
    assert ranked.retrieval_ranks.tolist() == [[1, 2], [1, 2], [1, 2]]
    assert np.isnan(ranked.scores).all()


def test_pairs_of_other_lists_are_rejected(blended):
    scores = np.zeros(5, np.float32)
    with pytest.raises(ValueError, match="in their order"):
        rerank(blended, pairs_of([0, 0, 0, 2, 2], [7, 5, 3, 1, 6], 3), scores, 3)
    with pytest.raises(ValueError, match="in their order"):
        rerank(blended, pairs_of([0, 0, 2, 2, 2], [7, 3, 5, 1, 6], 3), scores, 3)
    with pytest.raises(ValueError, match="in their order"):  # of one list, or of all, the last candidate is missing
        rerank(blended, pairs_of([0, 0, 2, 2], [7, 3, 1, 6], 3), scores[:4], 3)
    with pytest.raises(ValueError, match="in their order"):
        rerank(blended, pairs_of([0, 0, 0, 2, 2], [7, 3, 5, 1, 6], 3), scores, 2)
    with pytest.raises(ValueError, match="3 lists need pairs of 3 lists"):
        rerank(blended, pairs_of([0, 0, 0], [7, 5, 3], 1), scores[:3], 3)
    with pytest.raises(ValueError, match="4 scores for 5 pairs"):
        rerank(blended, pairs_of([0, 0, 0, 2, 2], [7, 3, 5, 1, 6], 3), scores[:4], 3)

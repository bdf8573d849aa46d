import numpy as np
import pytest

from candidates.pool import Pool


def top(positions, scores):
    return np.array(positions, np.int32), np.array(scores, np.float32)


def test_a_pool_holds_each_candidate_once_with_the_rank_and_score_of_every_source():
    pool = Pool.from_lists(
        {
            "sold": top([[7, 3], [3, -1]], [[9, 8], [9, -np.inf]]),
            "near": top([[3, 5], [-1, -1]], [[0, -1], [-np.inf, -np.inf]]),
        }
    )

    assert pool.rows.tolist() == [0, 0, 0, 1]
    assert pool.positions.tolist() == [3, 5, 7, 3]
    assert pool.ranks.tolist() == [[2, 1], [0, 2], [1, 0], [1, 0]]
    assert pool.scores.tolist() == [[8, 0], [0, -1], [9, 0], [9, 0]]
    assert (len(pool), pool.users) == (4, 2)


def test_the_sources_of_a_pool_must_list_for_the_same_users():
    with pytest.raises(ValueError, match=r"not for \[1, 2\]"):
        Pool.from_lists({"sold": top([[1]], [[1]]), "near": top([[1], [2]], [[1], [1]])})


def test_added_candidates_are_merged_with_those_of_the_pool():
    pool = Pool.from_lists({"sold": top([[7], [3]], [[9], [8]]), "near": top([[3], [5]], [[2], [1]])})

    more = pool.with_candidates(
        "sold", np.array([1, 0, 1]), np.array([9, 3, 1], np.int32), np.array([6, 4, 5], np.int32), np.float32([4, 6, 5])
    )

    assert more.rows.tolist() == [0, 0, 1, 1, 1, 1]
    assert more.positions.tolist() == [3, 7, 1, 3, 5, 9]
    assert more.ranks.tolist() == [[4, 1], [1, 0], [5, 0], [1, 0], [0, 1], [6, 0]]
    assert more.scores.tolist() == [[6, 2], [9, 0], [5, 0], [8, 0], [0, 1], [4, 0]]
    assert (len(pool), more.users) == (4, 2)


def test_zero_added_candidates_leave_the_pool_unchanged():
    pool = Pool.from_lists({"sold": top([[7], [3]], [[9], [8]])})
    no_positions = np.array([], np.int32)

    more = pool.with_candidates("sold", np.array([], np.int64), no_positions, no_positions, np.float32([]))

    assert (more.rows.tolist(), more.positions.tolist(), more.ranks.tolist()) == ([0, 1], [7, 3], [[1], [1]])


def test_a_source_may_score_candidates_that_it_does_not_list():
    pool = Pool.from_lists({"sold": top([[7, 3]], [[0, -1]]), "near": top([[3, 5]], [[0, -1]])})

    scored = pool.with_scores({"near": np.float32([4, 3, 2])})

    assert scored.positions.tolist() == [3, 5, 7]
    assert scored.scores.tolist() == [[-1, 4], [0, 3], [0, 2]]
    assert scored.ranks.tolist() == [[2, 1], [0, 2], [1, 0]]
    assert pool.scores[:, 1].tolist() == [0, -1, 0]

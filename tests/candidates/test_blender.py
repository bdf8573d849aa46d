import numpy as np
import pytest

from candidates.blender import Blender, term_names
from candidates.item_lists import ItemLists
from candidates.pool import Pool


def ranked(lists, scores=None):
    positions = np.array(lists, np.int32)
    given = -np.arange(positions.shape[1], dtype=np.float32)[None].repeat(len(positions), 0)
    return positions, np.array(scores, np.float32) if scores else np.where(positions >= 0, given, -np.inf)


def test_a_pool_holds_each_candidate_once_with_what_every_source_said():
    pool = Pool.from_lists(
        {"sold": ranked([[7, 3], [3, -1]], [[9, 8], [9, -np.inf]]), "near": ranked([[3, 5], [-1, -1]])}
    )

    assert pool.rows.tolist() == [0, 0, 0, 1]
    assert pool.positions.tolist() == [3, 5, 7, 3]
    assert pool.ranks.tolist() == [[2, 1], [0, 2], [1, 0], [1, 0]]
    assert pool.scores.tolist() == [[8, 0], [0, -1], [9, 0], [9, 0]]


def test_a_pool_needs_sources_about_the_same_users():
    with pytest.raises(ValueError, match=r"not for \[1, 2\]"):
        Pool.from_lists({"sold": ranked([[1]]), "near": ranked([[1], [2]])})


def test_what_a_source_lists_further_down_joins_the_pool_once():
    pool = Pool.from_lists({"sold": ranked([[7], [3]], [[9], [8]]), "near": ranked([[3], [5]], [[2], [1]])})

    more = pool.with_candidates(
        "sold", np.array([1, 0, 1]), np.array([9, 3, 1], np.int32), np.array([6, 4, 5], np.int32), np.float32([4, 6, 5])
    )

    assert more.rows.tolist() == [0, 0, 1, 1, 1, 1]
    assert more.positions.tolist() == [3, 7, 1, 3, 5, 9]
    assert more.ranks.tolist() == [[4, 1], [1, 0], [5, 0], [1, 0], [0, 1], [6, 0]]
    assert more.scores.tolist() == [[6, 2], [9, 0], [5, 0], [8, 0], [0, 1], [4, 0]]
    assert (len(pool), more.users) == (4, 2)


def test_nothing_more_changes_nothing():
    pool = Pool.from_lists({"sold": ranked([[7], [3]], [[9], [8]])})

    more = pool.with_candidates(
        "sold", np.array([], np.int64), np.array([], np.int32), np.array([], np.int32), np.float32([])
    )

    assert (more.rows.tolist(), more.positions.tolist(), more.ranks.tolist()) == ([0, 1], [7, 3], [[1], [1]])


class OneOfEachTen:
    """At most one item of 0 to 9, one of 10 to 19 and so on."""

    def keep_mask(self, rows, positions):
        keys = rows * 1000 + positions // 10
        first = np.zeros(len(keys), np.bool_)
        first[np.unique(keys, return_index=True)[1]] = True
        return first


def test_a_cap_counts_from_the_best_and_makes_room_before_the_cut():
    pool = Pool.from_lists({"a": ranked([[5, 2, 19, 11, 27], [3, 4, -1, -1, -1]])})
    by_rank = Blender(("a",), np.zeros(4, np.float32), np.ones(4, np.float32), np.float32([0, -1, 0, 0]), 0.0)

    assert by_rank.blend(pool, 3, OneOfEachTen()).positions.tolist() == [[5, 19, 27], [3, -1, -1]]
    assert by_rank.blend(pool, 3).positions.tolist() == [[5, 2, 19], [3, 4, -1]]


def world(users=400, seed=0):
    """A source whose first item is bought by most users, and one of noise."""
    random = np.random.default_rng(seed)
    good = np.stack([random.permutation(20)[:5] for _ in range(users)]).astype(np.int32)
    noise = np.stack([20 + random.permutation(20)[:5] for _ in range(users)]).astype(np.int32)
    bought = [[good[user, 0]] if random.random() < 0.8 else [30] for user in range(users)]
    return {"good": ranked(good), "noise": ranked(noise)}, ItemLists.from_lists([np.array(b) for b in bought])


def test_the_source_that_tells_the_truth_comes_first():
    lists, relevant = world()

    blended = Blender.fit(Pool.from_lists(lists), relevant).blend(Pool.from_lists(lists), 3)

    assert (blended.positions[:, 0] == lists["good"][0][:, 0]).mean() > 0.95
    assert (blended.ranks[:, 0] == [1, 0]).all(axis=1).mean() > 0.95


def test_every_user_counts_alike_however_much_he_bought():
    """20 users buy all twenty items of the one list, 60 others one item of the other one."""
    lists = {name: ranked([np.arange(start, start + 20)] * 80) for name, start in (("heavy", 0), ("light", 20))}
    bought = [np.arange(20)] * 20 + [np.array([20 + user % 20]) for user in range(60)]
    pool = Pool.from_lists(lists)

    blended = Blender.fit(pool, ItemLists.from_lists(bought)).blend(pool, 20)

    # Purchases speak for the first list, 400 to 60, and users for the second, 60 to 20.
    assert (blended.positions >= 20).all()


def test_shuffled_purchases_teach_nothing():
    lists, relevant = world()
    shuffled = relevant.take(np.random.default_rng(1).permutation(len(relevant)))

    honest, blind = (Blender.fit(Pool.from_lists(lists), truth).weights for truth in (relevant, shuffled))

    log_rank = term_names(("good", "noise")).index("log rank by good")
    assert abs(honest[log_rank]) > 3 * abs(blind[log_rank])


def test_ties_are_broken_by_position_and_short_lists_are_padded():
    nothing = np.zeros(4, np.float32)
    blender = Blender(("a",), nothing, nothing + 1, nothing, -1.0)

    blended = blender.blend(Pool.from_lists({"a": ranked([[5, 2, 9], [4, -1, -1]])}), 2)

    assert blended.positions.tolist() == [[2, 5], [4, -1]]
    assert blended.scores.tolist() == [[-1, -1], [-1, -np.inf]]
    assert blended.ranks.tolist() == [[[2], [1]], [[1], [0]]]


def test_weights_make_a_round_trip_and_other_sources_are_refused():
    lists, relevant = world()
    blender = Blender.fit(Pool.from_lists(lists), relevant)

    again = Blender.from_json(blender.to_json())

    assert np.array_equal(
        again.blend(Pool.from_lists(lists), 4).positions, blender.blend(Pool.from_lists(lists), 4).positions
    )
    with pytest.raises(ValueError, match="The sources must be"):
        blender.blend(Pool.from_lists({"good": lists["good"]}), 4)


def test_nothing_can_be_learned_if_nothing_listed_was_bought():
    lists, _ = world(users=2)

    with pytest.raises(ValueError, match="no weight can be learned"):
        Blender.fit(Pool.from_lists(lists), ItemLists.from_lists([np.array([99]), np.array([99])]))


def test_sources_may_score_what_they_do_not_list():
    pool = Pool.from_lists({"sold": ranked([[7, 3]]), "near": ranked([[3, 5]])}).with_scores(
        {"near": np.float32([4, 3, 2])}
    )

    assert pool.positions.tolist() == [3, 5, 7]
    assert pool.scores.tolist() == [[-1, 4], [0, 3], [0, 2]]
    assert pool.ranks.tolist() == [[2, 1], [0, 2], [1, 0]]

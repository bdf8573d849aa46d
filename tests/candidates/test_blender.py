import numpy as np
import pytest

from candidates.blender import BlendedLists, Blender, term_names
from candidates.item_lists import ItemLists
from candidates.pool import Pool


def pool_of(**lists):
    """A pool of lists of positions by source, with score 0, -1, -2 and so on along each list."""
    tops = {}
    for source, rows in lists.items():
        positions = np.array(rows, np.int32)
        by_rank = np.broadcast_to(-np.arange(positions.shape[1], dtype=np.float32), positions.shape)
        tops[source] = positions, np.where(positions >= 0, by_rank, -np.inf)
    return Pool.from_lists(tops)


def blender_of(log_rank):
    """A blender of one source "a" that weights the log of its rank."""
    return Blender(("a",), np.zeros(3, np.float32), np.ones(3, np.float32), np.float32([0, log_rank, 0]), -1.0)


class OneOfEachTen:
    """At most one item of 0 to 9, one of 10 to 19 and so on."""

    def keep_mask(self, rows, positions):
        keys = rows * 1000 + positions // 10
        first = np.zeros(len(keys), np.bool_)
        first[np.unique(keys, return_index=True)[1]] = True
        return first


def test_a_cap_counts_from_the_best_item_and_applies_before_the_cut():
    pool = pool_of(a=[[5, 2, 19, 11, 27], [3, 4, -1, -1, -1]])

    assert blender_of(log_rank=-1).blend(pool, 3, OneOfEachTen()).positions.tolist() == [[5, 19, 27], [3, -1, -1]]
    assert blender_of(log_rank=-1).blend(pool, 3).positions.tolist() == [[5, 2, 19], [3, 4, -1]]


def test_ties_are_ordered_by_position_and_short_lists_are_padded():
    blended = blender_of(log_rank=0).blend(pool_of(a=[[5, 2, 9], [4, -1, -1]]), 2)

    assert blended.positions.tolist() == [[2, 5], [4, -1]]
    assert blended.scores.tolist() == [[-1, -1], [-1, -np.inf]]
    assert blended.ranks.tolist() == [[[2], [1]], [[1], [0]]]
    assert blended.source_scores.tolist() == [[[-1], [0]], [[0], [0]]]


def test_blended_lists_are_cut_sliced_and_concatenated_in_all_their_arrays():
    blended = blender_of(log_rank=-1).blend(pool_of(a=[[5, 2, 9], [4, -1, -1]]), 2)

    parts = BlendedLists.concat([blended.slice(1, 2), blended.slice(0, 1)]).first(1)

    assert parts.positions.tolist() == [[4], [5]]
    assert parts.scores.tolist() == [[-1], [-1]]
    assert (parts.ranks.tolist(), parts.source_scores.tolist()) == ([[[1]], [[1]]], [[[0]], [[0]]])


@pytest.fixture
def good_and_noise():
    """A pool of a source whose first item most of 400 users buy and a source of noise; the good lists; purchases."""
    generator = np.random.default_rng(0)
    good = np.stack([generator.permutation(20)[:5] for _ in range(400)]).astype(np.int32)
    noise = np.stack([20 + generator.permutation(20)[:5] for _ in range(400)]).astype(np.int32)
    bought = [good[user, :1] if generator.random() < 0.8 else np.array([30]) for user in range(400)]
    return pool_of(good=good, noise=noise), good, ItemLists.from_lists(bought)


def test_items_of_the_informative_source_come_first(good_and_noise):
    pool, good, bought = good_and_noise

    blended = Blender.fit([pool], [bought]).blend(pool, 3)

    assert (blended.positions[:, 0] == good[:, 0]).mean() > 0.95
    assert (blended.ranks[:, 0] == [1, 0]).all(axis=1).mean() > 0.95


def test_shuffled_purchases_fit_no_weight(good_and_noise):
    pool, _, bought = good_and_noise
    shuffled = bought.take(np.random.default_rng(1).permutation(len(bought)))

    weights, noise_weights = (Blender.fit([pool], [purchases]).weights for purchases in (bought, shuffled))

    log_rank = term_names(("good", "noise")).index("log rank by good")
    assert abs(weights[log_rank]) > 3 * abs(noise_weights[log_rank])


def test_all_users_have_the_same_weight_however_much_they_buy():
    """20 users buy all twenty items of the first list, 60 users one item of the second list."""
    pool = pool_of(heavy=[np.arange(20)] * 80, light=[np.arange(20, 40)] * 80)
    bought = [np.arange(20)] * 20 + [np.array([20 + user % 20]) for user in range(60)]

    blended = Blender.fit([pool], [ItemLists.from_lists(bought)]).blend(pool, 20)

    # By purchases the first list would win, 400 to 60; by users the second does, 60 to 20.
    assert (blended.positions >= 20).all()


def test_weights_survive_a_json_round_trip(good_and_noise):
    pool, _, bought = good_and_noise
    blender = Blender.fit([pool], [bought])

    loaded = Blender.from_json(blender.to_json())

    assert loaded.sources == blender.sources
    assert loaded.intercept == blender.intercept
    for name in ("means", "deviations", "weights"):
        assert np.array_equal(getattr(loaded, name), getattr(blender, name))


def test_a_pool_of_other_sources_and_a_k_of_0_are_refused():
    with pytest.raises(ValueError, match=r"must be \('a',\), not \('b',\)"):
        blender_of(log_rank=0).blend(pool_of(b=[[1]]), 4)
    with pytest.raises(ValueError, match="at least 1, not 0"):
        blender_of(log_rank=0).blend(pool_of(a=[[1]]), 0)


@pytest.mark.parametrize(("bought", "counts"), [([99], "0 of 2"), ([1, 2], "2 of 2")])
def test_weights_need_candidates_that_were_bought_and_others_that_were_not(bought, counts):
    with pytest.raises(ValueError, match=counts):
        Blender.fit([pool_of(a=[[1, 2]])], [ItemLists.from_lists([np.array(bought)])])

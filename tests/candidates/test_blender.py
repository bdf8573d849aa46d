import json
from dataclasses import replace

import numpy as np
import pytest
from fixtures.blenders import blender_of, model_of

from candidates.blender import ORDERED, BlendedLists, Blender
from candidates.item_lists import ItemLists
from candidates.linear_model import term_names
from candidates.pool import Pool
from evaluation.metrics import Hits


def pool_of(**lists):
    """A pool of lists of positions by source, with score 0, -1, -2 and so on along each list."""
    tops = {}
    for source, rows in lists.items():
        positions = np.array(rows, np.int32)
        by_rank = np.broadcast_to(-np.arange(positions.shape[1], dtype=np.float32), positions.shape)
        tops[source] = positions, np.where(positions >= 0, by_rank, -np.inf)
    return Pool.from_lists(tops)


def weights(*, listed=0, log_rank=0, intercept=0.0, sources=("a",)):
    """A model that weights the first source alone."""
    of_source = np.zeros((3, len(sources)), np.float32)
    of_source[:2, 0] = listed, log_rank
    return model_of(sources, of_source.ravel(), intercept)


def by_rank(log_rank):
    """A blender of one source "a" that weights the log of its rank."""
    return blender_of(("a",), [0, log_rank, 0], -1.0)


class OneOfEachTen:
    """At most one item of 0 to 9, one of 10 to 19 and so on."""

    def keep_mask(self, rows, positions):
        keys = rows * 1000 + positions // 10
        first = np.zeros(len(keys), np.bool_)
        first[np.unique(keys, return_index=True)[1]] = True
        return first


def test_a_cap_counts_from_the_best_item_and_applies_before_the_cut():
    pool = pool_of(a=[[5, 2, 19, 11, 27], [3, 4, -1, -1, -1]])

    assert by_rank(log_rank=-1).blend(pool, 3, OneOfEachTen()).positions.tolist() == [[5, 19, 27], [3, -1, -1]]
    assert by_rank(log_rank=-1).blend(pool, 3).positions.tolist() == [[5, 2, 19], [3, 4, -1]]


def test_ties_are_ordered_by_position_and_short_lists_are_padded():
    blended = by_rank(log_rank=0).blend(pool_of(a=[[5, 2, 9], [4, -1, -1]]), 2)

    assert blended.positions.tolist() == [[2, 5], [4, -1]]
    assert blended.scores.tolist() == [[-1, -1], [-1, -np.inf]]
    assert blended.ranks.tolist() == [[[2], [1]], [[1], [0]]]
    assert blended.source_scores.tolist() == [[[-1], [0]], [[0], [0]]]


def test_blended_lists_are_cut_sliced_and_concatenated_in_all_their_arrays():
    blended = by_rank(log_rank=-1).blend(pool_of(a=[[5, 2, 9], [4, -1, -1]]), 2)

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

    fitted, of_noise = (Blender.fit([pool], [purchases]).choice.weights for purchases in (bought, shuffled))

    log_rank = term_names(("good", "noise")).index("log rank by good")
    assert abs(fitted[log_rank]) > 3 * abs(of_noise[log_rank])


def test_all_users_have_the_same_weight_however_much_they_buy():
    """20 users buy all twenty items of the first list, 60 users one item of the second list."""
    pool = pool_of(heavy=[np.arange(20)] * 80, light=[np.arange(20, 40)] * 80)
    bought = [np.arange(20)] * 20 + [np.array([20 + user % 20]) for user in range(60)]

    blended = Blender.fit([pool], [ItemLists.from_lists(bought)]).blend(pool, 20)

    # By purchases the first list would win, 400 to 60; by users the second does, 60 to 20.
    assert (blended.positions >= 20).all()


def test_weights_survive_a_json_round_trip(good_and_noise):
    pool, _, bought = good_and_noise
    blender = replace(Blender.fit([pool], [bought]), leading="noise")

    loaded = Blender.from_json(json.loads(json.dumps(blender.to_json())))

    assert (loaded.sources, loaded.leading) == (blender.sources, "noise")
    for ours, theirs in ((loaded.choice, blender.choice), (loaded.order, blender.order)):
        assert ours.intercept == theirs.intercept
        for name in ("means", "deviations", "weights"):
            assert np.array_equal(getattr(ours, name), getattr(theirs, name))


def test_the_best_by_odds_are_chosen_and_put_in_the_order_of_the_other_weights():
    descending, ascending = weights(log_rank=-1), weights(log_rank=1)
    pool = pool_of(a=[np.arange(ORDERED + 3)])

    blended = Blender(descending, ascending).blend(pool, ORDERED + 3)

    behind = [ORDERED, ORDERED + 1, ORDERED + 2]
    assert blended.positions.tolist() == [[*reversed(range(ORDERED)), *behind]]
    np.testing.assert_allclose(blended.scores[0, :ORDERED], np.log(np.arange(ORDERED, 0, -1)), atol=1e-6)
    # The differences of the odds go on behind the last of the ordered.
    np.testing.assert_allclose(blended.scores[0, ORDERED:], np.log(ORDERED / (np.array(behind) + 1)), atol=1e-6)
    assert (np.diff(blended.scores[0]) < 0).all()


@pytest.mark.parametrize("k", [1, 12, ORDERED, ORDERED + 50])
def test_a_shorter_list_is_the_beginning_of_a_longer_one(k):
    generator = np.random.default_rng(0)
    pool = pool_of(a=[generator.permutation(300)[:size].tolist() + [-1] * (200 - size) for size in (200, 90, 120, 0)])
    blender = Blender(weights(log_rank=-1), weights(log_rank=0.5))

    longest, shorter = blender.blend(pool, 200), blender.blend(pool, k)

    for name in ("positions", "scores", "ranks", "source_scores"):
        assert np.array_equal(getattr(longest.first(k), name), getattr(shorter, name))
    assert (longest.scores[longest.positions < 0] == -np.inf).all()


def test_lists_do_not_depend_on_other_users(good_and_noise):
    pool, _, bought = good_and_noise
    blender = replace(Blender.fit([pool], [bought]), leading="noise")

    together = blender.blend(pool, 8)
    alone = blender.blend(pool.take(np.arange(400) == 7), 8)

    assert np.array_equal(together.positions[7], alone.positions[7])
    assert np.array_equal(together.scores[7], alone.scores[7])


def test_the_leading_source_keeps_its_own_order_and_the_others_follow():
    both = ("a", "b")
    model = weights(listed=-5, log_rank=-1, sources=both)
    pool = pool_of(a=[[5, 2, 9, -1], [4, -1, -1, -1]], b=[[7, 9, 1, 3], [8, 4, -1, -1]])

    blended = Blender(model, model, leading="b").blend(pool, 6)

    assert blended.positions.tolist() == [[7, 9, 1, 3, 5, 2], [8, 4, -1, -1, -1, -1]]
    listed = blended.positions >= 0
    assert all((np.diff(scores[own]) < 0).all() for scores, own in zip(blended.scores, listed, strict=True))


def test_the_order_is_fitted_on_the_purchases_among_the_best_candidates():
    """Of two hundred candidates, all users buy from the first list; among its items they prefer the last ones."""
    users = 60
    pool = pool_of(a=[np.arange(50)] * users, b=[np.arange(50, 250)] * users)
    bought = ItemLists.from_lists([np.arange(40, 50)] * users)

    blended = Blender.fit([pool], [bought]).blend(pool, 10)

    assert sorted(blended.positions[0].tolist()) == list(range(40, 50))


def test_lists_without_contrast_leave_the_candidates_in_the_order_of_their_odds():
    """All that are among the best candidates of a user were bought, or none."""
    pool = pool_of(a=[[1], [2]], b=[[3], [-1]])
    bought = ItemLists.from_lists([np.array([1, 3]), np.array([], int)])

    blender = Blender.fit([pool], [bought])

    assert blender.order is blender.choice


def test_a_promotion_that_ends_at_the_cut_does_not_decide_the_next_week():
    """In three weeks users buy from the top of their own list; in the last one nearly all buy what is promoted."""
    generator, users = np.random.default_rng(0), 300

    def week(promoted_share):
        own = np.stack([generator.permutation(200)[:60] for _ in range(users)]).astype(np.int32)
        promoted = np.stack([200 + generator.permutation(60) for _ in range(users)]).astype(np.int32)
        bought = []
        for user in range(users):
            lists = promoted if generator.random() < promoted_share else own
            bought.append(lists[user, np.unique(np.minimum(generator.geometric(0.3, size=3) - 1, 59))])
        return pool_of(own=own, promoted=promoted), ItemLists.from_lists(bought)

    weeks = [week(0.1), week(0.1), week(0.1), week(0.9)]
    pool, bought = week(0.1)

    positions = Blender.fit(*zip(*weeks, strict=True)).blend(pool, 12).positions

    own = np.full((users, 12), -1, np.int32)
    first = (pool.ranks[:, 0] > 0) & (pool.ranks[:, 0] <= 12)
    own[pool.rows[first], pool.ranks[first, 0] - 1] = pool.positions[first]
    served, best = (Hits.of(lists, bought).ndcg(12).mean() for lists in (positions, own))
    assert served > 0.85 * best


def test_a_pool_of_other_sources_and_a_k_of_0_are_refused():
    with pytest.raises(ValueError, match=r"must be \('a',\), not \('b',\)"):
        by_rank(log_rank=0).blend(pool_of(b=[[1]]), 4)
    with pytest.raises(ValueError, match="at least 1, not 0"):
        by_rank(log_rank=0).blend(pool_of(a=[[1]]), 0)


@pytest.mark.parametrize(("bought", "counts"), [([99], "0 of 2"), ([1, 2], "2 of 2")])
def test_weights_need_candidates_that_were_bought_and_others_that_were_not(bought, counts):
    with pytest.raises(ValueError, match=counts):
        Blender.fit([pool_of(a=[[1, 2]])], [ItemLists.from_lists([np.array(bought)])])

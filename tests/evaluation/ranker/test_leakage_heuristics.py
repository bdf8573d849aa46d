"""Leaks are planted in a world in which nothing but retrieval's order tells what is bought."""

from dataclasses import replace

import numpy as np
import pytest

from candidates.item_lists import ItemLists
from candidates.ranking.ranker_features import PairFeatures, feature_names
from candidates.ranking.training_examples import TrainingExamples
from evaluation.ranker.importances import Importance, importances, origin_importances
from evaluation.ranker.leakage_heuristics import refuse_leaks
from features.errors import InputError

PLANTED, PRICE = "log sales_28d", "distance of log price to the user's"


@pytest.fixture
def judged(by_retrieval, held_out):
    """Train and check with other values of some features."""

    def judged(**planted):
        matrix = by_retrieval.pairs.matrix.copy()
        for name, values in planted.items():
            matrix[:, by_retrieval.pairs.names.index(name)] = values
        examples = replace(by_retrieval, pairs=replace(by_retrieval.pairs, matrix=matrix))
        lists, ranker = held_out(examples)
        told, origins = importances(lists, ranker, 3), origin_importances(lists, ranker, 3)
        refuse_leaks(lists, ranker.score(lists.pairs), told, origins)

    return judged


def drawn(examples):
    return np.random.default_rng(5).normal(size=len(examples.bought)).astype(np.float32)


def by_sales_and_price(pairs):
    """What is bought honestly, as odds (pairs,)."""
    price, sold = (pairs.matrix[:, pairs.names.index(name)] for name in (PRICE, PLANTED))
    return 0.8 * sold - 0.8 * price - 2


def test_a_world_without_a_leak_passes(judged):
    judged()


def test_a_feature_that_is_missing_where_the_next_month_was_needed_stops_the_training_by_name(judged, by_retrieval):
    null_month = np.where(by_retrieval.bought, np.float32(np.nan), drawn(by_retrieval))

    with pytest.raises(InputError, match=rf"^Feature '{PLANTED}' of the ranker seems to tell what was bought later"):
        judged(**{PLANTED: null_month})


def test_its_twin_that_is_missing_as_often_by_chance_passes(judged, by_retrieval):
    missing = np.random.default_rng(6).permutation(by_retrieval.bought)

    judged(**{PLANTED: np.where(missing, np.float32(np.nan), drawn(by_retrieval))})


def test_a_feature_that_copies_what_was_bought_with_noise_is_stopped_by_name(judged, by_retrieval):
    with pytest.raises(InputError, match=rf"^Feature '{PLANTED}' of the ranker seems to tell what was bought later"):
        judged(**{PLANTED: 2 * by_retrieval.bought + drawn(by_retrieval) / 2})


def test_its_twin_that_copies_what_others_bought_passes(judged, by_retrieval):
    others = np.random.default_rng(6).permutation(by_retrieval.bought)

    judged(**{PLANTED: 2 * others + drawn(by_retrieval) / 2})


def test_two_leaks_of_different_origins_that_hide_each_other_are_stopped_by_the_name_of_one(judged, by_retrieval):
    noise = np.random.default_rng(6).normal(size=(2, len(by_retrieval.bought))).astype(np.float32)
    one, other = 2 * by_retrieval.bought + noise / 2

    with pytest.raises(InputError, match=r"^The features of '(item sales|prices)' seem to tell what was bought later"):
        judged(**{PLANTED: one, "log price": other})


@pytest.mark.parametrize("strength", [1.5, 1.0])
def test_a_leak_in_two_equal_features_is_stopped_by_name(judged, by_retrieval, strength):
    leak = strength * by_retrieval.bought + drawn(by_retrieval) / 2

    with pytest.raises(InputError, match=r"^(The f|F)eature.*('item sales'|'log sales_(7|28)d') .*seems? to tell what"):
        judged(**{PLANTED: leak, "log sales_7d": leak})


def test_its_twin_in_which_both_tell_what_others_bought_passes(judged, by_retrieval):
    others = np.random.default_rng(6).permutation(by_retrieval.bought)
    leak = 2 * others + drawn(by_retrieval) / 2

    judged(**{PLANTED: leak, "log sales_7d": leak})


def test_what_is_known_honestly_passes_however_much_it_is_worth(world, held_out):
    lists, ranker = held_out(world(by_sales_and_price))
    told, origins = importances(lists, ranker, 3), origin_importances(lists, ranker, 3)

    assert {one.name for one in origins[:2]} == {"prices", "item sales"}
    assert min(one.loss for one in origins[:2]) > 0.05
    assert origins[1].loss > 3 * origins[2].loss
    refuse_leaks(lists, ranker.score(lists.pairs), told, origins)


@pytest.mark.parametrize("strength", [2.0, 1.5])
def test_beside_features_that_tell_honestly_a_leak_that_wins_half_of_what_retrieval_leaves_is_stopped_by_name(
    world, held_out, strength
):
    honest = world(by_sales_and_price)
    matrix = honest.pairs.matrix.copy()
    matrix[:, honest.pairs.names.index("user's visits")] = strength * honest.bought + drawn(honest)
    lists, ranker = held_out(replace(honest, pairs=replace(honest.pairs, matrix=matrix)))

    with pytest.raises(InputError, match=r"^(The features of 'user'|Feature 'user's visits') .*seems? to tell what"):
        refuse_leaks(
            lists, ranker.score(lists.pairs), importances(lists, ranker, 3), origin_importances(lists, ranker, 3)
        )


@pytest.mark.parametrize(
    ("first", "second", "stops"),
    [
        (Importance("user's visits", 0.06), Importance("log price", 0.005), True),
        (Importance("user's visits", 0.06), Importance("log price", 0.007), False),  # not ten times the next
        (Importance("user's visits", 0.06), Importance("log price", -0.01), True),
        (Importance("user's visits", 0.04), Importance("log price", 0.0), False),  # worth too little
        (Importance("fused score", 0.3), Importance("log price", 0.0), False),  # retrieval may know most
        (Importance("fused rank", 0.3), Importance("log price", 0.0), False),
        (Importance("score by two_tower", 0.3), Importance("log price", 0.0), True),  # towers may know too much
    ],
)
def test_one_feature_is_suspicious_if_it_is_worth_much_and_ten_times_the_next(by_retrieval, first, second, stops):
    nobody = by_retrieval.take(np.array([], np.int64))
    if not stops:
        refuse_leaks(nobody, np.zeros(0, np.float32), [first, second], [])
        return
    with pytest.raises(InputError, match=f"^Feature '{first.name}'"):
        refuse_leaks(nobody, np.zeros(0, np.float32), [first, second], [])


TOLD = [Importance(name, 0.04) for name in ("fused score", "purchases of the item", "log price", "user's visits")]
TOLD += [Importance("purchases of the item per visit", 0.0)]


def lists_won(won):
    """Ten lists whose last of thirteen candidates is bought, where NDCG@12 is 0, and scores that put it first in some.

    Of each list won NDCG@12 is 1.
    """
    sources, rows = ("two_tower",), np.repeat(np.arange(10), 13)
    matrix = np.zeros((130, len(feature_names(sources))), np.float32)
    pairs = PairFeatures(sources, 10, rows, np.tile(np.arange(13, dtype=np.int32), 10), matrix)
    bought = pairs.positions == 12
    examples = TrainingExamples(pairs, ItemLists.from_pairs(rows[bought], pairs.positions[bought], 10), np.arange(10))
    return examples, (bought & (rows < won)).astype(np.float32)


@pytest.mark.parametrize(
    ("won", "retrieval", "history", "prices", "stops"),
    [
        (0, 0.9, 0.9, 0.0, False),  # people buy what they have bought, and retrieval knew it
        (4, 0.9, 0.9, 0.0, False),  # less than half of what retrieval leaves
        (6, 0.9, 0.9, 0.0, True),
        (6, 0.9, 0.51, 0.0, True),  # beside retrieval, which may be worth more
        (6, 0.0, 0.51, 0.4, True),
        (6, 0.9, 0.49, 0.0, False),  # won by several
    ],
)
def test_an_origin_wins_what_is_lost_without_it_but_no_more_than_the_ranker_wins(
    won, retrieval, history, prices, stops
):
    examples, scores = lists_won(won)
    losses = {"retrieval": retrieval, "history": history, "prices": prices}
    origins = sorted((Importance(*loss) for loss in losses.items()), key=lambda origin: -origin.loss)

    if not stops:
        refuse_leaks(examples, scores, TOLD, origins)
        return
    with pytest.raises(InputError) as caught:
        refuse_leaks(examples, scores, TOLD, origins)
    assert str(caught.value) == (
        "The features of 'history' seem to tell what was bought later: NDCG@12 is 0.600 in a week that the ranker has "
        "not seen, where retrieval has 0.000 and the best order of the same candidates 1.000; without all of them it "
        f"falls by {history:.3f}, and one origin that wins more than 50% of what retrieval leaves is not believed. The "
        "most important of them are 'purchases of the item' and 'purchases of the item per visit'. Look at how it is "
        "joined to its moment, and leave it out of the ranker until it is known to be of the past."
    )


@pytest.mark.parametrize(("won", "stops"), [(9, True), (8, False)])
def test_an_order_near_the_best_is_too_good_to_be_true_whoever_wins_it(won, stops):
    examples, scores = lists_won(won)
    origins = [Importance(name, 0.4) for name in ("history", "prices", "user")]

    if not stops:
        refuse_leaks(examples, scores, TOLD, origins)
        return
    with pytest.raises(InputError) as caught:
        refuse_leaks(examples, scores, TOLD, origins)
    assert str(caught.value).startswith(
        "The ranker is too good to be true: NDCG@12 is 0.900 in a week that it has not seen, where retrieval has 0.000 "
        "and the best order of the same candidates 1.000, of which more than 80% is not believed. Its most important "
        "feature is 'fused score'"
    )

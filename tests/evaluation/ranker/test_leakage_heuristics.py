"""Leaks are planted in data in which only retrieval's order predicts the purchases."""

from dataclasses import replace

import numpy as np
import pytest

from candidates.item_lists import ItemLists
from candidates.ranking.ranker_features import PairFeatures, feature_names
from candidates.ranking.training_examples import TrainingExamples
from evaluation.ranker.importances import Importance, importances, origin_importances
from evaluation.ranker.leakage_heuristics import suspicious_features

SALES, PRICE, VISITS = "log sales_28d", "distance of log price to the user's", "user's visits"


def findings_in(lists, ranker):
    return suspicious_features(
        lists, ranker.score(lists.pairs), importances(lists, ranker, 3), origin_importances(lists, ranker, 3)
    )


def names(findings):
    return [finding.name for finding in findings]


@pytest.fixture
def findings(by_retrieval, held_out):
    """Replace the values of some features, train a ranker, and return the findings."""

    def findings(**planted):
        matrix = by_retrieval.pairs.matrix.copy()
        for name, values in planted.items():
            matrix[:, by_retrieval.pairs.names.index(name)] = values
        return findings_in(*held_out(replace(by_retrieval, pairs=replace(by_retrieval.pairs, matrix=matrix))))

    return findings


def noise(examples):
    return np.random.default_rng(5).normal(size=len(examples.bought)).astype(np.float32)


def shuffled_purchases(examples):
    return np.random.default_rng(6).permutation(examples.bought)


def by_sales_and_price(pairs):
    """The odds (pairs,) of a purchase that depends on legitimate features."""
    price, sold = (pairs.matrix[:, pairs.names.index(name)] for name in (PRICE, SALES))
    return 0.8 * sold - 0.8 * price - 2


def test_without_a_leak_there_are_no_findings(findings):
    assert findings() == []


def test_a_feature_that_is_null_for_the_purchases_of_the_next_week_is_found(findings, by_retrieval):
    leak = np.where(by_retrieval.bought, np.float32(np.nan), noise(by_retrieval))

    first = findings(**{SALES: leak})[0]

    assert first.name == SALES
    assert f"Feature '{SALES}'" in first.message


def test_a_feature_that_is_null_for_random_candidates_is_not_found(findings, by_retrieval):
    random = np.where(shuffled_purchases(by_retrieval), np.float32(np.nan), noise(by_retrieval))

    assert findings(**{SALES: random}) == []


def test_a_noisy_copy_of_the_purchases_is_found(findings, by_retrieval):
    leak = 2 * by_retrieval.bought + noise(by_retrieval) / 2

    assert names(findings(**{SALES: leak}))[0] == SALES


def test_a_noisy_copy_of_random_purchases_is_not_found(findings, by_retrieval):
    assert findings(**{SALES: 2 * shuffled_purchases(by_retrieval) + noise(by_retrieval) / 2}) == []


def test_one_of_two_leaks_of_different_origins_that_hide_each_other_is_found(findings, by_retrieval):
    errors = np.random.default_rng(6).normal(size=(2, len(by_retrieval.bought))).astype(np.float32)
    one, other = 2 * by_retrieval.bought + errors / 2

    assert names(findings(**{SALES: one, "log price": other}))[0] in {"item sales", "prices"}


@pytest.mark.parametrize("strength", [1.5, 1.0])
def test_a_leak_in_two_equal_features_is_found(findings, by_retrieval, strength):
    leak = strength * by_retrieval.bought + noise(by_retrieval) / 2

    assert {"item sales", SALES, "log sales_7d"} & {*names(findings(**{SALES: leak, "log sales_7d": leak}))}


def test_random_purchases_in_two_equal_features_are_not_found(findings, by_retrieval):
    random = 2 * shuffled_purchases(by_retrieval) + noise(by_retrieval) / 2

    assert findings(**{SALES: random, "log sales_7d": random}) == []


def test_legitimate_features_are_not_found_however_important_they_are(world, held_out):
    lists, ranker = held_out(world(by_sales_and_price))
    origins = origin_importances(lists, ranker, 3)

    assert {one.name for one in origins[:2]} == {"prices", "item sales"}
    assert min(one.loss for one in origins[:2]) > 0.05
    assert origins[1].loss > 3 * origins[2].loss
    assert findings_in(lists, ranker) == []


@pytest.mark.parametrize("strength", [2.0, 1.5])
def test_a_leak_that_gains_half_of_the_headroom_is_found_beside_legitimate_features(world, held_out, strength):
    legitimate = world(by_sales_and_price)
    matrix = legitimate.pairs.matrix.copy()
    matrix[:, legitimate.pairs.names.index(VISITS)] = strength * legitimate.bought + noise(legitimate)
    lists, ranker = held_out(replace(legitimate, pairs=replace(legitimate.pairs, matrix=matrix)))

    assert names(findings_in(lists, ranker))[0] in {"user", VISITS}


@pytest.mark.parametrize(
    ("first", "second", "suspicious"),
    [
        (Importance(VISITS, 0.06), Importance("log price", 0.005), True),
        (Importance(VISITS, 0.06), Importance("log price", 0.007), False),  # less than ten times the next
        (Importance(VISITS, 0.06), Importance("log price", -0.01), True),
        (Importance(VISITS, 0.04), Importance("log price", 0.0), False),  # loss too small
        (Importance("fused score", 0.3), Importance("log price", 0.0), False),  # retrieval's own order
        (Importance("fused rank", 0.3), Importance("log price", 0.0), False),
        (Importance("score by two_tower", 0.3), Importance("log price", 0.0), True),  # a source may leak
    ],
)
def test_a_feature_is_suspicious_if_its_loss_is_large_and_ten_times_the_next(by_retrieval, first, second, suspicious):
    no_lists = by_retrieval.take(np.array([], np.int64))

    findings = suspicious_features(no_lists, np.zeros(0, np.float32), [first, second], [])

    assert names(findings) == ([first.name] if suspicious else [])


IMPORTANCES = [Importance(name, 0.04) for name in ("fused score", "purchases of the item", "log price", VISITS)]
IMPORTANCES += [Importance("purchases of the item per visit", 0.0)]


def lists_won(won):
    """Ten lists whose last of thirteen candidates is bought, where NDCG@12 is 0, and scores that put it first in some.

    The NDCG@12 of each list won is 1.
    """
    sources, rows = ("two_tower",), np.repeat(np.arange(10), 13)
    matrix = np.zeros((130, len(feature_names(sources))), np.float32)
    pairs = PairFeatures(sources, 10, rows, np.tile(np.arange(13, dtype=np.int32), 10), matrix)
    bought = pairs.positions == 12
    examples = TrainingExamples(pairs, ItemLists.from_pairs(rows[bought], pairs.positions[bought], 10), np.arange(10))
    return examples, (bought & (rows < won)).astype(np.float32)


@pytest.mark.parametrize(
    ("won", "retrieval", "history", "prices", "suspicious"),
    [
        (0, 0.9, 0.9, 0.0, False),  # retrieval uses past purchases too, the ranker gains nothing
        (4, 0.9, 0.9, 0.0, False),  # less than half of the headroom
        (6, 0.9, 0.9, 0.0, True),
        (6, 0.9, 0.51, 0.0, True),  # beside retrieval, which may be more important
        (6, 0.0, 0.51, 0.4, True),
        (6, 0.9, 0.49, 0.0, False),  # the gain is shared by several origins
    ],
)
def test_the_gain_of_an_origin_is_its_loss_but_at_most_the_lead_of_the_ranker(
    won, retrieval, history, prices, suspicious
):
    examples, scores = lists_won(won)
    losses = {"retrieval": retrieval, "history": history, "prices": prices}
    origins = sorted((Importance(*loss) for loss in losses.items()), key=lambda origin: -origin.loss)

    findings = suspicious_features(examples, scores, IMPORTANCES, origins)

    assert names(findings) == (["history"] if suspicious else [])
    for finding in findings:
        measured = (f"{history:.3f}", "ranker 0.600", "retrieval 0.000", "ideal order 1.000")
        features = ("'purchases of the item'", "'purchases of the item per visit'")
        assert all(part in finding.message for part in measured + features)


@pytest.mark.parametrize(("won", "suspicious"), [(9, True), (8, False)])
def test_a_ranking_near_the_ideal_is_suspicious_even_if_no_origin_is(won, suspicious):
    examples, scores = lists_won(won)
    origins = [Importance(name, 0.4) for name in ("history", "prices", "user")]

    findings = suspicious_features(examples, scores, IMPORTANCES, origins)

    assert names(findings) == (["ranker"] if suspicious else [])
    for finding in findings:
        assert all(part in finding.message for part in ("ranker 0.900", "'fused score'", "0.040"))

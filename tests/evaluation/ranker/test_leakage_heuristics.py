"""Leaks are planted in data in which only retrieval's order predicts the purchases."""

from dataclasses import replace

import numpy as np
import pytest

from candidates.item_lists import ItemLists
from candidates.ranking.ranker_features import PairFeatures, feature_names
from candidates.ranking.training_examples import TrainingExamples
from evaluation.ranker.importances import Importance, feature_importances, group_importances
from evaluation.ranker.leakage_heuristics import suspicious_features

SALES, PRICE, ACTIVE_DAYS = "log_sales_28d", "abs_log_price_difference", "user_active_days"


def findings_in(lists, ranker):
    importances, groups = feature_importances(lists, ranker, 3), group_importances(lists, ranker, 3)
    return suspicious_features(lists, ranker.score(lists.pairs), importances, groups)


def names(findings):
    return [finding.name for finding in findings]


@pytest.fixture
def findings(by_retrieval, held_out):
    """Replace the values of some features, train a ranker, and return the findings."""

    def findings(**planted):
        matrix = by_retrieval.pairs.matrix.copy()
        for name, values in planted.items():
            matrix[:, by_retrieval.pairs.feature_names.index(name)] = values
        return findings_in(*held_out(replace(by_retrieval, pairs=replace(by_retrieval.pairs, matrix=matrix))))

    return findings


def noise(examples):
    return np.random.default_rng(5).normal(size=len(examples.bought)).astype(np.float32)


def shuffled_purchases(examples):
    return np.random.default_rng(6).permutation(examples.bought)


def by_sales_and_price(pairs):
    """The odds (pairs,) of a purchase that depends on legitimate features."""
    price, sold = (pairs.matrix[:, pairs.feature_names.index(name)] for name in (PRICE, SALES))
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


def test_one_of_two_leaks_of_different_groups_that_hide_each_other_is_found(findings, by_retrieval):
    errors = np.random.default_rng(6).normal(size=(2, len(by_retrieval.bought))).astype(np.float32)
    one, other = 2 * by_retrieval.bought + errors * np.array([[0.46], [0.5]], np.float32)

    assert names(findings(**{SALES: one, "log_price": other}))[0] in {"item sales", "price"}


@pytest.mark.parametrize("strength", [1.5, 1.0])
def test_a_leak_in_two_equal_features_is_found(findings, by_retrieval, strength):
    leak = strength * by_retrieval.bought + noise(by_retrieval) / 2

    assert {"item sales", SALES, "log_sales_7d"} & {*names(findings(**{SALES: leak, "log_sales_7d": leak}))}


def test_random_purchases_in_two_equal_features_are_not_found(findings, by_retrieval):
    random = 2 * shuffled_purchases(by_retrieval) + noise(by_retrieval) / 2

    assert findings(**{SALES: random, "log_sales_7d": random}) == []


def test_legitimate_features_are_not_found_however_important_they_are(make_examples, held_out):
    lists, ranker = held_out(make_examples(by_sales_and_price))
    groups = group_importances(lists, ranker, 3)

    assert {one.name for one in groups[:2]} == {"price", "item sales"}
    assert min(one.ndcg_drop for one in groups[:2]) > 0.05
    assert groups[1].ndcg_drop > 3 * groups[2].ndcg_drop
    assert findings_in(lists, ranker) == []


@pytest.mark.parametrize("strength", [2.0, 1.5])
def test_a_leak_that_gains_half_of_the_headroom_is_found_beside_legitimate_features(make_examples, held_out, strength):
    legitimate = make_examples(by_sales_and_price)
    matrix = legitimate.pairs.matrix.copy()
    matrix[:, legitimate.pairs.feature_names.index(ACTIVE_DAYS)] = strength * legitimate.bought + noise(legitimate)
    lists, ranker = held_out(replace(legitimate, pairs=replace(legitimate.pairs, matrix=matrix)))

    assert names(findings_in(lists, ranker))[0] in {"user activity", ACTIVE_DAYS}


@pytest.mark.parametrize(
    ("first", "second", "suspicious"),
    [
        (Importance(ACTIVE_DAYS, 0.06), Importance("log_price", 0.005), True),
        (Importance(ACTIVE_DAYS, 0.06), Importance("log_price", 0.007), False),  # less than ten times the next
        (Importance(ACTIVE_DAYS, 0.06), Importance("log_price", -0.01), True),
        (Importance(ACTIVE_DAYS, 0.04), Importance("log_price", 0.0), False),  # drop too small
        (Importance("blender_score", 0.3), Importance("log_price", 0.0), False),  # retrieval's own order
        (Importance("blender_rank", 0.3), Importance("log_price", 0.0), False),
        (Importance("two_tower_score", 0.3), Importance("log_price", 0.0), True),  # a source may leak
    ],
)
def test_a_feature_is_suspicious_if_its_drop_is_large_and_ten_times_the_next(by_retrieval, first, second, suspicious):
    no_lists = by_retrieval.take(np.array([], np.int64))

    findings = suspicious_features(no_lists, np.zeros(0, np.float32), [first, second], [])

    assert names(findings) == ([first.name] if suspicious else [])


IMPORTANCES = [Importance(name, 0.04) for name in ("blender_score", "item_purchases", "log_price", ACTIVE_DAYS)]
IMPORTANCES += [Importance("item_purchases_per_active_day", 0.0)]


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
    ("won", "retrieval", "history", "price", "suspicious"),
    [
        (0, 0.9, 0.9, 0.0, False),  # retrieval uses past purchases too, the ranker gains nothing
        (4, 0.9, 0.9, 0.0, False),  # less than half of the headroom
        (6, 0.9, 0.9, 0.0, True),
        (6, 0.9, 0.51, 0.0, True),  # beside retrieval, which may be more important
        (6, 0.0, 0.51, 0.4, True),
        (6, 0.9, 0.49, 0.0, False),  # the gain is shared by several groups
    ],
)
def test_the_gain_of_a_group_is_its_drop_but_at_most_the_lead_of_the_ranker(won, retrieval, history, price, suspicious):
    examples, scores = lists_won(won)
    drops = {"retrieval": retrieval, "purchase history": history, "price": price}
    groups = sorted((Importance(*drop) for drop in drops.items()), key=lambda group: -group.ndcg_drop)

    findings = suspicious_features(examples, scores, IMPORTANCES, groups)

    assert names(findings) == (["purchase history"] if suspicious else [])
    for finding in findings:
        measured = (f"{history:.3f}", "ranker 0.600", "retrieval 0.000", "ideal order 1.000")
        features = ("'item_purchases'", "'item_purchases_per_active_day'")
        assert all(part in finding.message for part in measured + features)


@pytest.mark.parametrize(("won", "suspicious"), [(9, True), (8, False)])
def test_a_ranking_near_the_ideal_is_suspicious_even_if_no_group_is(won, suspicious):
    examples, scores = lists_won(won)
    groups = [Importance(name, 0.4) for name in ("purchase history", "price", "user activity")]

    findings = suspicious_features(examples, scores, IMPORTANCES, groups)

    assert names(findings) == (["ranker"] if suspicious else [])
    for finding in findings:
        assert all(part in finding.message for part in ("ranker 0.900", "'blender_score'", "0.040"))

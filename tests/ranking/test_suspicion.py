"""Leaks are planted in a world in which nothing but retrieval's order tells what is bought."""

from dataclasses import replace

import numpy as np
import pytest

from features.errors import InputError
from ranking.folds import fitted_folds, held_out_scores
from ranking.importances import Importance, importances
from ranking.suspicion import refuse_leaks

PLANTED = "log sales_28d"


@pytest.fixture
def judged(by_retrieval, quick):
    """Train and check with other values of some features."""

    def judged(**planted):
        matrix = by_retrieval.pairs.matrix.copy()
        for name, values in planted.items():
            matrix[:, by_retrieval.pairs.names.index(name)] = values
        examples = replace(by_retrieval, pairs=replace(by_retrieval.pairs, matrix=matrix))
        folds = fitted_folds(examples, 3, quick)
        refuse_leaks(examples, held_out_scores(examples, folds), importances(examples, folds, 3))

    return judged


def drawn(examples):
    return np.random.default_rng(5).normal(size=len(examples.bought)).astype(np.float32)


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


def test_two_leaks_that_hide_each_other_make_the_order_too_good_to_be_true(judged, by_retrieval):
    noise = np.random.default_rng(6).normal(size=(2, len(by_retrieval.bought))).astype(np.float32)
    one, other = 2 * by_retrieval.bought + noise / 2

    with pytest.raises(InputError, match=r"^The ranker is too good to be true: .* is '(log sales_28d|log price)'"):
        judged(**{PLANTED: one, "log price": other})


def test_what_is_known_honestly_passes_however_much_it_is_worth(by_price, price_folds):
    told = importances(by_price, price_folds, 3)

    assert told[0].name in {"distance of log price to the user's", "log price to the user's", "log price"}
    refuse_leaks(by_price, held_out_scores(by_price, price_folds), told)


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
        refuse_leaks(nobody, np.zeros(0, np.float32), [first, second])
        return
    with pytest.raises(InputError, match=f"^Feature '{first.name}'"):
        refuse_leaks(nobody, np.zeros(0, np.float32), [first, second])

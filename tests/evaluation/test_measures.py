import numpy as np
import pytest

from candidates.item_lists import ItemLists
from evaluation.bootstrap import Bootstrap
from evaluation.hits import Hits
from evaluation.measures import compared_by, cutoffs_for, estimates_of, judged_at, user_measures
from evaluation.metrics import bootstrap_interval

# Relevant at ranks 1 and 3 of 2 relevant; never of 1.
HITS = Hits.of(
    np.array([[5, 6, 7, 8], [5, 6, 7, 8]], np.int32), ItemLists.from_lists([np.array([5, 7]), np.array([9])])
)


def test_lists_are_at_most_half_the_catalogue_long():
    assert cutoffs_for(92_331) == (12, 50, 100, 300)
    assert cutoffs_for(600) == (12, 50, 100, 300)
    assert cutoffs_for(599) == (12, 50, 100)
    assert cutoffs_for(24) == (12,)
    assert cutoffs_for(23) == (11,)
    assert cutoffs_for(1) == (1,)


def test_models_are_compared_at_a_hundred_or_at_the_largest_cutoff():
    assert judged_at((12, 50, 100, 300)) == 100
    assert judged_at((12, 50)) == 50


def test_models_are_compared_by_what_they_find_and_by_what_stands_in_front():
    assert compared_by((12, 50, 100, 300)) == ("recall@100", "map@12", "ndcg@12", "recall@12")
    assert compared_by((12, 50)) == ("recall@50", "map@12", "ndcg@12", "recall@12")
    assert compared_by((11,)) == ("recall@11", "map@11", "ndcg@11")


def test_measures_stand_under_their_names():
    measured = user_measures(HITS, (2, 4))

    assert {name: values.tolist() for name, values in measured.items()} == {
        "recall@2": [0.5, 0.0],
        "recall@4": [1.0, 0.0],
        "hit_rate@2": [1.0, 0.0],
        "hit_rate@4": [1.0, 0.0],
        "map@2": [0.5, 0.0],  # (1 / 1) / min(2, 2)
        "ndcg@2": pytest.approx([1 / (1 + 0.6309298), 0.0]),
    }


def test_estimates_are_the_mean_over_users_and_its_interval():
    measured = user_measures(HITS, (4,))

    estimates = estimates_of(measured, Bootstrap.of(2, seed=3))

    assert list(estimates) == ["recall@4", "hit_rate@4", "map@4", "ndcg@4"]
    assert estimates["recall@4"] == [0.5, *bootstrap_interval(np.array([1.0, 0.0]), seed=3)] == [0.5, 0.0, 1.0]


def test_the_same_seed_gives_the_same_estimates():
    measured = {"recall@1": np.random.default_rng(0).random(50)}

    assert estimates_of(measured, Bootstrap.of(50, 1)) == estimates_of(measured, Bootstrap.of(50, 1))
    assert estimates_of(measured, Bootstrap.of(50, 1)) != estimates_of(measured, Bootstrap.of(50, 2))


def test_measures_must_be_about_the_users_drawn():
    with pytest.raises(ValueError, match="3 users"):
        estimates_of(user_measures(HITS, (4,)), Bootstrap.of(3, seed=0))

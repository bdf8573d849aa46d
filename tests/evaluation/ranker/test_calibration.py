import numpy as np
import pytest

from evaluation.ranker.calibration import ReliabilityBin, reliability


def test_candidates_are_parted_by_their_odds():
    scores = np.array([np.log(3), 0, np.log(3), -np.log(3)], np.float32)

    low, high = reliability(scores, np.array([True, False, True, False]), bins=2)

    assert (low.predicted, low.bought, low.count) == (pytest.approx((0.25 + 0.5) / 2), 0.0, 2)
    assert (high.predicted, high.bought, high.count) == (pytest.approx(0.75), 1.0, 2)


def test_of_fewer_candidates_than_bins_each_is_one():
    assert reliability(np.zeros(1, np.float32), np.array([True])) == (ReliabilityBin(0.5, 1.0, 1),)
    assert reliability(np.zeros(0, np.float32), np.array([], np.bool_)) == ()


def test_what_the_ranker_says_of_users_it_has_not_seen_happens_about_as_often(price_held_out):
    lists, ranker = price_held_out

    told = reliability(ranker.score(lists.pairs), lists.bought)

    assert [one.count for one in told] == [800] * 10
    assert [one.predicted for one in told] == sorted(one.predicted for one in told)
    assert max(abs(one.predicted - one.bought) for one in told) < 0.08
    assert told[-1].bought > 3 * told[0].bought


def test_scores_and_purchases_must_be_of_the_same_candidates():
    with pytest.raises(ValueError, match="equally long"):
        reliability(np.zeros(2, np.float32), np.array([True]))

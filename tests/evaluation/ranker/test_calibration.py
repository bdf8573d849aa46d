import numpy as np
import pytest

from evaluation.ranker.calibration import ReliabilityBin, reliability_bins


def test_candidates_are_divided_by_their_odds():
    scores = np.array([np.log(3), 0, np.log(3), -np.log(3)], np.float32)

    low, high = reliability_bins(scores, np.array([True, False, True, False]), bins=2)

    assert (low.predicted, low.observed, low.count) == (pytest.approx((0.25 + 0.5) / 2), 0.0, 2)
    assert (high.predicted, high.observed, high.count) == (pytest.approx(0.75), 1.0, 2)


def test_fewer_candidates_than_bins_have_one_bin_each():
    assert reliability_bins(np.zeros(1, np.float32), np.array([True])) == (ReliabilityBin(0.5, 1.0, 1),)
    assert reliability_bins(np.zeros(0, np.float32), np.array([], np.bool_)) == ()


def test_a_ranker_is_calibrated_on_unseen_users(price_held_out):
    lists, ranker = price_held_out

    bins = reliability_bins(ranker.score(lists.pairs), lists.bought)

    assert [each.count for each in bins] == [800] * 10
    assert [each.predicted for each in bins] == sorted(each.predicted for each in bins)
    assert max(abs(each.predicted - each.observed) for each in bins) < 0.08
    assert bins[-1].observed > 3 * bins[0].observed


def test_scores_and_purchases_must_be_equally_long():
    with pytest.raises(ValueError, match="equally long"):
        reliability_bins(np.zeros(2, np.float32), np.array([True]))

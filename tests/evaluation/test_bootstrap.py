import numpy as np
import pytest

from evaluation.bootstrap import Bootstrap, interval_of
from evaluation.metrics import bootstrap_interval, paired_interval


def test_each_resample_draws_as_many_users_as_there_are():
    resamples = Bootstrap.of(users=7, seed=0, resamples=20)

    assert resamples.counts.shape == (20, 7)
    assert resamples.counts.sum(axis=1).tolist() == [7] * 20
    assert len({tuple(row) for row in resamples.counts.tolist()}) == 20


def test_means_weigh_each_user_by_how_often_it_was_drawn():
    resamples = Bootstrap(np.array([[2, 0, 1], [0, 3, 0]], np.uint16))

    # (2 * 1 + 0 * 2 + 1 * 4) / 3, (3 * 2) / 3; and ten times that.
    means = resamples.means(np.array([[1.0, 10.0], [2.0, 20.0], [4.0, 40.0]]))

    assert means.tolist() == [[2.0, 20.0], [2.0, 20.0]]


def test_an_estimate_is_mean_and_interval():
    resamples = Bootstrap.of(users=4, seed=0)

    assert resamples.estimates(np.full((4, 1), 0.25)) == [[0.25, 0.25, 0.25]]


def test_draws_are_those_of_drawing_users_one_by_one():
    values, generator = np.random.default_rng(1).random(50), np.random.default_rng(9)
    one_by_one = [values[generator.integers(50, size=50)].mean() for _ in range(1_000)]

    means = Bootstrap.of(50, seed=9).means(values[:, None])[:, 0]

    assert means == pytest.approx(one_by_one, abs=1e-12)


def test_intervals_are_those_of_the_metrics():
    chance = np.random.default_rng(0)
    values, baseline = chance.random(80), chance.random(80)
    resamples = Bootstrap.of(80, seed=4)

    means = resamples.means(np.stack([values, baseline, values - baseline], axis=1))

    assert interval_of(means[:, 0]) == pytest.approx(bootstrap_interval(values, seed=4), abs=1e-12)
    assert interval_of(means[:, 0] - means[:, 1]) == pytest.approx(paired_interval(values, baseline, seed=4), abs=1e-12)
    assert interval_of(means[:, 2]) == pytest.approx(paired_interval(values, baseline, seed=4), abs=1e-12)


def test_the_same_seed_draws_the_same_users():
    assert Bootstrap.of(30, seed=1).counts.tolist() == Bootstrap.of(30, seed=1).counts.tolist()
    assert Bootstrap.of(30, seed=1).counts.tolist() != Bootstrap.of(30, seed=2).counts.tolist()


def test_the_interval_is_between_the_quantiles():
    assert interval_of(np.arange(101.0), level=0.9) == pytest.approx((5, 95))


def test_faulty_arguments_are_refused():
    with pytest.raises(ValueError, match="not 0 and 1000"):
        Bootstrap.of(0, seed=0)
    with pytest.raises(ValueError, match="not 3 and 0"):
        Bootstrap.of(3, seed=0, resamples=0)
    with pytest.raises(ValueError, match="3 users"):
        Bootstrap.of(3, seed=0).means(np.zeros((2, 1)))
    with pytest.raises(ValueError, match="finite"):
        Bootstrap.of(1, seed=0).means(np.array([[np.nan]]))
    with pytest.raises(ValueError, match="between 0 and 1"):
        interval_of(np.zeros(3), level=1)

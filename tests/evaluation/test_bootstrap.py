import numpy as np
import pytest

from evaluation.bootstrap import Bootstrap, bootstrap_interval, paired_interval, percentile_interval


def test_each_resample_draws_as_many_users_as_there_are():
    resamples = Bootstrap.of(users=7, seed=0, resamples=20)

    assert resamples.counts.shape == (20, 7)
    assert resamples.counts.sum(axis=1).tolist() == [7] * 20
    assert len({tuple(row) for row in resamples.counts.tolist()}) == 20


def test_means_weight_each_user_by_the_number_of_draws():
    resamples = Bootstrap(np.array([[2, 0, 1], [0, 3, 0]], np.uint16))

    # (2 * 1 + 0 * 2 + 1 * 4) / 3, (3 * 2) / 3; and ten times that.
    means = resamples.means(np.array([[1.0, 10.0], [2.0, 20.0], [4.0, 40.0]]))

    assert means.tolist() == [[2.0, 20.0], [2.0, 20.0]]


def test_many_users_are_processed_in_blocks_of_resamples():
    resamples = Bootstrap(np.tile(np.array([[2, 0], [0, 2]], np.uint16), (100, 1)))

    assert resamples.means(np.array([[1.0], [4.0]]))[:, 0].tolist() == [1.0, 4.0] * 100


def test_an_estimate_is_mean_and_interval():
    # Four resamples with the means 1, 2, 3 and 4; quantiles 0.1 and 0.9 are 0.3 and 2.7 steps above the lowest.
    resamples = Bootstrap(np.array([[4, 0], [3, 1], [1, 3], [0, 4]], np.uint16))

    (estimate,) = resamples.estimates(np.array([[0.5], [2.5]]), level=0.8)

    # Sums 2, 4, 8 and 10 over 2 users: 1, 2, 4, 5; 0.3 of the way from 1 to 2, and 0.7 of the way from 4 to 5.
    assert estimate == pytest.approx([1.5, 1.3, 4.7])


def test_resamples_are_those_of_drawing_users_one_by_one():
    values, generator = np.random.default_rng(1).random(50), np.random.default_rng(9)
    one_by_one = [values[generator.integers(50, size=50)].mean() for _ in range(1_000)]

    means = Bootstrap.of(50, seed=9).means(values[:, None])[:, 0]

    assert means == pytest.approx(one_by_one, abs=1e-12)


def test_the_same_seed_draws_the_same_users():
    assert Bootstrap.of(30, seed=1).counts.tolist() == Bootstrap.of(30, seed=1).counts.tolist()
    assert Bootstrap.of(30, seed=1).counts.tolist() != Bootstrap.of(30, seed=2).counts.tolist()


def test_the_percentile_interval_is_between_the_quantiles():
    assert percentile_interval(np.arange(101.0), level=0.9) == pytest.approx((5, 95))


def test_invalid_arguments_are_refused():
    with pytest.raises(ValueError, match="not 0 and 1000"):
        Bootstrap.of(0, seed=0)
    with pytest.raises(ValueError, match="not 3 and 0"):
        Bootstrap.of(3, seed=0, resamples=0)
    with pytest.raises(ValueError, match="3 users"):
        Bootstrap.of(3, seed=0).means(np.zeros((2, 1)))
    with pytest.raises(ValueError, match="finite"):
        Bootstrap.of(1, seed=0).means(np.array([[np.nan]]))
    with pytest.raises(ValueError, match="between 0 and 1"):
        percentile_interval(np.zeros(3), level=1)


def test_the_interval_of_a_constant_is_that_constant():
    assert bootstrap_interval(np.full(10, 0.25), seed=0) == (0.25, 0.25)


def test_the_interval_agrees_with_the_normal_approximation():
    # 400 users, half at 0 and half at 1: mean 0.5, standard error 0.5 / sqrt(400) = 0.025, so 0.5 +- 1.96 * 0.025.
    low, high = bootstrap_interval(np.tile([0.0, 1.0], 200), seed=3, resamples=4_000)

    assert low == pytest.approx(0.451, abs=0.005)
    assert high == pytest.approx(0.549, abs=0.005)


def test_the_same_seed_gives_the_same_interval():
    values = np.random.default_rng(0).random(50)

    assert bootstrap_interval(values, seed=7) == bootstrap_interval(values, seed=7)
    assert bootstrap_interval(values, seed=7) != bootstrap_interval(values, seed=8)


def test_a_small_constant_advantage_is_significant_in_pairs_though_separate_intervals_overlap():
    baseline = np.tile([0.0, 0.9], 50)
    values = baseline + 0.01

    assert paired_interval(values, baseline, seed=0) == pytest.approx((0.01, 0.01))
    assert bootstrap_interval(values, seed=0)[0] < bootstrap_interval(baseline, seed=0)[1]


def test_pairs_must_have_the_same_users():
    with pytest.raises(ValueError, match="same users"):
        paired_interval(np.zeros(3), np.zeros(1), seed=0)


@pytest.mark.parametrize("values", [[], [np.nan], [[0.5]]])
def test_an_interval_needs_finite_values_of_users(values):
    with pytest.raises(ValueError, match="finite numbers"):
        bootstrap_interval(np.array(values, np.float64), seed=0)


@pytest.mark.parametrize(("resamples", "level"), [(0, 0.95), (10, 0.0), (10, 1.0)])
def test_an_interval_needs_resamples_and_a_level_between_0_and_1(resamples, level):
    with pytest.raises(ValueError, match="level between 0 and 1"):
        bootstrap_interval(np.zeros(3), 0, resamples, level)

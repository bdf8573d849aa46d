"""Terms of candidates, and their standardization."""

import numpy as np
import pytest

from candidates.linear_model import LinearModel, build_terms, standardize


def test_terms_are_whether_a_source_lists_the_candidate_the_log_of_its_rank_and_its_score():
    first = np.array([[1, 0]], np.int32), np.array([[0.5, 0.0]], np.float32)
    second = np.array([[3, 20], [0, 2]], np.int32), np.array([[-1.0, 2.0], [0.0, 7.0]], np.float32)

    terms = build_terms([first, second])

    log = np.log(np.float32([1, 2, 3, 20]))
    assert terms.dtype == np.float32
    assert terms == pytest.approx(
        np.array([[1, 0, 0, 0, 0.5, 0], [1, 1, log[2], log[3], -1, 2], [0, 1, 0, log[1], 0, 7]], np.float32)
    )


def test_standardized_terms_have_mean_0_and_deviation_1_unless_they_are_constant():
    terms = np.array([[1, 5, 1e6], [3, 5, 1e6 + 2]], np.float32)

    means, deviations = standardize(terms)

    assert means.tolist() == [2, 5, 1e6 + 1]
    assert deviations.tolist() == [1, 1, 1]
    assert terms.tolist() == [[-1, 0, -1], [1, 0, 1]]
    assert (means.dtype, deviations.dtype) == (np.float32, np.float32)


def test_the_score_is_the_weighted_sum_of_the_standardized_terms():
    generator = np.random.default_rng(0)
    ranks, scores = generator.integers(0, 300, (50, 2)).astype(np.int32), generator.random((50, 2), np.float32)
    terms = build_terms([(ranks, scores)])
    weights = generator.standard_normal(6).astype(np.float32)
    model = LinearModel(("a", "b"), *standardize(terms), weights, 0.5)

    assert model.score(ranks, scores) == pytest.approx(terms @ weights + 0.5, abs=1e-4)

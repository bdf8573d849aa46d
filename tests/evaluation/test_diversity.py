"""Three figures that tell collapsed vectors from healthy ones."""

import numpy as np
import pytest

from evaluation.diversity import VectorDiversity, effective_rank, mean_cosine


def test_three_vectors_by_hand():
    vectors = np.array([[2.0, 0.0], [0.0, 3.0], [-1.0, 0.0]], np.float32)
    lists = np.array([[0, 1], [1, 2], [2, -1]], np.int32)

    diversity = VectorDiversity.of(vectors, lists)

    # Cosines of the three pairs: 0, -1, 0. Singular values 3 and the root of 5.
    assert diversity.mean_cosine == pytest.approx(-1 / 3)
    shares = np.array([3, 5**0.5]) / (3 + 5**0.5)
    assert diversity.effective_rank == pytest.approx(np.exp(-(shares * np.log(shares)).sum()))
    assert (diversity.distinct_items, diversity.k, diversity.queries, diversity.dimensions) == (3, 2, 3, 2)


def test_one_vector_for_everybody_has_cosine_1_rank_1_and_one_list():
    diversity = VectorDiversity.of(np.tile(np.float32([1, 2, 3]), (50, 1)), np.tile(np.int32([4, 1]), (50, 1)))

    assert diversity.mean_cosine == pytest.approx(1)
    assert diversity.effective_rank == pytest.approx(1, abs=1e-5)
    assert diversity.distinct_items == diversity.k == 2


def test_the_length_of_vectors_is_nothing_to_their_cosine():
    vectors = np.random.default_rng(1).standard_normal((30, 4))

    assert mean_cosine(vectors * np.arange(1, 31)[:, None]) == pytest.approx(mean_cosine(vectors))


def test_equal_directions_count_each_and_a_rare_one_counts_less():
    assert effective_rank(np.eye(5)) == pytest.approx(5)
    # Singular values 3 and 1: shares 3/4 and 1/4, entropy 0.5623351 nats, exp of it 1.75.
    assert effective_rank(np.diag([3.0, 1.0])) == pytest.approx(1.7548, abs=1e-4)


def test_zeros_have_no_direction_and_one_vector_has_no_pair():
    assert (mean_cosine(np.zeros((3, 2))), effective_rank(np.zeros((3, 2)))) == (0, 0)
    assert mean_cosine(np.ones((1, 2))) == 1

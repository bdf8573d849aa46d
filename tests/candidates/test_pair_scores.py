import numpy as np
import pytest

from candidates.pair_scores import score_pairs


def test_scores_are_inner_products_in_float64():
    # Summed in float32, the 1 is lost beside 2**24.
    queries, vectors = np.float32([[4096, 1, 0]]), np.float32([[4096, 1, 9], [4096, 3, 9]])

    assert score_pairs(queries, vectors, np.array([0, 2]), np.int32([1, 0])).tolist() == [16777220.0, 16777216.0]


def test_dimensions_that_the_queries_lack_do_not_count():
    vectors = np.float32([[1, 2, 100]])

    assert score_pairs(np.float32([[3, 4]]), vectors, np.array([0, 1]), np.int32([0])).tolist() == [11.0]


@pytest.mark.parametrize("dimensions", [7, 64, 100, 320])
def test_the_score_of_a_pair_depends_on_the_pair_alone_to_the_last_bit(dimensions):
    # Products of 2**54 that cancel, among some of 1: how many of these are lost depends on the order of the sum.
    generator, large = np.random.default_rng(0), max(1, dimensions // 16)
    values = np.float32([2**27] * large + [-(2**27)] * large + [2**-27] * (dimensions - 2 * large))
    vectors = np.stack([generator.permutation(values) for _ in range(50)])
    queries = np.full((2, dimensions), 2**27, np.float32)
    alone = [score_pairs(queries[:1], vectors, np.array([0, 1]), np.int32([item]))[0] for item in range(50)]
    assert len(set(alone)) > 1

    for size in (1, 2, 3, 7, 8, 9, 25, 50):
        for shift in range(9):
            items = np.roll(np.arange(50, dtype=np.int32), shift)[:size]
            found = score_pairs(queries, vectors, np.array([0, size, 2 * size]), np.tile(items, 2))
            assert found.tolist() == [alone[item] for item in items] * 2

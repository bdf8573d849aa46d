import numpy as np
import pytest
from fixtures.purchases import purchases_of
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from candidates.sources.item_similarity import nearest, purchase_matrix

CUT = np.datetime64("2020-09-16", "us")


def test_purchases_are_weighted_by_age_and_those_from_the_cut_on_are_left_out():
    purchases = purchases_of(
        (5, 0, "2020-09-06"),  # one half-life ago: 1/2
        (5, 0, "2020-08-27"),  # two: 1/4
        (5, 2, "2020-09-15 23:59:59.999999"),  # just now: 1
        (5, 1, "2020-09-16"),
        (9, 1, "2020-08-17"),  # three: 1/8
    )

    matrix = purchase_matrix(purchases, CUT, 4, half_life=10.0, newest=9)

    assert matrix.toarray() == pytest.approx(np.log([[1.75, 1, 2, 1], [1, 1.125, 1, 1]]))


def test_only_the_newest_purchases_of_each_user_count_and_ties_go_by_position():
    purchases = purchases_of((0, 3, "2020-09-01"), (0, 1, "2020-09-02"), (0, 0, "2020-09-02"), (1, 3, "2020-01-01"))

    matrix = purchase_matrix(purchases, CUT, 4, half_life=np.inf, newest=1)

    assert matrix.toarray() == pytest.approx(np.log([[2, 1, 1, 1], [1, 1, 1, 2]]))


def test_without_purchases_there_are_no_rows_and_no_neighbours():
    matrix = purchase_matrix(purchases_of((0, 0, "2020-09-17")), CUT, 2, half_life=10.0, newest=9)

    assert matrix.shape == (0, 2)
    assert nearest(matrix, 1, 1.0, 1.0)[0].tolist() == [[-1], [-1]]


def test_neighbours_are_ordered_by_the_cosine_of_columns():
    # Columns (3, 4), (4, 3), (0, 1) and (0, 0): the cosines are 24/25, 4/5 and 3/5.
    matrix = csr_array(np.array([[3.0, 4, 0, 0], [4, 3, 1, 0]]))

    neighbours, similarities = nearest(matrix, 3, 0.0, 1.0)

    assert neighbours.tolist() == [[0, 1, 2], [1, 0, 2], [2, 0, 1], [-1, -1, -1]]
    assert similarities[:3] == pytest.approx(np.array([[1, 0.96, 0.8], [1, 0.96, 0.6], [1, 0.8, 0.6]]))
    assert similarities[3].tolist() == [-np.inf] * 3
    assert (neighbours.dtype, similarities.dtype) == (np.int32, np.float32)


def test_shrinkage_and_sharpness_lower_all_similarities_except_to_the_item_itself():
    matrix = csr_array(np.array([[3.0, 4], [4, 3]]))

    assert nearest(matrix, 2, 5.0, 2.0)[1] == pytest.approx(np.array([[1, 0.64], [1, 0.64]]))  # (24 / (25 + 5)) ** 2


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 9))
def test_the_result_equals_a_full_sort_of_all_cosines(seed, width):
    generator = np.random.default_rng(seed)
    matrix = generator.integers(0, 3, (6, 8)) * (generator.random((6, 8)) < 0.5)

    neighbours, similarities = nearest(csr_array(matrix.astype(np.float64)), width, 1.0, 2.0)

    norms = np.sqrt((matrix**2).sum(axis=0).astype(np.float64))
    for item in range(8):
        expected = []
        for other in range(8):
            product = matrix[:, item] @ matrix[:, other]
            similar = 1.0 if item == other else (product / (norms[item] * norms[other] + 1)) ** 2
            expected += [(-np.float32(similar), other)] if product else []
        expected = sorted(expected)[:width]
        assert neighbours[item].tolist() == [other for _, other in expected] + [-1] * (width - len(expected))
        assert similarities[item, : len(expected)].tolist() == [-score for score, _ in expected]


def test_malformed_arguments_are_refused():
    purchases = purchases_of((0, 5, "2020-09-15"))

    with pytest.raises(ValueError, match="below 5, not 5"):
        purchase_matrix(purchases, CUT, 5, half_life=1.0, newest=1)
    with pytest.raises(ValueError, match="Half-life must be above 0"):
        purchase_matrix(purchases, CUT, 6, half_life=0.0, newest=1)
    with pytest.raises(ValueError, match="newest at least 1"):
        purchase_matrix(purchases, CUT, 6, half_life=1.0, newest=0)
    with pytest.raises(ValueError, match="shrinkage at least 0"):
        nearest(csr_array(np.eye(2)), 1, -1.0, 1.0)

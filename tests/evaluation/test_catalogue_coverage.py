import numpy as np
import pytest

from evaluation.catalogue_coverage import coverage_of, sales_percentiles

SOLD = np.array([10, 0, 3, 0])


def test_the_percentile_is_the_share_that_sold_less_and_half_of_what_sold_equally():
    # Items 1 and 3: (0 + 2 / 2) / 4. Item 2: (2 + 1 / 2) / 4. Item 0: (3 + 1 / 2) / 4.
    assert sales_percentiles(SOLD).tolist() == [0.875, 0.25, 0.625, 0.25]


def test_the_percentiles_of_a_catalogue_are_half_on_average():
    assert sales_percentiles(np.random.default_rng(0).integers(0, 5, 200)).mean() == pytest.approx(0.5)


def test_breadth_by_hand():
    # The second user's list ends early. The two best sellers are items 0 and 2.
    lists = np.array([[0, 1, 3], [2, -1, -1]], np.int32)

    assert coverage_of(lists, SOLD, 2) == {
        "distinct_items": 3,
        "coverage": 0.75,
        "popularity_bias": ((0.875 + 0.25) / 2 + 0.625) / 2,
        "bestseller_share": (0.5 + 1) / 2,
    }


def test_the_bestsellers_for_everybody_are_narrow():
    catalogue_coverage = coverage_of(np.array([[0, 2]] * 5, np.int32), SOLD, 2)

    assert catalogue_coverage["bestseller_share"] == 1
    assert catalogue_coverage["coverage"] == 0.5


def test_bestsellers_of_equal_sales_are_ranked_by_position():
    assert coverage_of(np.array([[0]], np.int32), np.zeros(3, np.int64), 1)["bestseller_share"] == 1
    assert coverage_of(np.array([[1]], np.int32), np.zeros(3, np.int64), 1)["bestseller_share"] == 0


def test_users_with_empty_lists_are_left_out_of_means():
    alone = coverage_of(np.array([[0]], np.int32), SOLD, 1)

    assert coverage_of(np.array([[-1], [0]], np.int32), SOLD, 1) == alone


def test_faulty_lists_are_refused():
    with pytest.raises(ValueError, match="at least one item"):
        coverage_of(np.array([[-1]], np.int32), SOLD, 1)
    with pytest.raises(ValueError, match="below 4, not 4"):
        coverage_of(np.array([[4]], np.int32), SOLD, 1)
    with pytest.raises(ValueError, match="at least 1, not 0"):
        coverage_of(np.array([[0]], np.int32), SOLD, 0)

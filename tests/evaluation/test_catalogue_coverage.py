import numpy as np
import pytest

from evaluation.catalogue_coverage import measure_coverage, sales_percentiles

SALES = np.array([10, 0, 3, 0])


def test_the_percentile_is_the_share_of_items_with_lower_sales_plus_half_of_the_equal_ones():
    # Items 1 and 3: (0 + 2 / 2) / 4. Item 2: (2 + 1 / 2) / 4. Item 0: (3 + 1 / 2) / 4.
    assert sales_percentiles(SALES).tolist() == [0.875, 0.25, 0.625, 0.25]


def test_the_mean_percentile_of_a_catalogue_is_one_half():
    assert sales_percentiles(np.random.default_rng(0).integers(0, 5, 200)).mean() == pytest.approx(0.5)


def test_coverage_of_two_lists():
    # The second user's list ends early. The two bestsellers are items 0 and 2.
    lists = np.array([[0, 1, 3], [2, -1, -1]], np.int32)

    assert measure_coverage(lists, SALES, 2) == {
        "distinct_items": 3,
        "coverage": 0.75,
        "popularity_bias": ((0.875 + 0.25) / 2 + 0.625) / 2,
        "bestseller_share": (0.5 + 1) / 2,
    }


def test_one_list_of_bestsellers_for_all_users_has_a_low_coverage():
    coverage = measure_coverage(np.array([[0, 2]] * 5, np.int32), SALES, 2)

    assert coverage["bestseller_share"] == 1
    assert coverage["coverage"] == 0.5


def test_bestsellers_with_equal_sales_are_ordered_by_position():
    assert measure_coverage(np.array([[0]], np.int32), np.zeros(3, np.int64), 1)["bestseller_share"] == 1
    assert measure_coverage(np.array([[1]], np.int32), np.zeros(3, np.int64), 1)["bestseller_share"] == 0


def test_users_with_empty_lists_are_left_out_of_the_means():
    alone = measure_coverage(np.array([[0]], np.int32), SALES, 1)

    assert measure_coverage(np.array([[-1], [0]], np.int32), SALES, 1) == alone


def test_invalid_lists_are_refused():
    with pytest.raises(ValueError, match="at least one item"):
        measure_coverage(np.array([[-1]], np.int32), SALES, 1)
    with pytest.raises(ValueError, match="below 4, not 4"):
        measure_coverage(np.array([[4]], np.int32), SALES, 1)
    with pytest.raises(ValueError, match="at least 1, not 0"):
        measure_coverage(np.array([[0]], np.int32), SALES, 0)

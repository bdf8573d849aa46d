import pytest

from evaluation.report.label_spacing import spread


def test_places_far_apart_stay():
    assert spread([10, 50, 30], gap=10, low=0, high=100) == [10, 50, 30]


def test_places_too_close_move_apart_around_their_middle():
    assert spread([50, 50], gap=10, low=0, high=100) == [45, 55]
    assert spread([50, 52, 90], gap=10, low=0, high=100) == [46, 56, 90]


def test_order_is_kept_and_equal_places_stay_in_the_order_given():
    assert spread([20, 20, 5], gap=10, low=0, high=100) == [15, 25, 5]


def test_places_stay_inside():
    assert spread([0, 0, 0], gap=10, low=0, high=100) == [0, 10, 20]
    assert spread([100, 99], gap=10, low=0, high=100) == [100, 90]


def test_without_room_the_gap_shrinks():
    assert spread([1, 2, 3], gap=10, low=0, high=10) == pytest.approx([0, 5, 10])


def test_one_place_alone_is_only_kept_inside():
    assert spread([120], gap=10, low=0, high=100) == [100]

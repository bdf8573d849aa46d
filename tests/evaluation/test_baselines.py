import numpy as np
import pytest

from evaluation.baselines import PurchaseCodes, bought_before_then_popular, last_week_popularity
from retrieval.popularity import PopularityList

CUT = np.datetime64("2020-09-16", "us")


def purchases_of(*rows):
    """Rows of user code, item position, time."""
    users, items, times = zip(*rows, strict=True)
    return PurchaseCodes(np.array(users, np.int32), np.array(items, np.int32), np.array(times, "datetime64[us]"))


def test_last_week_counts_from_seven_days_before_the_cut_and_ends_before_it():
    purchases = purchases_of(
        (0, 0, "2020-09-08T23:59:59.999999"),  # one microsecond too old
        (0, 1, "2020-09-09T00:00:00"),
        (1, 1, "2020-09-15T23:59:59.999999"),
        (1, 2, "2020-09-16T00:00:00"),  # at the cut
        (1, 3, "2020-09-20T00:00:00"),
    )

    assert last_week_popularity(purchases, CUT, 5).tolist() == [0, 2, 0, 0, 0]


def test_the_window_can_be_shorter():
    purchases = purchases_of((0, 0, "2020-09-14"), (0, 1, "2020-09-15"))

    assert last_week_popularity(purchases, CUT, 2, days=1).tolist() == [0, 1]


def test_own_items_come_by_frequency_then_recency_then_position_and_then_what_is_popular():
    purchases = purchases_of(
        (7, 4, "2020-01-01"),
        (7, 2, "2020-03-01"),
        (7, 4, "2020-01-02"),  # twice: first, however old
        (7, 3, "2020-03-01"),  # the same day as 2: by position
        (7, 0, "2020-04-01"),  # once, more recent: before 2
        (5, 1, "2020-02-01"),
    )
    popularity = PopularityList.from_counts(np.array([1, 9, 8, 7, 6, 5]))

    lists = bought_before_then_popular(purchases, CUT, np.array([7, 6, 5], np.int32), popularity, 5)

    assert lists.tolist() == [[4, 0, 2, 3, 1], [1, 2, 3, 4, 5], [1, 2, 3, 4, 5]]
    assert lists.dtype == np.int32


def test_a_popular_item_already_bought_is_not_repeated():
    popularity = PopularityList.from_counts(np.array([3, 2, 1]))

    lists = bought_before_then_popular(
        purchases_of((0, 2, "2020-01-01"), (1, 0, "2020-01-01")), CUT, np.array([0, 1], np.int32), popularity, 3
    )

    assert lists.tolist() == [[2, 0, 1], [0, 1, 2]]


def test_more_own_items_than_places_leave_no_room_for_popular_ones():
    purchases = purchases_of((0, 3, "2020-01-03"), (0, 2, "2020-01-02"), (0, 1, "2020-01-01"))

    lists = bought_before_then_popular(
        purchases, CUT, np.array([0], np.int32), PopularityList.from_counts(np.ones(4)), 2
    )

    assert lists.tolist() == [[3, 2]]


def test_purchases_at_or_after_the_cut_change_nothing():
    before = [(0, 1, "2020-09-15"), (1, 2, "2020-09-14")]
    after = [(0, 0, "2020-09-16"), (0, 0, "2020-09-17"), (1, 1, "2020-09-16")]
    users, popularity = np.array([0, 1], np.int32), PopularityList.from_counts(np.array([1, 2, 3]))

    without = bought_before_then_popular(purchases_of(*before), CUT, users, popularity, 3)
    with_future = bought_before_then_popular(purchases_of(*after, *before), CUT, users, popularity, 3)

    assert with_future.tolist() == without.tolist() == [[1, 2, 0], [2, 1, 0]]
    assert last_week_popularity(purchases_of(*after, *before), CUT, 3).tolist() == [0, 1, 1]


def test_without_any_purchases_everybody_gets_what_is_popular():
    nothing = purchases_of((0, 0, "2020-09-17"))
    popularity = PopularityList.from_counts(np.array([1, 2]))

    assert bought_before_then_popular(nothing, CUT, np.array([4, 0], np.int32), popularity, 2).tolist() == [[1, 0]] * 2
    assert bought_before_then_popular(nothing, CUT, np.array([], np.int32), popularity, 2).shape == (0, 2)


def test_the_order_of_the_rows_does_not_matter():
    generator = np.random.default_rng(0)
    rows = [
        (int(user), int(item), np.datetime64("2020-09-01", "us") + np.timedelta64(int(day), "D"))
        for user, item, day in generator.integers(0, 12, (300, 3))
    ]
    users, popularity = np.arange(12, dtype=np.int32)[::-1], PopularityList.from_counts(np.arange(12))
    shuffled = [rows[row] for row in generator.permutation(300)]

    lists = bought_before_then_popular(purchases_of(*rows), CUT, users, popularity, 8)

    assert bought_before_then_popular(purchases_of(*shuffled), CUT, users, popularity, 8).tolist() == lists.tolist()
    assert all(len(set(items)) == 8 for items in lists.tolist())


def test_faulty_arguments_are_refused():
    purchases, popularity = purchases_of((0, 5, "2020-09-15")), PopularityList.from_counts(np.ones(3))

    with pytest.raises(ValueError, match="unique"):
        bought_before_then_popular(purchases, CUT, np.array([1, 1], np.int32), popularity, 2)
    with pytest.raises(ValueError, match="below 3"):
        bought_before_then_popular(purchases, CUT, np.array([0], np.int32), popularity, 2)
    with pytest.raises(ValueError, match="below 5, not 5"):
        last_week_popularity(purchases, CUT, 5)
    with pytest.raises(ValueError, match="at least 1 day"):
        last_week_popularity(purchases, CUT, 6, days=0)


def test_malformed_purchases_are_refused():
    users, items = np.array([0], np.int32), np.array([0], np.int32)
    times = np.array(["2020-01-01"], "datetime64[us]")

    with pytest.raises(ValueError, match="int64"):
        PurchaseCodes(users.astype(np.int64), items, times)
    with pytest.raises(ValueError, match="missing"):
        PurchaseCodes(users, items, np.array(["NaT"], "datetime64[us]"))
    with pytest.raises(ValueError, match="equally long"):
        PurchaseCodes(users, items[:0], times)
    with pytest.raises(ValueError, match="at least 0"):
        PurchaseCodes(users, items - np.int32(1), times)

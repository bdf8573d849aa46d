import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import evaluation.baselines
from candidates.item_lists import ItemLists
from candidates.purchase_codes import PurchaseCodes
from candidates.sources.popularity import PopularityList
from evaluation.baselines import (
    HALF_LIFE,
    baselines,
    bought_before_then_popular,
    decayed_popularity,
    last_week_popularity,
)
from evaluation.implicit_als import available

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


def test_the_window_of_popularity_can_be_shorter():
    purchases = purchases_of((0, 0, "2020-09-14"), (0, 1, "2020-09-15"))

    assert last_week_popularity(purchases, CUT, 2, days=1).tolist() == [0, 1]


def test_own_items_are_ordered_by_frequency_recency_and_position_and_followed_by_popular_ones():
    purchases = purchases_of(
        (7, 4, "2020-01-01"),
        (7, 2, "2020-03-01"),
        (7, 4, "2020-01-02"),  # twice: first in spite of its age
        (7, 3, "2020-03-01"),  # on the same day as 2: by position
        (7, 0, "2020-04-01"),  # once, more recent: before 2
        (5, 1, "2020-02-01"),
    )
    popularity = PopularityList.from_counts(np.array([1, 9, 8, 7, 6, 5]))

    lists = bought_before_then_popular(purchases, CUT, np.array([7, 6, 5], np.int32), popularity, 5)

    assert lists.tolist() == [[4, 0, 2, 3, 1], [1, 2, 3, 4, 5], [1, 2, 3, 4, 5]]
    assert lists.dtype == np.int32


def test_popular_items_that_the_user_bought_are_not_repeated():
    popularity = PopularityList.from_counts(np.array([3, 2, 1]))

    lists = bought_before_then_popular(
        purchases_of((0, 2, "2020-01-01"), (1, 0, "2020-01-01")), CUT, np.array([0, 1], np.int32), popularity, 3
    )

    assert lists.tolist() == [[2, 0, 1], [0, 1, 2]]


def test_k_own_items_leave_no_room_for_popular_ones():
    purchases = purchases_of((0, 3, "2020-01-03"), (0, 2, "2020-01-02"), (0, 1, "2020-01-01"))

    lists = bought_before_then_popular(
        purchases, CUT, np.array([0], np.int32), PopularityList.from_counts(np.ones(4)), 2
    )

    assert lists.tolist() == [[3, 2]]


def test_purchases_from_the_cut_on_are_ignored():
    before = [(0, 1, "2020-09-15"), (1, 2, "2020-09-14")]
    after = [(0, 0, "2020-09-16"), (0, 0, "2020-09-17"), (1, 1, "2020-09-16")]
    users, popularity = np.array([0, 1], np.int32), PopularityList.from_counts(np.array([1, 2, 3]))

    without = bought_before_then_popular(purchases_of(*before), CUT, users, popularity, 3)
    with_future = bought_before_then_popular(purchases_of(*after, *before), CUT, users, popularity, 3)

    assert with_future.tolist() == without.tolist() == [[1, 2, 0], [2, 1, 0]]
    assert last_week_popularity(purchases_of(*after, *before), CUT, 3).tolist() == [0, 1, 1]


def test_users_without_purchases_have_popular_items_only():
    none = purchases_of((0, 0, "2020-09-17"))
    popularity = PopularityList.from_counts(np.array([1, 2]))

    assert bought_before_then_popular(none, CUT, np.array([4, 0], np.int32), popularity, 2).tolist() == [[1, 0]] * 2
    assert bought_before_then_popular(none, CUT, np.array([], np.int32), popularity, 2).shape == (0, 2)


def test_the_order_of_purchases_does_not_matter():
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


def test_invalid_arguments_are_refused():
    purchases, popularity = purchases_of((0, 5, "2020-09-15")), PopularityList.from_counts(np.ones(3))

    with pytest.raises(ValueError, match="unique"):
        bought_before_then_popular(purchases, CUT, np.array([1, 1], np.int32), popularity, 2)
    with pytest.raises(ValueError, match="below 3"):
        bought_before_then_popular(purchases, CUT, np.array([0], np.int32), popularity, 2)
    with pytest.raises(ValueError, match="below 5, not 5"):
        last_week_popularity(purchases, CUT, 5)
    with pytest.raises(ValueError, match="at least 1 day"):
        last_week_popularity(purchases, CUT, 6, days=0)


def test_the_weight_of_a_purchase_halves_with_every_half_life():
    purchases = purchases_of((0, 1, "2020-09-16"), (0, 0, "2020-09-11"), (1, 0, "2020-09-06"), (1, 2, "2020-08-27"))

    assert decayed_popularity(purchases, CUT, 3, 5.0).tolist() == [0.5 + 0.25, 0, 0.0625]
    assert decayed_popularity(purchases, CUT, 3, np.inf).tolist() == [2, 0, 1]
    with pytest.raises(ValueError, match="above 0, not 0"):
        decayed_popularity(purchases, CUT, 3, 0.0)
    with pytest.raises(ValueError, match="below 2, not 2"):
        decayed_popularity(purchases, CUT, 2, 5.0)


def lists_of(purchases, users, n_items, k, bought):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            evaluation.baselines, "available", lambda: False
        )  # the expected lists are the same with and without iALS
        created = list(baselines(purchases, CUT, np.array(users, np.int32), n_items, k, ItemLists.from_lists(bought)))
    return {lists.name: (lists.all_items.tolist(), lists.new_items.tolist()) for lists in created}


def test_the_lists_of_each_baseline():
    # Sales: item 0 three times, 1 and 2 twice, 3 once; in the last week 2 twice and 3 once. User 5 bought 0 twice,
    # long ago, and 3 on the last day; user 6 bought 2; user 7 is cold.
    purchases = purchases_of(
        (5, 0, "2020-01-01"),
        (5, 0, "2020-01-02"),
        (5, 3, "2020-09-15"),
        (6, 2, "2020-09-14"),
        (8, 2, "2020-09-14"),
        (8, 0, "2020-09-01"),
        (8, 1, "2020-09-01"),
        (9, 1, "2020-08-01"),
    )

    lists = lists_of(purchases, [5, 6, 7], 4, 3, [np.array([0, 3]), np.array([2]), np.array([], np.int64)])

    assert lists["all-time bestsellers"] == ([[0, 1, 2]] * 3, [[1, 2, -1], [0, 1, 3], [0, 1, 2]])
    assert lists["last week's bestsellers"] == ([[2, 3, 0]] * 3, [[2, 1, -1], [3, 0, 1], [2, 3, 0]])
    # The last sales of 0 and 1 are equally old; the others of 1 are more recent than those of 0.
    assert lists["decayed popularity"] == ([[2, 3, 1]] * 3, [[2, 1, -1], [3, 1, 0], [2, 3, 1]])
    new_items = [[2, 1, -1], [3, 0, 1], [2, 3, 0]]
    assert lists["own purchases by frequency"] == ([[0, 3, 2], [2, 3, 0], [2, 3, 0]], new_items)
    assert lists["own purchases by recency"] == ([[3, 0, 2], [2, 3, 0], [2, 3, 0]], new_items)
    # User 5: own items, the more recent first, then what user 8 bought together with 0, the more recent first. User 6:
    # item 2, then what 8 bought with it; 1 is less similar to 2 than 0, because user 9 bought it as well. The rest are
    # bestsellers.
    assert lists["item-kNN"] == ([[3, 0, 2], [2, 0, 1], [2, 3, 0]], [[2, 1, -1], [0, 1, 3], [2, 3, 0]])
    # User 8 bought 2 as well, and once 0 and 1.
    for name in ("user-kNN", "TIFU-kNN", "UP-CF"):
        assert [lists[name][0][1][0], {*lists[name][0][1]}] == [2, {0, 1, 2}]
        assert {*lists[name][1][1]} == {0, 1, 3}
        assert lists[name][0][2] == [2, 3, 0]  # cold: bestsellers
    assert set(lists) == {
        "all-time bestsellers",
        "last week's bestsellers",
        "decayed popularity",
        "own purchases by frequency",
        "own purchases by recency",
        "item-kNN",
        "item-kNN, sales-weighted",
        "user-kNN",
        "TIFU-kNN",
        "UP-CF",
    }
    assert HALF_LIFE == 4


def test_sales_weighting_prefers_a_neighbour_that_still_sells():
    # Buyers of 0 bought 1 as often as 2, but 1 has not been bought since.
    purchases = purchases_of(
        *[(user, item, "2020-06-01") for user in (1, 2, 3) for item in (0, 1, 2)],
        *[(user, 2, "2020-09-15") for user in (1, 2, 3)],
        (4, 0, "2020-06-01"),
        (9, 3, "2020-06-01"),
    )

    lists = lists_of(purchases, [4], 4, 2, [np.array([0])])

    assert lists["item-kNN, sales-weighted"][1] == [[2, 1]]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 12))
def test_lists_do_not_depend_on_purchases_from_the_cut_on_and_arguments_are_not_modified(seed, k):
    generator = np.random.default_rng(seed)
    numbers = generator.integers((0, 0, 0), (6, 9, 20), (60, 3)).tolist()
    past = [(user, item, CUT - np.timedelta64(day * 24 + 1, "h")) for user, item, day in numbers[:30]]
    future = [(user, item, CUT + np.timedelta64(day, "D")) for user, item, day in numbers[30:]]
    bought = [np.array([item for user, item, _ in past if user == row], np.int64) for row in range(7)]
    both = purchases_of(*future, *past)
    columns = [column.copy() for column in (both.user_codes, both.item_positions, both.purchased_at)]

    with_future = lists_of(both, range(7), 9, k, bought)

    assert with_future == lists_of(purchases_of(*past), range(7), 9, k, bought)
    for all_items, new_items in with_future.values():
        assert all(len(set(items)) == min(k, 9) and -1 not in items for items in all_items)
        for items, own in zip(new_items, bought, strict=True):
            left = min(k, 9 - len(set(own.tolist())))
            assert items[left:] == [-1] * (min(k, 9) - left)
            assert len(set(items[:left]) - set(own.tolist()) - {-1}) == left
    for column, before in zip((both.user_codes, both.item_positions, both.purchased_at), columns, strict=True):
        assert (column == before).all()


@pytest.mark.skipif(not available(), reason="implicit is not installed")
def test_ials_is_last_and_its_lists_are_filled_for_users_without_history():
    purchases = purchases_of((0, 0, "2020-09-01"), (1, 0, "2020-09-01"), (1, 1, "2020-09-15"))
    bought = ItemLists.from_lists([np.array([0]), np.array([], np.int64)])

    *_, last = baselines(purchases, CUT, np.array([0, 7], np.int32), 3, 2, bought)

    assert last.name == "iALS"
    assert last.all_items[1].tolist() == [1, 0]
    assert 0 not in last.new_items[0]

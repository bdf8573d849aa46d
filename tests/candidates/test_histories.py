import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from candidates.histories import Histories, check_request
from candidates.item_lists import ItemLists
from candidates.purchase_codes import PurchaseCodes

CUT = np.datetime64("2020-09-16", "us")
IDS = np.array(["a", "b", "c", "d"])


def purchases_of(*rows):
    """Rows of user code, item position, time."""
    users, items, times = zip(*rows, strict=True)
    return PurchaseCodes(np.array(users, np.int32), np.array(items, np.int32), np.array(times, "datetime64[us]"))


def histories_of(offsets, positions, counts, days):
    return Histories(
        np.array(offsets, np.int64),
        np.array(positions, np.int32),
        np.array(counts, np.float32),
        np.array(days, np.float32),
    )


def content(histories):
    columns = (histories.offsets, histories.positions, histories.counts, histories.days)
    return [column.tolist() for column in columns]


def test_purchases_become_a_history_newest_first_with_counts_and_days_before_the_users_own_last_purchase():
    purchases = purchases_of(
        (5, 3, "2020-09-01 23:59"),
        (5, 1, "2020-09-04 00:00"),
        (5, 3, "2020-08-30 12:00"),
        (5, 0, "2020-09-01 08:00"),
        (7, 2, "2020-01-01 10:00"),
    )

    histories = Histories.from_purchases(purchases, CUT, np.array([7, 5], np.int32))

    assert content(histories) == [[0, 1, 4], [2, 1, 3, 0], [1, 1, 2, 1], [0, 0, 3, 3]]
    assert histories.bought.positions.tolist() == [2, 0, 1, 3]


def test_days_are_whole_days_of_utc_not_spans_of_24_hours():
    purchases = purchases_of((0, 0, "2020-09-01 23:59:59.999999"), (0, 1, "2020-09-02 00:00"))

    assert Histories.from_purchases(purchases, CUT, np.array([0], np.int32)).days.tolist() == [0, 1]


def test_items_bought_at_one_moment_stand_in_the_order_of_positions():
    purchases = purchases_of((0, 2, "2020-09-01"), (0, 0, "2020-09-01"), (0, 1, "2020-09-01"))

    assert Histories.from_purchases(purchases, CUT, np.array([0], np.int32)).positions.tolist() == [0, 1, 2]


def test_purchases_at_or_after_the_cut_and_users_without_any_leave_empty_histories():
    purchases = purchases_of((0, 0, "2020-09-16"), (1, 1, "2020-09-17"))

    histories = Histories.from_purchases(purchases, CUT, np.array([0, 9, 1], np.int32))

    assert content(histories) == [[0, 0, 0, 0], [], [], []]
    assert len(histories) == 3


def test_served_lists_are_read_as_they_stand():
    histories = Histories.from_lists(
        pa.array([["c", "a"], None, [], ["b"]]),
        pa.array([[1, 4], None, [], [2]]),
        pa.array([[0, 30], None, [], [0]]),
        IDS,
    )

    assert content(histories) == [[0, 2, 2, 2, 3], [2, 0, 1], [1, 4, 2], [0, 30, 0]]


def test_served_lists_may_come_in_chunks_as_slices_and_as_floats():
    items = pa.chunked_array([pa.array([["a"], ["c", "a"]]).slice(1), pa.array([["b"]])])
    counts = pa.chunked_array([pa.array([[1.0, 4.0], [2.0]], pa.list_(pa.float32()))])
    days = pa.chunked_array([pa.array([[0.0, 30.0], [0.0]], pa.list_(pa.float32()))])

    assert content(Histories.from_lists(items, counts, days, IDS)) == [[0, 2, 3], [2, 0, 1], [1, 4, 2], [0, 30, 0]]


def test_items_that_the_index_does_not_hold_are_passed_over():
    histories = Histories.from_lists(
        pa.array([["gone", "a"], ["gone"]]), pa.array([[7, 1], [1]]), pa.array([[0, 3], [0]]), IDS
    )

    assert content(histories) == [[0, 1, 1], [0], [1], [3]]


def test_nobody_at_all_is_no_history():
    nothing = pa.array([], pa.list_(pa.string()))
    numbers = pa.array([], pa.list_(pa.float32()))

    assert len(Histories.from_lists(nothing, numbers, numbers, IDS)) == 0
    assert len(Histories.from_lists(pa.chunked_array([nothing]), numbers, numbers, IDS)) == 0


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_what_is_served_makes_the_same_histories_as_the_purchases(seed):
    generator = np.random.default_rng(seed)
    rows = [
        (user, item, f"2020-09-{day:02d} {hour:02d}:00")
        for user, item, day, hour in generator.integers((0, 0, 1, 0), (3, 4, 20, 24), (25, 4)).tolist()
    ]
    served = [[], [], []]
    for user in range(3):
        own = [(np.datetime64(time), item) for buyer, item, time in rows if buyer == user and time < "2020-09-16"]
        latest = sorted({item: max(time for time, other in own if other == item) for _, item in own}.items())
        latest.sort(key=lambda pair: pair[1], reverse=True)
        served[0].append([IDS[item] for item, _ in latest])
        served[1].append([sum(other == item for _, other in own) for item, _ in latest])
        served[2].append([(latest[0][1].astype("M8[D]") - time.astype("M8[D]")).astype(int) for _, time in latest])

    made = Histories.from_purchases(purchases_of(*rows), CUT, np.arange(3, dtype=np.int32))

    numbers = [pa.array(lists, pa.list_(pa.int64())) for lists in served[1:]]
    read = Histories.from_lists(pa.array(served[0], pa.list_(pa.string())), *numbers, IDS)
    assert content(made) == content(read)


def test_a_slice_is_numbered_from_zero():
    part = histories_of([0, 1, 3, 4], [4, 1, 3, 2], [1, 2, 3, 4], [0, 0, 5, 0]).slice(1, 3)

    assert content(part) == [[0, 2, 3], [1, 3, 2], [2, 3, 4], [0, 5, 0]]
    assert part.rows.tolist() == [0, 0, 1]


def test_counts_and_days_are_looked_up_in_the_history_of_the_pairs_own_row():
    histories = histories_of([0, 2, 2, 3], [4, 1, 4], [2, 3, 5], [0, 7, 0])

    counts, days = histories.look_up(np.array([2, 0, 0, 1, 2]), np.array([4, 1, 9, 4, 1]))

    assert counts.tolist() == [5, 3, 0, 0, 0]
    assert days.tolist() == [0, 7, 0, 0, 0]


def test_nobody_bought_anything_in_empty_histories():
    counts, days = histories_of([0, 0], [], [], []).look_up(np.array([0]), np.array([3]))

    assert (counts.tolist(), days.tolist()) == ([0], [0])


@pytest.mark.parametrize(
    ("offsets", "positions", "counts", "days", "message"),
    [
        ([0, 2], [3, 3], [1, 1], [0, 0], "stands twice"),
        ([0, 2], [3, 1], [1, 0], [0, 0], "at least 1"),
        ([0, 2], [3, 1], [1, np.nan], [0, 0], "none missing"),
        ([0, 2], [3, 1], [1, 1], [0, -1], "days at least 0"),
        ([0, 2], [3, 1], [1, 1], [5, 4], "newest purchase first"),
        ([0, 1], [3, 1], [1, 1], [0, 0], "rise from 0 to the number of entries, 2"),
        ([1, 2], [3], [1], [0], "rise from 0"),
        ([0, 2], [3, 1], [1], [0, 0], "equally long"),
        ([0, 1], [-1], [1], [0], "at least 0"),
    ],
)
def test_malformed_histories_are_refused(offsets, positions, counts, days, message):
    with pytest.raises(ValueError, match=message):
        histories_of(offsets, positions, counts, days)


def test_wrong_dtypes_are_refused_by_name():
    with pytest.raises(ValueError, match="int64"):
        Histories(np.array([0, 1]), np.array([0]), np.ones(1, np.float32), np.zeros(1, np.float32))


def test_lists_that_are_not_aligned_are_refused():
    with pytest.raises(ValueError, match="equally long for each user"):
        Histories.from_lists(pa.array([["a", "b"]]), pa.array([[1]]), pa.array([[0, 0]]), IDS)


def test_a_user_who_is_asked_for_twice_is_refused():
    with pytest.raises(ValueError, match="Users must be unique"):
        Histories.from_purchases(purchases_of((0, 0, "2020-01-01")), CUT, np.array([1, 1], np.int32))


def test_a_question_that_does_not_fit_the_items_is_refused():
    histories = histories_of([0, 1], [3], [1], [0])

    check_request(histories, 1, ItemLists.from_lists([np.array([3])]), 4)
    with pytest.raises(ValueError, match="at least 1, not 0"):
        check_request(histories, 0, None, 4)
    with pytest.raises(ValueError, match="below 3, not 3"):
        check_request(histories, 1, None, 3)
    with pytest.raises(ValueError, match="1 lists of positions"):
        check_request(histories, 1, ItemLists.from_lists([]), 4)
    with pytest.raises(ValueError, match=r"\(4,\) bool"):
        check_request(histories, 1, None, 4, np.ones(3, np.bool_))

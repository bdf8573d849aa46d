import itertools

import numpy as np
import pyarrow as pa
import pytest
from fixtures.purchases import histories_of, purchases_of
from hypothesis import given, settings
from hypothesis import strategies as st

from candidates.histories import Histories
from candidates.item_lists import ItemLists
from candidates.text_codes import TextCodes

CUT = np.datetime64("2020-09-16", "us")
IDS = ["a", "b", "c", "d"]
CODES = TextCodes.from_texts(pa.array(IDS))


def contents(histories):
    """Per user, a list of (item position, count, days, gap)."""
    columns = histories.positions, histories.counts, histories.days, histories.gaps
    entries = zip(*(column.tolist() for column in columns), strict=True)
    result = [[] for _ in range(len(histories))]
    for row, entry in zip(histories.rows.tolist(), entries, strict=True):
        result[row].append(entry)
    return result


def test_purchases_become_a_history_newest_first_with_counts_and_days_before_the_users_own_last_purchase():
    purchases = purchases_of(
        (5, 3, "2020-09-01 23:59"),
        (5, 1, "2020-09-04 00:00"),
        (5, 3, "2020-08-30 12:00"),
        (5, 0, "2020-09-01 08:00"),
        (7, 2, "2020-01-01 10:00"),
    )

    histories = Histories.from_purchases(purchases, CUT, np.array([7, 5], np.int32))

    assert contents(histories) == [[(2, 1, 0, 0)], [(1, 1, 0, 0), (3, 2, 3, 2), (0, 1, 3, 0)]]


def test_days_are_whole_utc_days_not_spans_of_24_hours():
    purchases = purchases_of((0, 0, "2020-09-01 23:59:59.999999"), (0, 1, "2020-09-02 00:00"))

    assert Histories.from_purchases(purchases, CUT, np.array([0], np.int32)).days.tolist() == [0, 1]


def test_items_bought_at_the_same_time_are_ordered_by_position():
    purchases = purchases_of((0, 2, "2020-09-01"), (0, 0, "2020-09-01"), (0, 1, "2020-09-01"))

    assert Histories.from_purchases(purchases, CUT, np.array([0], np.int32)).positions.tolist() == [0, 1, 2]


def test_histories_of_users_without_purchases_before_the_cut_are_empty():
    purchases = purchases_of((0, 0, "2020-09-16"), (1, 1, "2020-09-17"), (2, 1, "2020-09-15"))

    histories = Histories.from_purchases(purchases, CUT, np.array([0, 9, 2, 1], np.int32))

    assert contents(histories) == [[], [], [(1, 1, 0, 0)], []]
    assert histories.empty.tolist() == [True, True, False, True]


def test_feature_lists_become_histories_in_their_order():
    histories = Histories.from_lists(
        pa.array([["c", "a"], None, [], ["b"]]),
        pa.array([[1, 4], None, [], [2]]),
        pa.array([[0, 30], None, [], [0]]),
        pa.array([[0, 2.5], None, [], [1]]),
        CODES,
    )

    assert contents(histories) == [[(2, 1, 0, 0), (0, 4, 30, 2.5)], [], [], [(1, 2, 0, 1)]]


def test_feature_lists_may_be_chunked_sliced_and_of_floats():
    items = pa.chunked_array([pa.array([["a"], ["c", "a"]]).slice(1), pa.array([["b"]])])
    counts = pa.chunked_array([pa.array([[1.0, 4.0], [2.0]], pa.list_(pa.float32()))])
    days = pa.chunked_array([pa.array([[0.0, 30.0], [0.0]], pa.list_(pa.float32()))])
    gaps = pa.chunked_array([pa.array([[0.0, 2.5], [7.0]], pa.list_(pa.float32()))])

    histories = Histories.from_lists(items, counts, days, gaps, CODES)

    assert contents(histories) == [[(2, 1, 0, 0), (0, 4, 30, 2.5)], [(1, 2, 0, 7)]]


def test_items_that_the_index_does_not_hold_are_left_out():
    histories = Histories.from_lists(
        pa.array([["gone", "a"], ["gone"]]), pa.array([[7, 1], [1]]), pa.array([[0, 3], [0]]),
        pa.array([[2, 0], [0]]), CODES,
    )  # fmt: skip

    assert contents(histories) == [[(0, 1, 3, 0)], []]


def test_zero_users_have_zero_histories():
    no_items, no_numbers = pa.array([], pa.list_(pa.string())), pa.array([], pa.list_(pa.float32()))

    assert len(Histories.from_lists(no_items, *[no_numbers] * 3, CODES)) == 0
    assert len(Histories.from_lists(pa.chunked_array([no_items]), *[no_numbers] * 3, CODES)) == 0


def mean_gap(days):
    gaps = [(later - earlier).astype(int) for earlier, later in itertools.pairwise(sorted(days))]
    return sum(gaps) / len(gaps) if gaps else 0


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_feature_lists_and_purchases_yield_the_same_histories(seed):
    generator = np.random.default_rng(seed)
    rows = [
        (user, item, f"2020-09-{day:02d} {hour:02d}:00")
        for user, item, day, hour in generator.integers((0, 0, 1, 0), (3, 4, 20, 24), (25, 4)).tolist()
    ]
    lists = [[], [], [], []]
    for user in range(3):
        own = [(np.datetime64(time), item) for buyer, item, time in rows if buyer == user and time < "2020-09-16"]
        latest = sorted({item: max(time for time, other in own if other == item) for _, item in own}.items())
        latest.sort(key=lambda pair: pair[1], reverse=True)
        lists[0].append([IDS[item] for item, _ in latest])
        lists[1].append([sum(other == item for _, other in own) for item, _ in latest])
        lists[2].append([(latest[0][1].astype("M8[D]") - time.astype("M8[D]")).astype(int) for _, time in latest])
        lists[3].append(
            [mean_gap({time.astype("M8[D]") for time, other in own if other == item}) for item, _ in latest]
        )

    from_purchases = Histories.from_purchases(purchases_of(*rows), CUT, np.arange(3, dtype=np.int32))

    numbers = [pa.array(column, pa.list_(pa.float64())) for column in lists[1:]]
    from_lists = Histories.from_lists(pa.array(lists[0], pa.list_(pa.string())), *numbers, CODES)
    assert contents(from_purchases) == contents(from_lists)


def test_a_slice_is_numbered_from_0():
    part = histories_of([(4, 1, 0)], [(1, 2, 0), (3, 3, 5, 8)], [(2, 4, 0)]).slice(1, 3)

    assert contents(part) == [[(1, 2, 0, 0), (3, 3, 5, 8)], [(2, 4, 0, 0)]]


def test_counts_and_days_are_looked_up_in_the_history_of_the_pairs_own_row():
    histories = histories_of([(4, 2, 0), (1, 3, 7)], [], [(4, 5, 0)])

    counts, days = histories.look_up(np.array([2, 0, 0, 1, 2]), np.array([4, 1, 9, 4, 1]))

    assert (counts.tolist(), days.tolist()) == ([5, 3, 0, 0, 0], [0, 7, 0, 0, 0])
    assert (counts.dtype, days.dtype) == (np.float32, np.float32)


def test_pairs_of_empty_histories_have_no_purchases():
    counts, days = histories_of([]).look_up(np.array([0]), np.array([3]))

    assert (counts.tolist(), days.tolist()) == ([0], [0])


@pytest.mark.parametrize(
    ("counts", "days", "gaps", "message"),
    [
        ([1, 0], [0, 0], [0, 0], "at least 1"),
        ([1, np.nan], [0, 0], [0, 0], "none missing"),
        ([1, 1], [0, -1], [0, 0], "days at least 0"),
        ([1, 1], [0, 0], [0.5, 0], "gaps 0 or at least 1"),
        ([1, 1], [0, 0], [np.nan, 0], "none missing"),
        ([1, 1], [5, 4], [0, 0], "newest purchase first"),
        ([1], [0, 0], [0, 0], "2 entries"),
        ([1, 1], [0, 0], [0], "2 entries"),
    ],
)
def test_malformed_histories_are_refused(counts, days, gaps, message):
    bought = ItemLists(np.array([0, 2]), np.array([3, 1], np.int32))

    with pytest.raises(ValueError, match=message):
        Histories(bought, *(np.array(values, np.float32) for values in (counts, days, gaps)))


def test_wrong_dtypes_are_refused():
    with pytest.raises(ValueError, match="float64"):
        Histories(ItemLists.from_lists([np.array([3])]), np.ones(1), *np.zeros((2, 1), np.float32))


def test_lists_that_are_not_aligned_are_refused():
    with pytest.raises(ValueError, match="equally long for each user"):
        Histories.from_lists(pa.array([["a", "b"]]), pa.array([[1, 1]]), pa.array([[0, 0]]), pa.array([[0]]), CODES)


def test_repeated_users_are_refused():
    with pytest.raises(ValueError, match="Users must be unique"):
        Histories.from_purchases(purchases_of((0, 0, "2020-01-01")), CUT, np.array([1, 1], np.int32))


def test_items_beyond_the_index_are_refused():
    histories = histories_of([(3, 1, 0)])

    histories.check_positions(4)
    with pytest.raises(ValueError, match="below 3, not 3"):
        histories.check_positions(3)

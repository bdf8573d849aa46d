"""Lists of items with aligned counts and days."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from fixtures.feature_tables import bought, day, earlier, lately, recent, write
from hypothesis import assume, given, settings
from hypothesis import strategies as st


def test_bought_items_are_distinct_and_newest_first_with_counts_and_days_before_the_last_purchase(tmp_path):
    write(
        tmp_path,
        [
            ("u", "a", day(1, hours=9)),
            ("u", "b", day(1, hours=10)),
            ("u", "c", day(2)),
            ("u", "a", day(4, hours=9)),
            ("u", "a", day(4, hours=11)),
        ],
    )

    expected = [
        ("u", day(2), ["b", "a"], [1, 1], [0, 0]),
        ("u", day(3), ["c", "b", "a"], [1, 1, 1], [0, 1, 1]),
        ("u", day(5), ["a", "c", "b"], [3, 1, 1], [0, 2, 3]),
    ]
    assert bought(tmp_path) == expected
    assert recent(tmp_path) == expected


def test_items_bought_at_the_same_moment_are_ordered_by_id_with_their_counts(tmp_path):
    write(tmp_path, [("u", "b", day(1)), ("u", "b", day(1)), *[("u", item, day(3)) for item in "cacb"]])

    assert bought(tmp_path)[-1] == ("u", day(4), ["a", "b", "c"], [1, 3, 2], [0, 0, 0])


def test_days_are_differences_of_utc_dates(tmp_path):
    write(tmp_path, [("u", "a", day(2, microseconds=-1)), ("u", "b", day(2)), ("u", "c", day(3, microseconds=-1))])

    assert bought(tmp_path)[-1] == ("u", day(3), ["c", "b", "a"], [1, 1, 1], [0, 0, 1])


def test_gaps_are_means_of_the_days_between_the_days_of_the_purchases_so_far(tmp_path):
    days = {"a": (1, 1, 3, 8, 9), "b": (3, 13), "c": (9,)}
    write(
        tmp_path, [("u", item, day(number, hours=place)) for item in "abc" for place, number in enumerate(days[item])]
    )

    assert [row[2:] for row in bought(tmp_path, "bought_items", "bought_gaps")] == [
        (["a"], [0]),
        (["a", "b"], [2, 0]),
        (["a", "b"], [3.5, 0]),
        (["a", "c", "b"], [pytest.approx(8 / 3), 0, 0]),
        (["b", "a", "c"], [10, pytest.approx(8 / 3), 0]),
    ]


def test_days_change_only_when_the_user_buys_again(tmp_path):
    write(
        tmp_path,
        [
            ("u", "a", day(1)), ("u", "b", day(3)),
            *[("v", "c", day(number)) for number in range(1, 60)],
            ("u", "b", day(50)),
        ],
        users="uv",
    )  # fmt: skip

    assert [row for row in bought(tmp_path) if row[0] == "u"] == [
        ("u", day(2), ["a"], [1], [0]),
        ("u", day(4), ["b", "a"], [1, 1], [0, 2]),
        ("u", day(51), ["b", "a"], [2, 1], [0, 49]),
    ]


def test_lists_hold_the_users_own_purchases_only(tmp_path):
    write(tmp_path, [("u", "a", day(1)), ("v", "a", day(1)), ("v", "a", day(2)), ("u", "b", day(3))], users="uv")

    assert bought(tmp_path)[-1] == ("u", day(4), ["b", "a"], [1, 1], [0, 2])


def test_recent_items_hold_the_last_128_and_bought_items_the_last_2000(tmp_path):
    items = [f"{number:04d}" for number in range(2_003)]
    purchases = [("u", item, day(1, minutes=minute)) for minute, item in enumerate(items)]  # 33 hours and 23 minutes
    write(tmp_path, [*purchases, ("u", "0005", day(1)), ("u", "1999", day(2))], items=items)

    *_, (_, _, *long) = bought(tmp_path)
    *_, (_, _, *short) = recent(tmp_path)
    assert [len(column) for column in long] == [2_000, 2_000, 2_000]
    assert [(column[0], column[-1]) for column in long] == [("2002", "0003"), (1, 1), (0, 1)]
    assert long[1][long[0].index("0005")] == long[1][long[0].index("1999")] == 2
    assert short == [column[:128] for column in long]
    assert (short[0][0], short[0][-1], short[1][3]) == ("2002", "1875", 2)


def test_earlier_items_begin_with_as_many_purchases_as_bought_items_hold(tmp_path):
    items = [f"{number:04d}" for number in range(2_003)]
    purchases = [("u", item, day(1, minutes=minute)) for minute, item in enumerate(items)]  # 1,440 on day 1
    write(tmp_path, [*purchases, *[("v", "0001", day(1))] * 3_000], users="uv", items=items)

    assert earlier(tmp_path) == [("u", day(3), items)]


@given(st.lists(st.lists(st.sampled_from("abcdefgh"), max_size=5), min_size=1, max_size=12))
@settings(max_examples=25)
def test_bought_and_earlier_items_are_all_that_was_ever_bought_on_every_day(days):
    purchases = [
        ("u", item, day(number, minutes=minute))
        for number, items in enumerate(days, start=1)
        for minute, item in enumerate(items)
    ]
    assume(purchases)
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr("features.tables.feature_tables.MAX_BOUGHT_ITEMS", 3)
        write(Path(folder), purchases, items="abcdefgh")
        lists, snapshots = bought(Path(folder)), earlier(Path(folder))

    for _, moment, listed, *_ in lists:
        assert len(listed) <= 3
        known = [items for _, since, items in snapshots if since <= moment]
        assert {*listed, *(known[-1] if known else [])} == {item for _, item, at in purchases if at < moment}


def test_lately_counts_cover_28_and_91_days_up_to_the_users_last_purchase(tmp_path):
    write(
        tmp_path,
        [
            ("u", "a", day(1)), ("u", "a", day(2, hours=23)), ("u", "b", day(2)),
            ("u", "c", day(29, hours=1)),  # the 28 days start on day 2
            ("u", "c", day(30)),  # the 28 days start on day 3
            ("v", "a", day(2)),
            ("u", "b", day(92)),  # the 91 days start on day 2
            ("u", "b", day(93)),
        ],
        users="uv",
    )  # fmt: skip

    assert [row[1:] for row in lately(tmp_path) if row[0] == "u"] == [
        (day(2), ["a"], [1], [1]),
        (day(3), ["a", "b"], [2, 1], [2, 1]),
        (day(30), ["c", "a", "b"], [1, 1, 1], [1, 2, 1]),
        (day(31), ["c", "a", "b"], [2, 0, 0], [2, 2, 1]),
        (day(93), ["b", "c", "a"], [1, 0, 0], [2, 2, 1]),
        (day(94), ["b", "c"], [2, 0], [2, 2]),
    ]


def test_lately_items_of_one_moment_are_ordered_by_id_and_the_last_1000_remain(tmp_path):
    items = [f"{number:04d}" for number in range(1_002)]
    write(tmp_path, [("u", item, day(1)) for item in reversed(items)], items=items)

    [(_, _, *lists)] = lately(tmp_path)
    assert lists == [items[:1_000], [1] * 1_000, [1] * 1_000]


def test_lately_counts_are_at_most_9999(tmp_path):
    write(tmp_path, [*[("u", "a", day(1))] * 10_001, ("u", "b", day(1, hours=1))])

    assert lately(tmp_path) == [("u", day(2), ["b", "a"], [1, 9_999], [1, 9_999])]

"""Counts in windows of days, and totals."""

from fixtures.feature_tables import activity, day, sales_of, write


def test_a_sale_leaves_the_windows_of_one_day_7_and_28_days_in_turn(tmp_path):
    write(tmp_path, [("u", "a", day(1, hours=12)), ("u", "c", day(40))])

    assert sales_of(tmp_path, "a", "sales_1d", "sales_7d", "sales_28d", "sales_total") == [
        (day(2), 1, 1, 1, 1),
        (day(3), 0, 1, 1, 1),  # the sale of the 1st is not one of the 2nd
        (day(9), 0, 0, 1, 1),  # at 00:00 of the 8th, the 1st is still one of the 7 days before
        (day(30), 0, 0, 0, 1),  # at 00:00 of the 29th, the 1st is still one of the 28 days before
    ]


def test_a_purchase_leaves_the_users_windows_but_not_the_totals(tmp_path):
    write(tmp_path, [("u", "a", day(1, hours=12), 0.5), ("u", "b", day(3), 0.25), ("v", "c", day(40))], users="uv")

    rows = [
        row[:1] + row[2:]
        for row in activity(
            tmp_path, "user_id", "purchases_7d", "purchases_28d", "purchases_total", "active_days_total", "spend_28d"
        )
        if row[1] == "u"
    ]

    assert rows == [
        (day(2), 1, 1, 1, 1, 0.5),
        (day(4), 2, 2, 2, 2, 0.75),
        (day(9), 1, 2, 2, 2, 0.75),
        (day(11), 0, 2, 2, 2, 0.75),
        (day(30), 0, 1, 2, 2, 0.25),
        (day(32), 0, 0, 2, 2, 0.0),
    ]


def test_a_sale_that_enters_when_another_leaves_gives_one_row(tmp_path):
    write(tmp_path, [("u", "a", day(1)), ("u", "a", day(8)), ("u", "c", day(9))])

    assert sales_of(tmp_path, "a", "sales_1d", "sales_7d", "sales_total") == [
        (day(2), 1, 1, 1),
        (day(3), 0, 1, 1),
        (day(9), 1, 1, 2),
        (day(10), 0, 1, 2),
    ]


def test_first_and_last_purchase_and_mean_price_remain_when_a_window_empties(tmp_path):
    write(tmp_path, [("u", "a", day(1, hours=8), 0.5), ("u", "b", day(1, hours=9), 0.25), ("v", "c", day(20))])

    rows = activity(tmp_path, "purchases_7d", "mean_price", "first_purchase_at", "last_purchase_at")

    assert rows[:2] == [
        (day(2), 2, 0.375, day(1, hours=8), day(1, hours=9)),
        (day(9), 0, 0.375, day(1, hours=8), day(1, hours=9)),
    ]


def test_active_days_count_each_day_once(tmp_path):
    write(tmp_path, [("u", "a", day(1)), ("u", "a", day(1)), ("u", "b", day(1, hours=20)), ("u", "a", day(2))])

    assert activity(tmp_path, "purchases_total", "active_days_total") == [(day(2), 3, 1), (day(3), 4, 2)]


def test_each_user_has_one_first_purchase_of_an_item_which_leaves_the_windows(tmp_path):
    write(
        tmp_path,
        [
            ("u", "a", day(1, hours=12)),
            ("u", "a", day(1, hours=13)),  # the same user again on the same day
            ("v", "a", day(3)),
            ("u", "a", day(5)),  # the same user again
            ("w", "b", day(40)),
        ],
        users="uvw",
    )

    columns = ("sales_total", "first_purchases_7d", "first_purchases_28d", "buyers_total")
    assert sales_of(tmp_path, "a", *columns) == [
        (day(2), 2, 1, 1, 1),
        (day(3), 2, 1, 1, 1),  # the sale of the 1st is no longer one of the last day
        (day(4), 3, 2, 2, 2),
        (day(5), 3, 2, 2, 2),
        (day(6), 4, 2, 2, 2),
        (day(7), 4, 2, 2, 2),
        (day(9), 4, 1, 2, 2),  # at 00:00 of the 8th, the 1st is still one of the 7 days before
        (day(11), 4, 0, 2, 2),
        (day(13), 4, 0, 2, 2),  # the sale of the 5th leaves the week; it was no first purchase
        (day(30), 4, 0, 1, 2),  # at 00:00 of the 29th, the 1st is still one of the 28 days before
        (day(32), 4, 0, 0, 2),
        (day(34), 4, 0, 0, 2),
    ]


def test_first_purchases_at_the_same_moment_count_once_per_user(tmp_path):
    write(tmp_path, [(user, "a", day(1)) for user in "uvw"], users="uvw")

    assert sales_of(tmp_path, "a", "first_purchases_7d", "buyers_total") == [(day(2), 3, 3)]

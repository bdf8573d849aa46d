"""What is known, and from when: literal purchases in, literal rows out."""

from datetime import UTC, datetime, timedelta

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features.tables.feature_tables import TABLES, data_end, write_feature_tables

TIMESTAMP = pa.timestamp("us", tz="UTC")


def day(number, **time):
    """The day of January 2020 with this number, running on past the 31st."""
    return datetime(2020, 1, 1, tzinfo=UTC) + timedelta(days=number - 1, **time)


# Purchases leave rows of mornings in these.
DAILY = TABLES[3:]


def write(folder, purchases, users=("u",), items=("a", "b", "c"), availability=()):
    """Purchases are (user, item, moment) or (user, item, moment, price[, channel]).

    Items are ids, or for each id its product type, garment group and department. Availability is (item, since, for
    sale, channels, minimum age).
    """
    items = items if isinstance(items, dict) else dict.fromkeys(items, (None, None, None))
    folder.mkdir(parents=True, exist_ok=True)
    rows = [(*purchase, *(1.0, "1")[len(purchase) - 3 :]) for purchase in purchases]
    with duckdb.connect() as database:
        database.execute("set timezone = 'UTC'")
        database.execute("create table users as select unnest(?::varchar[]) as user_id", [list(users)])
        for name, kind in (
            ("age", "float"), ("birth_date", "timestamptz"), ("club_member_status", "varchar"),
            ("fashion_news_frequency", "varchar"), ("postal_code", "varchar"), ("fashion_news", "float"),
            ("active", "float"),
        ):  # fmt: skip
            database.execute(f"alter table users add column {name} {kind}")
        database.execute(
            "create table items(item_id varchar, prod_name varchar default 'Hat', product_type_name varchar, "
            "garment_group_name varchar, department_name varchar)"
        )
        database.executemany(
            "insert into items(item_id, product_type_name, garment_group_name, department_name) values (?, ?, ?, ?)",
            [(item, *words) for item, words in items.items()],
        )
        database.execute(
            "create table purchases(user_id varchar, item_id varchar, purchased_at timestamptz, price double, "
            "sales_channel_id varchar)"
        )
        database.executemany("insert into purchases values (?, ?, ?, ?, ?)", rows)
        database.execute(
            "create table availability(item_id varchar, since timestamptz, for_sale boolean, channels varchar[], "
            "minimum_age float)"
        )
        for row in availability:
            database.execute("insert into availability values (?, ?, ?, ?, ?)", row)
        tables = write_feature_tables(database, folder)
        end = data_end(database)
    assert [(table.name, table.rows) for table in tables] == [(name, len(read(folder, name))) for name in TABLES]
    return end


def read(folder, table, *columns):
    rows = pq.read_table(folder / f"{table}.parquet").to_pylist()
    return [tuple(row[name] for name in columns) for row in rows] if columns else rows


def activity(folder, *columns):
    return read(folder, "user_activity_daily", "event_timestamp", *columns)


def sales_of(folder, item, *columns):
    rows = read(folder, "item_sales_daily", "item_id", "event_timestamp", *columns)
    return [tuple(row[1:]) for row in rows if row[0] == item]


BOUGHT = ("bought_items", "bought_counts", "bought_days")
RECENT = ("recent_items", "recent_counts", "recent_days")
LATELY = ("lately_items", "lately_counts_28d", "lately_counts_91d")


def bought(folder, *columns):
    return read(folder, "user_bought_items_daily", "user_id", "event_timestamp", *(columns or BOUGHT))


def recent(folder, *columns):
    return read(folder, "user_recent_items_daily", "user_id", "event_timestamp", *(columns or RECENT))


def lately(folder):
    return read(folder, "user_lately_items_daily", "user_id", "event_timestamp", *LATELY)


def tastes(folder, *columns):
    return read(folder, "user_tastes_daily", "user_id", "event_timestamp", *columns)


# When


def test_a_purchase_is_known_from_the_next_morning_on(tmp_path):
    end = write(tmp_path, [("u", "a", day(5, hours=14, minutes=30), 0.25, "2")])

    assert read(tmp_path, "transactions") == [
        {
            "user_id": "u",
            "item_id": "a",
            "purchased_at": day(5, hours=14, minutes=30),
            "price": 0.25,
            "sales_channel_id": "2",
            "event_timestamp": day(6),
            "created_timestamp": day(6),
        }
    ]
    assert read(tmp_path, "user_activity_daily") == [
        {
            "user_id": "u",
            "purchases_7d": 1,
            "purchases_28d": 1,
            "purchases_total": 1,
            "active_days_total": 1,
            "spend_28d": 0.25,
            "mean_price": 0.25,
            "first_purchase_at": day(5, hours=14, minutes=30),
            "last_purchase_at": day(5, hours=14, minutes=30),
            "event_timestamp": day(6),
            "created_timestamp": day(6),
        }
    ]
    assert read(tmp_path, "item_sales_daily") == [
        {
            "item_id": "a",
            "sales_1d": 1,
            "sales_7d": 1,
            "sales_28d": 1,
            "sales_total": 1,
            "first_purchases_7d": 1,
            "first_purchases_28d": 1,
            "buyers_total": 1,
            "mean_price": 0.25,
            "first_sold_at": day(5, hours=14, minutes=30),
            "last_sold_at": day(5, hours=14, minutes=30),
            "event_timestamp": day(6),
            "created_timestamp": day(6),
        }
    ]
    assert bought(tmp_path) == recent(tmp_path) == [("u", day(6), ["a"], [1], [0])]
    assert end == day(6)


@pytest.mark.parametrize(
    ("moment", "morning"),
    [
        (day(5), day(6)),  # day-resolution data: the purchase is stamped 00:00, and is not seen at 00:00
        (day(5, microseconds=1), day(6)),
        (day(6, microseconds=-1), day(6)),
        (day(6), day(7)),
    ],
)
def test_every_row_is_stamped_strictly_after_the_purchase_it_counts(tmp_path, moment, morning):
    assert write(tmp_path, [("u", "a", moment)]) == morning

    for table in ("transactions", *DAILY):
        assert read(tmp_path, table, "event_timestamp") == [(morning,)]


def test_purchases_of_one_day_do_not_see_each_other(tmp_path):
    write(tmp_path, [("u", "a", day(5, hours=9)), ("u", "b", day(5, hours=10)), ("u", "c", day(6, hours=9))])

    assert activity(tmp_path, "purchases_total") == [(day(6), 2), (day(7), 3)]


def test_profiles_and_catalogue_are_known_from_the_first_day_on(tmp_path):
    write(tmp_path, [("u", "a", day(5, hours=9)), ("v", "a", day(9))], users=("v", "u"), items=("b", "a"))

    assert read(tmp_path, "user_profile", "user_id", "event_timestamp") == [("u", day(5)), ("v", day(5))]
    assert read(tmp_path, "item_catalog", "item_id", "prod_name", "event_timestamp", "created_timestamp") == [
        ("a", "Hat", day(5), day(5)),
        ("b", "Hat", day(5), day(5)),
    ]


def test_no_row_is_stamped_after_the_morning_that_follows_the_last_purchase(tmp_path):
    end = write(tmp_path, [("u", "a", day(1)), ("v", "b", day(10)), ("v", "b", day(30))], users=("u", "v"))

    assert end == day(31)
    for table in TABLES:
        assert max(read(tmp_path, table, "event_timestamp"), default=(day(31),)) <= (day(31),)
    # the purchase of the 1st leaves the 28 days on the 30th; the one of the 10th would leave on the 8th of February
    assert activity(tmp_path, "user_id", "purchases_28d")[-2:] == [(day(30), "u", 0), (day(31), "v", 2)]


# Terms


def test_availability_holds_from_its_own_moment_on_and_replaces_the_row_before_whole(tmp_path):
    end = write(
        tmp_path,
        [("u", "a", day(5, hours=9))],
        availability=[
            ("b", day(3, hours=12), False, None, 18.0),
            ("a", day(3), None, ["store", "web"], None),
            ("b", day(40), None, [], None),  # a plan for after the last purchase
        ],
    )

    columns = ("item_id", "for_sale", "channels", "minimum_age", "event_timestamp", "created_timestamp")
    assert read(tmp_path, "item_availability", *columns) == [
        ("a", 1, ["store", "web"], None, day(3), day(3)),
        ("b", 0, None, 18.0, day(3, hours=12), day(3, hours=12)),
        ("b", 1, [], None, day(40), day(40)),
    ]
    assert end == day(6)


def test_without_a_word_on_availability_the_table_has_its_columns_and_no_rows(tmp_path):
    write(tmp_path, [("u", "a", day(5))])

    table = pq.read_table(tmp_path / "item_availability.parquet")
    assert table.num_rows == 0
    assert dict(zip(table.schema.names, table.schema.types, strict=True)) == {
        "item_id": pa.string(),
        "for_sale": pa.int64(),
        "channels": pa.list_(pa.string()),
        "minimum_age": pa.float32(),
        "event_timestamp": TIMESTAMP,
        "created_timestamp": TIMESTAMP,
    }


# Windows


def test_a_sale_counts_in_the_last_day_week_and_month_and_leaves_them_one_after_the_other(tmp_path):
    write(tmp_path, [("u", "a", day(1, hours=12)), ("u", "c", day(40))])

    assert sales_of(tmp_path, "a", "sales_1d", "sales_7d", "sales_28d", "sales_total") == [
        (day(2), 1, 1, 1, 1),
        (day(3), 0, 1, 1, 1),  # what was sold on the 1st is not a sale of the 2nd
        (day(9), 0, 0, 1, 1),  # on the morning of the 8th the 1st is still one of the 7 days before it
        (day(30), 0, 0, 0, 1),  # on the morning of the 29th the 1st is still one of the 28 days before it
    ]


def test_a_purchase_leaves_the_week_and_the_month_of_its_user_but_not_the_total(tmp_path):
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


def test_a_sale_that_enters_on_the_day_another_leaves_gives_one_row(tmp_path):
    write(tmp_path, [("u", "a", day(1)), ("u", "a", day(8)), ("u", "c", day(9))])

    assert sales_of(tmp_path, "a", "sales_1d", "sales_7d", "sales_total") == [
        (day(2), 1, 1, 1),
        (day(3), 0, 1, 1),
        (day(9), 1, 1, 2),
        (day(10), 0, 1, 2),
    ]


def test_first_and_last_purchase_and_the_mean_price_stay_when_a_window_empties(tmp_path):
    write(tmp_path, [("u", "a", day(1, hours=8), 0.5), ("u", "b", day(1, hours=9), 0.25), ("v", "c", day(20))])

    rows = activity(tmp_path, "purchases_7d", "mean_price", "first_purchase_at", "last_purchase_at")

    assert rows[:2] == [
        (day(2), 2, 0.375, day(1, hours=8), day(1, hours=9)),
        (day(9), 0, 0.375, day(1, hours=8), day(1, hours=9)),
    ]


def test_days_with_a_purchase_are_counted_once_each(tmp_path):
    write(tmp_path, [("u", "a", day(1)), ("u", "a", day(1)), ("u", "b", day(1, hours=20)), ("u", "a", day(2))])

    assert activity(tmp_path, "purchases_total", "active_days_total") == [(day(2), 3, 1), (day(3), 4, 2)]


def test_an_item_is_bought_first_once_by_each_user_and_that_leaves_the_week_and_the_month(tmp_path):
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
        (day(9), 4, 1, 2, 2),  # on the morning of the 8th the 1st is still one of the 7 days before it
        (day(11), 4, 0, 2, 2),
        (day(13), 4, 0, 2, 2),  # the sale of the 5th leaves the week, and was nobody's first
        (day(30), 4, 0, 1, 2),  # on the morning of the 29th the 1st is still one of the 28 days before it
        (day(32), 4, 0, 0, 2),
        (day(34), 4, 0, 0, 2),
    ]


def test_users_who_buy_an_item_first_at_one_moment_count_each(tmp_path):
    write(tmp_path, [(user, "a", day(1)) for user in "uvw"], users="uvw")

    assert sales_of(tmp_path, "a", "first_purchases_7d", "buyers_total") == [(day(2), 3, 3)]


# Lists


def test_bought_items_are_distinct_and_newest_first_with_how_often_and_how_many_days_before_the_last_purchase(tmp_path):
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


def test_items_bought_at_the_same_moment_are_ordered_by_id_and_keep_their_numbers(tmp_path):
    write(tmp_path, [("u", "b", day(1)), ("u", "b", day(1)), *[("u", item, day(3)) for item in "cacb"]])

    assert bought(tmp_path)[-1] == ("u", day(4), ["a", "b", "c"], [1, 3, 2], [0, 0, 0])


def test_days_are_whole_utc_days_however_few_hours_lie_between(tmp_path):
    write(tmp_path, [("u", "a", day(2, microseconds=-1)), ("u", "b", day(2)), ("u", "c", day(3, microseconds=-1))])

    assert bought(tmp_path)[-1] == ("u", day(3), ["c", "b", "a"], [1, 1, 1], [0, 0, 1])


def test_days_stand_still_while_the_user_buys_nothing_and_move_on_when_he_returns(tmp_path):
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


def test_what_another_user_bought_counts_in_no_list_but_his_own(tmp_path):
    write(tmp_path, [("u", "a", day(1)), ("v", "a", day(1)), ("v", "a", day(2)), ("u", "b", day(3))], users="uv")

    assert bought(tmp_path)[-1] == ("u", day(4), ["b", "a"], [1, 1], [0, 2])


def test_recent_items_keep_the_last_128_and_bought_items_the_last_2000_each_with_its_numbers(tmp_path):
    items = [f"{number:04d}" for number in range(2_003)]
    purchases = [("u", item, day(1, minutes=place)) for place, item in enumerate(items)]  # 33 hours and 23 minutes
    write(tmp_path, [*purchases, ("u", "0005", day(1)), ("u", "1999", day(2))], items=items)

    *_, (_, _, *long) = bought(tmp_path)
    *_, (_, _, *short) = recent(tmp_path)
    assert [len(column) for column in long] == [2_000, 2_000, 2_000]
    assert [(column[0], column[-1]) for column in long] == [("2002", "0003"), (1, 1), (0, 1)]
    assert long[1][long[0].index("0005")] == long[1][long[0].index("1999")] == 2
    assert short == [column[:128] for column in long]
    assert (short[0][0], short[0][-1], short[1][3]) == ("2002", "1875", 2)


# Tastes


CATALOGUE = {
    "cap": ("Hat", "Accessories", "Kids"),
    "beret": ("Hat", "Accessories", "Ladies"),
    "scarf": ("Scarf", "Accessories", None),
    "thing": (None, None, None),
}


def test_lately_counts_look_back_28_and_91_days_from_the_users_own_last_purchase(tmp_path):
    write(
        tmp_path,
        [
            ("u", "a", day(1)), ("u", "a", day(2, hours=23)), ("u", "b", day(2)),
            ("u", "c", day(29, hours=1)),  # 28 days with day 2 as the first: day 1 has left them
            ("u", "c", day(30)),  # day 2 has, too
            ("v", "a", day(2)),
            ("u", "b", day(92)),  # of 91 days the first is day 2
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


def test_lately_items_of_one_moment_are_ordered_by_id_and_the_last_1000_are_kept(tmp_path):
    items = [f"{number:04d}" for number in range(1_002)]
    write(tmp_path, [("u", item, day(1)) for item in reversed(items)], items=items)

    [(_, _, *lists)] = lately(tmp_path)
    assert lists == [items[:1_000], [1] * 1_000, [1] * 1_000]


def test_a_number_of_purchases_that_nobody_makes_stays_within_its_digits(tmp_path):
    write(tmp_path, [*[("u", "a", day(1))] * 10_001, ("u", "b", day(1, hours=1))])

    assert lately(tmp_path) == [("u", day(2), ["b", "a"], [1, 9_999], [1, 9_999])]


def test_words_of_bought_items_are_listed_by_number_of_purchases_and_then_by_word(tmp_path):
    write(
        tmp_path,
        [
            ("u", "scarf", day(1, hours=9)),
            ("u", "cap", day(2, hours=9)),
            ("u", "cap", day(2, hours=9)),  # at the same moment
            ("u", "beret", day(4)),
            ("u", "scarf", day(9)),
        ],
        items=CATALOGUE,
    )

    assert tastes(tmp_path, "product_types", "product_type_counts") == [
        ("u", day(2), ["Scarf"], [1]),
        ("u", day(3), ["Hat", "Scarf"], [2, 1]),
        ("u", day(5), ["Hat", "Scarf"], [3, 1]),
        ("u", day(10), ["Hat", "Scarf"], [3, 2]),
    ]
    assert tastes(tmp_path, "garment_groups", "garment_group_counts") == [
        ("u", day(2), ["Accessories"], [1]),
        ("u", day(3), ["Accessories"], [3]),
        ("u", day(5), ["Accessories"], [4]),
        ("u", day(10), ["Accessories"], [5]),
    ]
    assert tastes(tmp_path, "departments", "department_counts") == [
        ("u", day(2), [], []),  # the scarf has no department
        ("u", day(3), ["Kids"], [2]),
        ("u", day(5), ["Kids", "Ladies"], [2, 1]),
        ("u", day(10), ["Kids", "Ladies"], [2, 1]),
    ]


def test_equally_frequent_words_are_in_the_order_of_the_alphabet(tmp_path):
    items = {name: (name, None, None) for name in ("b", "é", "a", "B", "10", "9", "z")}
    write(tmp_path, [*[("u", item, day(1)) for item in items], ("u", "z", day(1))], items=items)

    assert tastes(tmp_path, "product_types", "product_type_counts") == [
        ("u", day(2), ["z", "10", "9", "B", "a", "b", "é"], [2, 1, 1, 1, 1, 1, 1])
    ]


def test_one_word_of_two_kinds_is_counted_in_each(tmp_path):
    write(tmp_path, [("u", "a", day(1)), ("u", "b", day(1))], items={"a": ("Hat", "Hat", "Kids"), "b": ("Kids",) * 3})

    assert tastes(tmp_path, "product_types", "garment_groups", "departments", "department_counts") == [
        ("u", day(2), ["Hat", "Kids"], ["Hat", "Kids"], ["Kids"], [2])
    ]


@pytest.mark.parametrize("others", [{}, {"cap": CATALOGUE["cap"]}])
def test_who_bought_only_things_without_words_has_empty_lists(tmp_path, others):
    write(tmp_path, [("u", "thing", day(1))], items={"thing": CATALOGUE["thing"], **others})

    [row] = read(tmp_path, "user_tastes_daily")
    assert row == {
        "user_id": "u",
        **{f"{kind}s": [] for kind in ("product_type", "garment_group", "department")},
        **{f"{kind}_counts": [] for kind in ("product_type", "garment_group", "department")},
        "event_timestamp": day(2),
        "created_timestamp": day(2),
    }


def test_tastes_are_each_users_own(tmp_path):
    write(tmp_path, [("u", "cap", day(1)), ("v", "cap", day(1)), ("v", "scarf", day(1))], users="uv", items=CATALOGUE)

    assert tastes(tmp_path, "product_types", "product_type_counts") == [
        ("u", day(2), ["Hat"], [1]),
        ("v", day(2), ["Hat", "Scarf"], [1, 1]),
    ]


def test_only_the_50_most_frequent_words_are_kept(tmp_path):
    items = {f"{number:02d}": (f"type {number:02d}", "group", f"department {number:02d}") for number in range(60)}
    purchases = [("u", item, day(1)) for item in items]
    write(tmp_path, [*purchases, ("u", "59", day(1)), ("u", "58", day(1))], items=items)

    [(_, _, types, counts, departments)] = tastes(tmp_path, "product_types", "product_type_counts", "departments")
    assert types == ["type 58", "type 59", *(f"type {number:02d}" for number in range(48))]
    assert counts == [2, 2, *[1] * 48]
    assert departments == [word.replace("type", "department") for word in types]


def test_users_are_computed_in_buckets_that_give_the_same_rows(tmp_path, monkeypatch):
    users = [f"u{number}" for number in range(9)]
    purchases = [
        (user, item, day(1 + place % 4)) for place, user in enumerate(users) for item in "abc"[: place % 3 + 1]
    ]
    items = {item: (f"type {item}", "group", None) for item in "abc"}
    write(tmp_path / "one", purchases, users=users, items=items)
    monkeypatch.setattr("features.tables.feature_tables._USERS_PER_BUCKET", 2)
    monkeypatch.setattr("features.tables.feature_tables._USERS_PER_WINDOW", 2)
    write(tmp_path / "several", purchases, users=users, items=items)

    assert len(bought(tmp_path / "one")) == 9
    for table in [name for name in TABLES if name.startswith("user_") and name.endswith("_daily")]:
        several, one = (
            pq.read_table(tmp_path / name / f"{table}.parquet").sort_by(
                [("user_id", "ascending"), ("event_timestamp", "ascending")]
            )
            for name in ("several", "one")
        )
        assert several.num_rows == 9
        assert several.equals(one)


# Ties, money, types


def test_of_two_purchases_of_an_item_on_one_day_the_last_one_was_created_last(tmp_path):
    write(
        tmp_path,
        [
            ("u", "a", day(1, hours=15), 0.5),
            ("u", "a", day(1, hours=9), 0.25),
            ("u", "b", day(1, hours=9), 0.125),
            ("u", "a", day(2, hours=9), 0.0625),
        ],
    )

    assert read(tmp_path, "transactions", "item_id", "price", "event_timestamp", "created_timestamp") == [
        ("a", 0.25, day(2), day(2, microseconds=-1)),
        ("b", 0.125, day(2), day(2)),
        ("a", 0.5, day(2), day(2)),
        ("a", 0.0625, day(3), day(3)),
    ]


def test_equal_moments_are_told_apart_by_price_and_then_by_channel(tmp_path):
    same = [("u", "a", day(1), price, channel) for price, channel in ((0.5, "2"), (0.25, "1"), (0.5, "1"))]
    for name, purchases in (("one", same), ("other", same[::-1])):
        write(tmp_path / name, purchases)

    expected = [
        (0.25, "1", day(2, microseconds=-2)),
        (0.5, "2", day(2, microseconds=-1)),
        (0.5, "1", day(2)),
    ]
    for name in ("one", "other"):
        assert read(tmp_path / name, "transactions", "price", "sales_channel_id", "created_timestamp") == expected


@pytest.mark.parametrize("base", [2**24, 2**24 + 2])
def test_sums_of_money_are_exact_and_do_not_depend_on_the_order_of_the_rows(tmp_path, base):
    # The sum lies half way between two 32-bit floats: the least error of a sum of floats, which adds ten times 0.1 to
    # less or more than 1 before or after a large number, would tip it to the other one.
    prices = [float(base), *[0.1] * 10]
    for name, ordered in (("one", prices), ("other", prices[::-1])):
        write(tmp_path / name, [("u", "a", day(1), price) for price in ordered])

    for name in ("one", "other"):
        assert activity(tmp_path / name, "spend_28d") == [(day(2), {2**24: 2.0**24, 2**24 + 2: 2.0**24 + 4}[base])]


def test_the_order_of_the_purchases_does_not_matter(tmp_path):
    purchases = [
        (f"u{place % 3}", "abc"[place % 2], day(1 + place // 5, hours=place % 5), 0.1 * (place % 7))
        for place in range(60)
    ]
    items = {item: (f"type {item}", "group", None) for item in "ab"}
    write(tmp_path / "one", purchases, users=("u0", "u1", "u2"), items=items)
    write(tmp_path / "other", purchases[::2] + purchases[1::2], users=("u0", "u1", "u2"), items=items)

    for table in TABLES:
        assert (tmp_path / "one" / f"{table}.parquet").read_bytes() == (
            tmp_path / "other" / f"{table}.parquet"
        ).read_bytes()


def test_every_timestamp_is_in_microseconds_utc_and_counts_are_64_bit(tmp_path):
    write(tmp_path, [("u", "a", day(1))])

    types = {
        table: {field.name: field.type for field in pq.read_schema(tmp_path / f"{table}.parquet")} for table in TABLES
    }

    for table in TABLES:
        assert types[table]["event_timestamp"] == types[table]["created_timestamp"] == TIMESTAMP
    assert types["user_profile"]["birth_date"] == TIMESTAMP
    assert types["transactions"]["purchased_at"] == TIMESTAMP
    assert types["transactions"]["price"] == pa.float32()
    assert types["user_activity_daily"]["last_purchase_at"] == TIMESTAMP
    assert types["user_activity_daily"]["purchases_7d"] == pa.int64()
    assert types["user_activity_daily"]["spend_28d"] == pa.float32()
    assert types["item_sales_daily"]["sales_total"] == pa.int64()
    assert types["item_sales_daily"]["buyers_total"] == pa.int64()
    for table, words, numbers in (
        ("user_bought_items_daily", BOUGHT[:1], BOUGHT[1:]),
        ("user_recent_items_daily", RECENT[:1], RECENT[1:]),
        ("user_lately_items_daily", LATELY[:1], LATELY[1:]),
        ("user_tastes_daily", ["product_types", "departments"], ["product_type_counts", "department_counts"]),
    ):
        assert {types[table][name].value_type for name in words} == {pa.string()}
        assert {types[table][name].value_type for name in numbers} == {pa.int64()}

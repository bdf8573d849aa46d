"""What is known, and from when: literal purchases in, literal rows out."""

from datetime import UTC, datetime, timedelta

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features.feature_tables import TABLES, horizon, write_feature_tables

TIMESTAMP = pa.timestamp("us", tz="UTC")


def day(number, **time):
    """The day of January 2020 with this number, running on past the 31st."""
    return datetime(2020, 1, 1, tzinfo=UTC) + timedelta(days=number - 1, **time)


def write(folder, purchases, users=("u",), items=("a", "b", "c")):
    """Purchases are (user, item, moment) or (user, item, moment, price[, channel])."""
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
            "create table items as select unnest(?::varchar[]) as item_id, 'Hat' as prod_name", [list(items)]
        )
        database.execute(
            "create table purchases(user_id varchar, item_id varchar, purchased_at timestamptz, price double, "
            "sales_channel_id varchar)"
        )
        database.executemany("insert into purchases values (?, ?, ?, ?, ?)", rows)
        tables = write_feature_tables(database, folder)
        end = horizon(database)
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


def lists(folder, table="user_bought_items_daily", column="bought_items"):
    return read(folder, table, "user_id", "event_timestamp", column)


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
            "mean_price": 0.25,
            "first_sold_at": day(5, hours=14, minutes=30),
            "last_sold_at": day(5, hours=14, minutes=30),
            "event_timestamp": day(6),
            "created_timestamp": day(6),
        }
    ]
    assert lists(tmp_path) == [("u", day(6), ["a"])]
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

    for table in TABLES[2:]:
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
        assert max(read(tmp_path, table, "event_timestamp")) <= (day(31),)
    # the purchase of the 1st leaves the 28 days on the 30th; the one of the 10th would leave on the 8th of February
    assert activity(tmp_path, "user_id", "purchases_28d")[-2:] == [(day(30), "u", 0), (day(31), "v", 2)]


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


# Lists


def test_bought_items_are_distinct_and_newest_first(tmp_path):
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

    expected = [("u", day(2), ["b", "a"]), ("u", day(3), ["c", "b", "a"]), ("u", day(5), ["a", "c", "b"])]
    assert lists(tmp_path) == expected
    assert lists(tmp_path, "user_recent_items_daily", "recent_items") == expected


def test_items_bought_at_the_same_moment_are_ordered_by_id(tmp_path):
    write(tmp_path, [("u", item, day(1)) for item in "cab"])

    assert lists(tmp_path) == [("u", day(2), ["a", "b", "c"])]


def test_recent_items_keep_the_last_50_and_bought_items_the_last_2000(tmp_path):
    items = [f"{number:04d}" for number in range(2_003)]
    purchases = [("u", item, day(1, seconds=place)) for place, item in enumerate(items)]
    write(tmp_path, purchases, items=items)

    ((_, _, bought),) = lists(tmp_path)
    ((_, _, recent),) = lists(tmp_path, "user_recent_items_daily", "recent_items")
    assert (len(bought), bought[0], bought[-1]) == (2_000, "2002", "0003")
    assert (len(recent), recent[0], recent[-1]) == (50, "2002", "1953")


def test_users_are_computed_in_buckets_that_give_the_same_rows(tmp_path, monkeypatch):
    users = [f"u{number}" for number in range(9)]
    purchases = [
        (user, item, day(1 + place % 4)) for place, user in enumerate(users) for item in "abc"[: place % 3 + 1]
    ]
    write(tmp_path / "one", purchases, users=users)
    monkeypatch.setattr("features.feature_tables._USERS_PER_BUCKET", 2)
    monkeypatch.setattr("features.feature_tables._USERS_PER_WINDOW", 2)
    write(tmp_path / "several", purchases, users=users)

    assert len(lists(tmp_path / "one")) == 9
    assert sorted(lists(tmp_path / "several")) == sorted(lists(tmp_path / "one"))
    several, one = (
        pq.read_table(tmp_path / name / "user_activity_daily.parquet").sort_by(
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
    write(tmp_path / "one", purchases, users=("u0", "u1", "u2"))
    write(tmp_path / "other", purchases[::2] + purchases[1::2], users=("u0", "u1", "u2"))

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
    assert types["user_bought_items_daily"]["bought_items"].value_type == pa.string()
    assert types["user_recent_items_daily"]["recent_items"].value_type == pa.string()

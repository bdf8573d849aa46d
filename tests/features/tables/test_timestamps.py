"""Event timestamps: from when on a purchase, a profile and availability are visible."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fixtures.feature_tables import PURCHASE_TABLES, TIMESTAMP, activity, bought, day, read, recent, write

from features.tables.feature_tables import TABLES


def test_a_purchase_is_visible_from_the_next_day_on(tmp_path):
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
    ("moment", "visible_from"),
    [
        (day(5), day(6)),  # dates without times: the purchase is at 00:00 and not visible at 00:00
        (day(5, microseconds=1), day(6)),
        (day(6, microseconds=-1), day(6)),
        (day(6), day(7)),
    ],
)
def test_every_event_timestamp_is_after_the_purchases_that_the_row_counts(tmp_path, monkeypatch, moment, visible_from):
    monkeypatch.setattr("features.tables.feature_tables.MAX_BOUGHT_ITEMS", 1)  # so that there are earlier items
    assert write(tmp_path, [("u", "a", moment)]) == visible_from

    for table in ("transactions", *PURCHASE_TABLES):
        assert read(tmp_path, table, "event_timestamp") == [(visible_from,)]


def test_purchases_of_one_day_do_not_see_each_other(tmp_path):
    write(tmp_path, [("u", "a", day(5, hours=9)), ("u", "b", day(5, hours=10)), ("u", "c", day(6, hours=9))])

    assert activity(tmp_path, "purchases_total") == [(day(6), 2), (day(7), 3)]


def test_profiles_and_catalogue_are_visible_from_the_first_day_on(tmp_path):
    write(tmp_path, [("u", "a", day(5, hours=9)), ("v", "a", day(9))], users=("v", "u"), items=("b", "a"))

    assert read(tmp_path, "user_profile", "user_id", "event_timestamp") == [("u", day(5)), ("v", day(5))]
    assert read(tmp_path, "item_catalog", "item_id", "prod_name", "event_timestamp", "created_timestamp") == [
        ("a", "Hat", day(5), day(5)),
        ("b", "Hat", day(5), day(5)),
    ]


def test_no_event_timestamp_is_later_than_the_day_after_the_last_purchase(tmp_path):
    end = write(tmp_path, [("u", "a", day(1)), ("v", "b", day(10)), ("v", "b", day(30))], users=("u", "v"))

    assert end == day(31)
    for table in TABLES:
        assert max(read(tmp_path, table, "event_timestamp"), default=(day(31),)) <= (day(31),)
    # The purchase of January 1 leaves the 28 days on January 30, that of January 10 would leave on February 8.
    assert activity(tmp_path, "user_id", "purchases_28d")[-2:] == [(day(30), "u", 0), (day(31), "v", 2)]


def test_availability_applies_from_its_own_moment_on_and_replaces_the_previous_row(tmp_path):
    end = write(
        tmp_path,
        [("u", "a", day(5, hours=9))],
        availability=[
            ("b", day(3, hours=12), False, None, 18.0),
            ("a", day(3), None, ["store", "web"], None),
            ("b", day(40), None, [], None),  # after the last purchase
        ],
    )

    columns = ("item_id", "for_sale", "channels", "minimum_age", "event_timestamp", "created_timestamp")
    assert read(tmp_path, "item_availability", *columns) == [
        ("a", 1, ["store", "web"], None, day(3), day(3)),
        ("b", 0, None, 18.0, day(3, hours=12), day(3, hours=12)),
        ("b", 1, [], None, day(40), day(40)),
    ]
    assert end == day(6)


def test_without_availability_the_table_has_columns_and_no_rows(tmp_path):
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

"""Ties, prices, types and reproducibility of the feature tables."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fixtures.feature_tables import BOUGHT, LATELY, RECENT, TIMESTAMP, activity, day, read, write

from features.tables.feature_tables import TABLES


def test_of_two_purchases_of_an_item_on_one_day_the_last_has_the_last_created_timestamp(tmp_path):
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


def test_purchases_at_one_moment_are_ordered_by_price_and_then_by_channel(tmp_path):
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
def test_sums_of_prices_are_exact_in_any_order_of_rows(tmp_path, base):
    # The exact sum is half way between two 32-bit floats: the smallest rounding error of a sum of floats would change
    # the result: ten times 0.1 is less or more than 1, depending on whether the large number is added first.
    prices = [float(base), *[0.1] * 10]
    for name, ordered in (("one", prices), ("other", prices[::-1])):
        write(tmp_path / name, [("u", "a", day(1), price) for price in ordered])

    for name in ("one", "other"):
        assert activity(tmp_path / name, "spend_28d") == [(day(2), {2**24: 2.0**24, 2**24 + 2: 2.0**24 + 4}[base])]


def test_the_order_of_the_purchases_does_not_change_the_tables(tmp_path):
    purchases = [
        (f"u{number % 3}", "abc"[number % 2], day(1 + number // 5, hours=number % 5), 0.1 * (number % 7))
        for number in range(60)
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
    assert types["transactions"]["price"] == pa.float64()
    assert types["user_activity_daily"]["last_purchase_at"] == TIMESTAMP
    assert types["user_activity_daily"]["purchases_7d"] == pa.int64()
    assert types["user_activity_daily"]["spend_28d"] == pa.float32()
    assert types["user_bought_items_daily"]["bought_gaps"].value_type == pa.float32()
    assert types["item_sales_daily"]["sales_total"] == pa.int64()
    assert types["item_sales_daily"]["buyers_total"] == pa.int64()
    for table, texts, numbers in (
        ("user_bought_items_daily", BOUGHT[:1], BOUGHT[1:]),
        ("user_recent_items_daily", RECENT[:1], RECENT[1:]),
        ("user_lately_items_daily", LATELY[:1], LATELY[1:]),
        ("user_tastes_daily", ["product_types", "departments"], ["product_type_counts", "department_counts"]),
    ):
        assert {types[table][name].value_type for name in texts} == {pa.string()}
        assert {types[table][name].value_type for name in numbers} == {pa.int64()}

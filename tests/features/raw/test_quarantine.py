"""Invalid rows are collected in a file, and the others are loaded."""

import json
from datetime import UTC, datetime

from fixtures.raw_files import (
    VALID_SALE,
    error_of,
    names_in,
    quarantined_rows,
    write_availability,
    write_customers,
    write_sales,
)

from features.raw.raw_tables import load_raw_tables


def test_invalid_rows_are_quarantined_with_table_line_reason_and_record(database, raw_dir, tmp_path, caplog):
    write_customers(
        raw_dir,
        "0001,20\n,30\n0002,old\n0001,40\n0003,-4\n",
        header="customer_id,age\n",
    )
    write_sales(
        raw_dir,
        VALID_SALE
        + "2018-09-21,0001\n"
        + "soon,0001,0108775015,0.02,1\n"
        + "2018-09-22,0003,0108775015,0.02,1\n"
        + "2018-09-19,0001,0108775044,0.05,\n",
    )
    quarantine = tmp_path / "deep" / "bad_rows.csv"

    counts = load_raw_tables(database, raw_dir, quarantine=quarantine)

    assert (counts.users, counts.items, counts.purchases) == (1, 2, 2)
    assert counts.quarantined == {"customers": 4, "articles": 0, "transactions_train": 3}
    assert database.sql("SELECT user_id, age FROM users").fetchall() == [("0001", 20.0)]
    assert database.sql("SELECT item_id, price FROM purchases").fetchall() == [
        ("0108775015", 0.02),
        ("0108775044", 0.05),
    ]
    rows = quarantined_rows(quarantine)
    assert [(row["table"], row["line"], row["reason"]) for row in rows] == [
        ("transactions_train", "3", "wrong number of columns"),
        ("customers", "3", "customer_id is missing"),
        ("customers", "4", "age is not a number"),
        ("customers", "5", "customer_id is a duplicate"),
        ("customers", "6", "age is negative"),
        ("transactions_train", "4", "t_dat is not a date from 1970 to 2199"),
        ("transactions_train", "5", "customer_id is not in customers"),
    ]
    assert json.loads(rows[0]["record"]) == ["2018-09-21", "0001"]
    assert json.loads(rows[2]["record"]) == {"customer_id": "0002", "age": "old"}
    assert json.loads(rows[6]["record"]) == {
        "t_dat": "2018-09-22",
        "customer_id": "0003",
        "article_id": "0108775015",
        "price": "0.02",
        "sales_channel_id": "1",
    }
    warnings = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert len(warnings) == 7
    assert f"customers: 1 row quarantined in {quarantine}: age is negative" in warnings


def test_of_a_repeated_id_the_first_valid_row_is_kept(database, raw_dir, tmp_path):
    write_customers(raw_dir, "0001,-1\n0001,20\n0001,30\n", header="customer_id,age\n")
    write_sales(raw_dir, VALID_SALE)

    counts = load_raw_tables(database, raw_dir, quarantine=tmp_path / "bad.csv")

    assert counts.quarantined["customers"] == 2
    assert database.sql("SELECT user_id, age FROM users").fetchall() == [("0001", 20.0)]


def test_of_a_repeated_article_and_moment_the_first_valid_row_is_kept(database, raw_dir, tmp_path):
    write_availability(
        raw_dir,
        "0108775015,2018-09-01,maybe,,\n0108775015,2018-09-01,0,,\n0108775015,2018-09-01 00:00:00,1,,\n"
        "0108775015,2018-09-02,1,,\n0108775044,2018-09-01,1,,\n",
    )

    counts = load_raw_tables(database, raw_dir, quarantine=tmp_path / "bad.csv")

    assert (counts.availability, counts.quarantined["availability"]) == (3, 2)
    assert database.sql("SELECT item_id, since, for_sale FROM availability").fetchall() == [
        ("0108775015", datetime(2018, 9, 1, tzinfo=UTC), False),
        ("0108775015", datetime(2018, 9, 2, tzinfo=UTC), True),
        ("0108775044", datetime(2018, 9, 1, tzinfo=UTC), True),
    ]
    assert [(row["table"], row["line"], row["reason"]) for row in quarantined_rows(tmp_path / "bad.csv")] == [
        ("availability", "2", "for_sale is neither 0 nor 1"),
        ("availability", "4", "since is a duplicate for its article_id"),
    ]


def test_rows_kept_beside_a_quarantine_stay_in_file_order(database, raw_dir, tmp_path):
    sales = [f"2018-09-20,000{1 + number % 3},0108775015,{number},1\n" for number in range(30_000)]
    write_sales(raw_dir, "".join(sales))

    counts = load_raw_tables(database, raw_dir, quarantine=tmp_path / "bad.csv")

    assert (counts.purchases, counts.quarantined["transactions_train"]) == (20_000, 10_000)
    prices = [price for (price,) in database.sql("SELECT price FROM purchases").fetchall()]
    assert prices[:4] == [0, 1, 3, 4]
    assert prices == sorted(prices)
    assert [row["line"] for row in quarantined_rows(tmp_path / "bad.csv")[:3]] == ["4", "7", "10"]


def test_without_invalid_rows_no_quarantine_is_written_and_an_old_one_stays(database, raw_dir, tmp_path):
    (tmp_path / "old.csv").write_text("from an earlier run")

    load_raw_tables(database, raw_dir, quarantine=tmp_path / "new.csv")
    load_raw_tables(database, raw_dir, quarantine=tmp_path / "old.csv")

    assert not (tmp_path / "new.csv").exists()
    assert (tmp_path / "old.csv").read_text() == "from an earlier run"
    assert names_in(tmp_path) == ["old.csv", "raw", "work"]


def test_a_table_without_valid_rows_is_an_error_and_leaves_the_old_quarantine(database, raw_dir, tmp_path):
    write_sales(raw_dir, "2018-09-20,9,0108775015,0.02,1\n" * 3)
    (tmp_path / "bad.csv").write_text("from an earlier run")

    message = error_of(database, raw_dir, quarantine=tmp_path / "bad.csv")

    assert "transactions_train.csv: all 3 rows would be quarantined" in message
    assert (tmp_path / "bad.csv").read_text() == "from an earlier run"
    assert names_in(tmp_path) == ["bad.csv", "raw", "work"]


def test_a_missing_column_is_an_error_with_a_quarantine_too(database, raw_dir, tmp_path):
    write_customers(raw_dir, "1\n", header="id\n")

    assert "customers.csv has no column customer_id" in error_of(database, raw_dir, quarantine=tmp_path / "bad.csv")


def test_an_error_leaves_the_raw_files_unchanged(database, raw_dir, tmp_path):
    write_sales(raw_dir, VALID_SALE + "2018-09-20,0001\nsoon,0001,0108775015,0.02,1\n")
    before = {path.name: path.read_bytes() for path in raw_dir.iterdir()}

    error_of(database, raw_dir)
    load_raw_tables(database, raw_dir, quarantine=tmp_path / "bad.csv")

    assert {path.name: path.read_bytes() for path in raw_dir.iterdir()} == before

"""Reading raw files: literal files in, typed tables out."""

import gzip
import logging
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from fixtures.raw_files import FILES, write_availability, write_customers, write_parquet, write_sales

from features.raw.raw_tables import RawCounts, load_raw_tables

HM_SAMPLE = Path(__file__).parents[4] / "shared" / "data" / "hm_sample"


def test_csv_files_become_typed_tables_in_file_order(database, raw_dir):
    counts = load_raw_tables(database, raw_dir)

    assert counts == RawCounts(
        users=2,
        items=2,
        purchases=3,
        availability=0,
        quarantined={"customers": 0, "articles": 0, "transactions_train": 0},
        first_purchased_at=datetime(2018, 9, 20, 11, 30, tzinfo=UTC),
        last_purchased_at=datetime(2018, 9, 22, tzinfo=UTC),
    )
    assert database.sql("SELECT * FROM users").fetchall() == [
        ("0001", 21.0, None, "ACTIVE", "NONE", "abc", None, None),
        ("0002", None, None, None, None, None, 1.0, 1.0),
    ]
    assert database.sql(
        "SELECT item_id, prod_name, colour_group_name, index_group_name, garment_group_name FROM items"
    ).fetchall() == [
        ("0108775015", "Strap top", None, "Ladieswear", "Jersey Basic"),
        ("0108775044", None, None, "Ladieswear", None),
    ]
    assert database.sql("SELECT * FROM purchases").fetchall() == [
        ("0002", "0108775044", datetime(2018, 9, 22, tzinfo=UTC), 0.05, "2"),
        ("0001", "0108775015", datetime(2018, 9, 20, 11, 30, tzinfo=UTC), 0.02, "1"),
        ("0001", "0108775044", datetime(2018, 9, 21, tzinfo=UTC), 0.05, None),
    ]


def test_the_typed_tables_have_the_projects_names_and_types(database, raw_dir):
    load_raw_tables(database, raw_dir)

    tables = {
        table: {name: kind for name, kind, *_ in database.sql(f"DESCRIBE {table}").fetchall()}
        for table in ("users", "items", "purchases", "availability")
    }

    assert tables == {
        "users": {
            "user_id": "VARCHAR",
            "age": "FLOAT",
            "birth_date": "TIMESTAMP WITH TIME ZONE",
            "club_member_status": "VARCHAR",
            "fashion_news_frequency": "VARCHAR",
            "postal_code": "VARCHAR",
            "fashion_news": "FLOAT",
            "active": "FLOAT",
        },
        "items": dict.fromkeys(
            (
                "item_id",
                "prod_name",
                "product_type_name",
                "product_group_name",
                "graphical_appearance_name",
                "colour_group_name",
                "department_name",
                "index_name",
                "index_group_name",
                "section_name",
                "garment_group_name",
            ),
            "VARCHAR",
        ),
        "purchases": {
            "user_id": "VARCHAR",
            "item_id": "VARCHAR",
            "purchased_at": "TIMESTAMP WITH TIME ZONE",
            "price": "DOUBLE",
            "sales_channel_id": "VARCHAR",
        },
        "availability": {
            "item_id": "VARCHAR",
            "since": "TIMESTAMP WITH TIME ZONE",
            "for_sale": "BOOLEAN",
            "channels": "VARCHAR[]",
            "minimum_age": "FLOAT",
        },
    }
    assert {name for (name,) in database.sql("SHOW TABLES").fetchall()} == set(tables)


def test_absent_optional_columns_are_null_and_logged(database, raw_dir, caplog):
    write_customers(raw_dir, "0001\n0002\n", header="customer_id\n")

    with caplog.at_level(logging.INFO):
        load_raw_tables(database, raw_dir)

    assert database.sql("SELECT * FROM users LIMIT 1").fetchall() == [("0001", *[None] * 7)]
    (line,) = [line for line in caplog.messages if "customers.csv has no" in line]
    assert "age, birth_date, club_member_status, fashion_news_frequency, postal_code, FN, Active" in line


def test_a_birth_date_is_a_time_in_utc(database, raw_dir):
    write_customers(raw_dir, "0001,1990-05-17\n0002,\n", header="customer_id,birth_date\n")

    load_raw_tables(database, raw_dir)

    assert database.sql("SELECT birth_date FROM users").fetchall() == [(datetime(1990, 5, 17, tzinfo=UTC),), (None,)]


@pytest.mark.parametrize(
    ("written", "name"),
    [
        (lambda text: gzip.compress(text.encode()), "customers.csv.gz"),
        (lambda text: text.replace("\n", "\r\n").encode(), "customers.csv"),
        (lambda text: b"\xef\xbb\xbf" + text.encode(), "customers.csv"),
        (lambda text: text.rstrip("\n").encode(), "customers.csv"),
    ],
    ids=["gzip", "windows line ends", "byte order mark", "no line end at the end"],
)
def test_csv_may_be_compressed_and_have_any_line_ends(database, raw_dir, written, name):
    (raw_dir / "customers.csv").unlink()
    (raw_dir / name).write_bytes(written(FILES["customers.csv"]))

    assert load_raw_tables(database, raw_dir).users == 2
    assert database.sql("SELECT user_id, postal_code FROM users").fetchall() == [("0001", "abc"), ("0002", None)]


def test_unknown_columns_are_ignored_whatever_their_names(database, raw_dir):
    write_customers(raw_dir, "7,0001,x,\n8,0002,y,z\n", header='rowid,customer_id,it\'s "odd",\n')

    assert load_raw_tables(database, raw_dir).users == 2
    assert database.sql("SELECT user_id FROM users").fetchall() == [("0001",), ("0002",)]


@pytest.mark.parametrize(
    "times",
    [
        pa.array([date(2018, 9, 20)]),
        pa.array([datetime(2018, 9, 20)], pa.timestamp("s")),  # noqa: DTZ001
        pa.array([datetime(2018, 9, 20)], pa.timestamp("ns")),  # noqa: DTZ001
        pa.array([datetime(2018, 9, 20, tzinfo=UTC)], pa.timestamp("us", "Europe/Stockholm")),
        pa.array([datetime(2018, 9, 20, tzinfo=UTC)], pa.timestamp("ns", "UTC")),
        pa.array(["2018-09-20"]),
    ],
    ids=lambda times: str(times.type),
)
def test_parquet_times_may_have_any_time_type(database, raw_dir, times):
    write_parquet(
        raw_dir,
        "transactions_train",
        {"t_dat": times, "customer_id": ["0001"], "article_id": ["0108775015"], "price": [0.0209152542372881]},
    )

    load_raw_tables(database, raw_dir)

    assert database.sql("SELECT * FROM purchases").fetchall() == [
        ("0001", "0108775015", datetime(2018, 9, 20, tzinfo=UTC), 0.0209152542372881, None)
    ]


def test_parquet_ids_may_be_integers_with_a_warning(database, raw_dir, caplog):
    write_parquet(raw_dir, "customers", {"customer_id": pa.array([1, 2], pa.int64()), "age": [30.5, None]})
    write_sales(raw_dir, "2018-09-20,2,0108775015,0.02,1\n")

    load_raw_tables(database, raw_dir)

    assert database.sql("SELECT user_id, age FROM users").fetchall() == [("1", 30.5), ("2", None)]
    [warning] = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert warning.startswith(f"{raw_dir}/customers.parquet: column customer_id holds integers")


def test_availability_has_a_row_per_article_and_moment_which_may_be_in_the_future(database, raw_dir):
    write_availability(
        raw_dir,
        "0108775044,2018-09-21 12:00:00+02:00,0,,\n0108775015,2018-09-01,,web  store web,\n"
        "0108775044,2031-01-01,1.0, ,17.5\n",
    )

    counts = load_raw_tables(database, raw_dir)

    assert (counts.availability, counts.quarantined["availability"]) == (3, 0)
    assert database.sql("SELECT * FROM availability").fetchall() == [
        ("0108775044", datetime(2018, 9, 21, 10, tzinfo=UTC), False, None, None),
        ("0108775015", datetime(2018, 9, 1, tzinfo=UTC), None, ["store", "web"], None),
        ("0108775044", datetime(2031, 1, 1, tzinfo=UTC), True, [], 17.5),
    ]
    assert counts.last_purchased_at == datetime(2018, 9, 22, tzinfo=UTC)


def test_without_a_file_availability_is_an_empty_table_also_after_a_load_with_one(database, raw_dir):
    write_availability(raw_dir, "0108775015,2018-09-01\n", header="article_id,since\n")
    load_raw_tables(database, raw_dir)
    (raw_dir / "availability.csv").unlink()

    assert load_raw_tables(database, raw_dir).availability == 0
    assert database.sql("SELECT * FROM availability").fetchall() == []


@pytest.mark.parametrize("kind", [pa.bool_(), pa.int64(), pa.float64(), pa.string()], ids=str)
def test_a_parquet_flag_may_be_boolean_number_or_text(database, raw_dir, kind):
    columns = {"article_id": ["0108775015"] * 3, "since": [date(2018, 9, day) for day in (1, 2, 3)]}
    write_parquet(raw_dir, "availability", {**columns, "for_sale": pa.array([0, 1, None], pa.int64()).cast(kind)})

    load_raw_tables(database, raw_dir)

    assert database.sql("SELECT for_sale FROM availability").fetchall() == [(False,), (True,), (None,)]


@pytest.mark.skipif(not HM_SAMPLE.is_dir(), reason="the sample of the H&M data is not on this machine")
def test_a_sample_of_the_hm_data_loads(database):
    counts = load_raw_tables(database, HM_SAMPLE)

    assert (counts.users, counts.items, counts.purchases) == (1364, 105542, 31662)
    assert counts.last_purchased_at == datetime(2020, 9, 22, tzinfo=UTC)
    assert database.sql("SELECT count(*) FROM users WHERE age IS NULL").fetchall() == [(12,)]
    assert database.sql("SELECT DISTINCT length(item_id) FROM items").fetchall() == [(10,)]


def test_threads_do_not_change_the_order(database, raw_dir):
    sales = [f"2018-09-20,0001,0108775015,{number},1\n" for number in range(300_000)]
    write_sales(raw_dir, "".join(sales))
    database.execute("SET threads = 2")

    load_raw_tables(database, raw_dir)

    out_of_order = "SELECT count(*) FROM (SELECT price, rowid FROM purchases) WHERE price <> rowid"
    assert database.sql(out_of_order).fetchall() == [(0,)]

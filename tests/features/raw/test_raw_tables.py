"""What the door lets in: literal files in, typed rows or one clear sentence out."""

import csv
import gzip
import json
import logging
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features.errors import InputError
from features.raw.raw_tables import RawCounts, load_raw_tables

HM_SAMPLE = Path(__file__).parents[4] / "shared" / "data" / "hm_sample"

CUSTOMERS = "customer_id,FN,Active,club_member_status,fashion_news_frequency,age,postal_code\n"
ARTICLES = "article_id,prod_name,index_group_name,garment_group_name\n"
TRANSACTIONS = "t_dat,customer_id,article_id,price,sales_channel_id\n"
FILES = {
    "customers.csv": CUSTOMERS + "0001,,,ACTIVE,NONE,21.0,abc\n0002,1.0,1.0,,,,\n",
    "articles.csv": ARTICLES + "0108775015,Strap top,Ladieswear,Jersey Basic\n0108775044,,Ladieswear,\n",
    "transactions_train.csv": TRANSACTIONS
    + "2018-09-22,0002,0108775044,0.05,2\n2018-09-20 13:30:00+02:00,0001,0108775015,0.02,1\n"
    "2018-09-21,0001,0108775044,0.05,\n",
}
AVAILABILITY = "article_id,since,for_sale,channels,minimum_age\n"
GOOD_SALE = "2018-09-20,0001,0108775015,0.02,1\n"


@pytest.fixture
def raw_dir(tmp_path):
    folder = tmp_path / "raw"
    folder.mkdir()
    for name, text in FILES.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def database(tmp_path):
    (tmp_path / "work").mkdir()
    with duckdb.connect(tmp_path / "work" / "raw.duckdb") as connection:
        connection.execute("SET threads = 1")
        yield connection


def error_of(database, raw_dir, **options):
    with pytest.raises(InputError) as caught:
        load_raw_tables(database, raw_dir, **options)
    message = str(caught.value)
    assert "\n" not in message
    return message


def put_customers(raw_dir, rows, header=CUSTOMERS):
    (raw_dir / "customers.csv").write_text(header + rows, encoding="utf-8")


def put_sales(raw_dir, rows):
    (raw_dir / "transactions_train.csv").write_text(TRANSACTIONS + rows, encoding="utf-8")


def put_availability(raw_dir, rows, header=AVAILABILITY):
    (raw_dir / "availability.csv").write_text(header + rows, encoding="utf-8")


def put_parquet(raw_dir, table, columns):
    for path in raw_dir.glob(f"{table}.*"):
        path.unlink()
    pq.write_table(pa.table(columns), raw_dir / f"{table}.parquet")


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def quarantined(path):
    with path.open(encoding="utf-8", newline="") as text:
        return list(csv.DictReader(text))


# What comes out


def test_csv_files_become_typed_tables_in_the_order_of_the_files(database, raw_dir):
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


def test_absent_optional_columns_are_null_and_named_in_one_line_per_table(database, raw_dir, caplog):
    put_customers(raw_dir, "0001\n0002\n", header="customer_id\n")

    with caplog.at_level(logging.INFO):
        load_raw_tables(database, raw_dir)

    assert database.sql("SELECT * FROM users LIMIT 1").fetchall() == [("0001", *[None] * 7)]
    (line,) = [line for line in caplog.messages if "customers.csv has no" in line]
    assert line == (
        f"{raw_dir}/customers.csv has no column age, birth_date, club_member_status, fashion_news_frequency, "
        "postal_code, FN, Active: null throughout"
    )


def test_a_birth_date_is_a_time_in_utc(database, raw_dir):
    put_customers(raw_dir, "0001,1990-05-17\n0002,\n", header="customer_id,birth_date\n")

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
def test_csv_may_be_written_in_several_ways(database, raw_dir, written, name):
    (raw_dir / "customers.csv").unlink()
    (raw_dir / name).write_bytes(written(FILES["customers.csv"]))

    assert load_raw_tables(database, raw_dir).users == 2
    assert database.sql("SELECT user_id, postal_code FROM users").fetchall() == [("0001", "abc"), ("0002", None)]


def test_columns_the_project_does_not_know_are_left_behind_even_if_oddly_named(database, raw_dir):
    put_customers(raw_dir, "7,0001,x,\n8,0002,y,z\n", header='rowid,customer_id,it\'s "odd",\n')

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
def test_parquet_times_may_have_any_type_of_a_time(database, raw_dir, times):
    put_parquet(
        raw_dir,
        "transactions_train",
        {"t_dat": times, "customer_id": ["0001"], "article_id": ["0108775015"], "price": [0.0209152542372881]},
    )

    load_raw_tables(database, raw_dir)

    assert database.sql("SELECT * FROM purchases").fetchall() == [
        ("0001", "0108775015", datetime(2018, 9, 20, tzinfo=UTC), 0.0209152542372881, None)
    ]


def test_parquet_ids_of_integers_are_taken_with_a_warning(database, raw_dir, caplog):
    put_parquet(raw_dir, "customers", {"customer_id": pa.array([1, 2], pa.int64()), "age": [30.5, None]})
    put_sales(raw_dir, "2018-09-20,2,0108775015,0.02,1\n")

    load_raw_tables(database, raw_dir)

    assert database.sql("SELECT user_id, age FROM users").fetchall() == [("1", 30.5), ("2", None)]
    assert [record.getMessage() for record in caplog.records if record.levelname == "WARNING"] == [
        f"{raw_dir}/customers.parquet: customer_id holds integers; whether its ids had leading zeros cannot be known"
    ]


def test_availability_is_a_row_for_each_article_and_moment_and_may_name_the_future(database, raw_dir):
    put_availability(
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


def test_without_a_file_availability_is_an_empty_table_even_where_there_was_one_before(database, raw_dir):
    put_availability(raw_dir, "0108775015,2018-09-01\n", header="article_id,since\n")
    load_raw_tables(database, raw_dir)
    (raw_dir / "availability.csv").unlink()

    assert load_raw_tables(database, raw_dir).availability == 0
    assert database.sql("SELECT * FROM availability").fetchall() == []


@pytest.mark.parametrize("kind", [pa.bool_(), pa.int64(), pa.float64(), pa.string()], ids=str)
def test_in_a_parquet_file_a_flag_may_have_any_type_of_a_flag(database, raw_dir, kind):
    columns = {"article_id": ["0108775015"] * 3, "since": [date(2018, 9, day) for day in (1, 2, 3)]}
    put_parquet(raw_dir, "availability", {**columns, "for_sale": pa.array([0, 1, None], pa.int64()).cast(kind)})

    load_raw_tables(database, raw_dir)

    assert database.sql("SELECT for_sale FROM availability").fetchall() == [(False,), (True,), (None,)]


@pytest.mark.skipif(not HM_SAMPLE.is_dir(), reason="the sample of real rows is not on this machine")
def test_real_rows_of_the_competition_load(database):
    counts = load_raw_tables(database, HM_SAMPLE)

    assert (counts.users, counts.items, counts.purchases) == (1364, 105542, 31662)
    assert counts.last_purchased_at == datetime(2020, 9, 22, tzinfo=UTC)
    assert database.sql("SELECT count(*) FROM users WHERE age IS NULL").fetchall() == [(12,)]
    assert database.sql("SELECT DISTINCT length(item_id) FROM items").fetchall() == [(10,)]


def test_threads_do_not_change_the_order(database, raw_dir):
    sales = [f"2018-09-20,0001,0108775015,{number},1\n" for number in range(300_000)]
    put_sales(raw_dir, "".join(sales))
    database.execute("SET threads = 2")

    load_raw_tables(database, raw_dir)

    out_of_order = "SELECT count(*) FROM (SELECT price, rowid FROM purchases) WHERE price <> rowid"
    assert database.sql(out_of_order).fetchall() == [(0,)]


# What is wrong with a file as a whole


def test_a_missing_folder_is_named(database, tmp_path):
    message = error_of(database, tmp_path / "nowhere")

    assert f"{tmp_path}/nowhere is not a folder" in message
    assert "python jobs/fetch_demo_data.py" in message


def test_missing_files_are_named_with_what_they_may_be_called(database, raw_dir):
    (raw_dir / "articles.csv").unlink()

    message = error_of(database, raw_dir)

    assert "lacks articles; put articles.csv, articles.csv.gz or articles.parquet there" in message


def test_a_table_in_two_formats_is_refused(database, raw_dir):
    (raw_dir / "customers.parquet").write_bytes(b"whatever")

    assert "holds customers more than once, as customers.csv and customers.parquet" in error_of(database, raw_dir)


@pytest.mark.parametrize("name", ["articles.csv", "articles.csv.gz", "articles.parquet"])
def test_an_empty_file_is_refused(database, raw_dir, name):
    (raw_dir / "articles.csv").unlink()
    (raw_dir / name).write_bytes(b"")

    assert f"{name} is empty (0 bytes)" in error_of(database, raw_dir)


def test_a_gzip_file_of_nothing_is_refused(database, raw_dir):
    (raw_dir / "articles.csv").unlink()
    (raw_dir / "articles.csv.gz").write_bytes(gzip.compress(b""))

    assert "articles.csv.gz is empty" in error_of(database, raw_dir)


def test_a_file_of_nothing_but_a_header_is_refused(database, raw_dir):
    put_sales(raw_dir, "")

    assert "transactions_train.csv has column names but no rows" in error_of(database, raw_dir)


def test_a_parquet_file_without_rows_is_refused(database, raw_dir):
    put_parquet(raw_dir, "customers", {"customer_id": pa.array([], pa.string())})

    assert "customers.parquet has column names but no rows" in error_of(database, raw_dir)


def test_a_missing_column_is_named_beside_those_that_were_found(database, raw_dir):
    (raw_dir / "transactions_train.csv").write_text("date,customer_id,article_id,price\n" + GOOD_SALE)

    message = error_of(database, raw_dir)

    assert "transactions_train.csv lacks the column t_dat" in message
    assert "its columns are date, customer_id, article_id, price" in message


def test_a_parquet_file_that_lacks_a_column_is_refused(database, raw_dir):
    put_parquet(raw_dir, "articles", {"article_id": ["1"], "index_group_name": ["x"]})

    message = error_of(database, raw_dir)

    assert "articles.parquet lacks the column garment_group_name" in message
    assert "its columns are article_id, index_group_name" in message


def test_two_columns_of_one_name_are_refused(database, raw_dir):
    put_customers(raw_dir, "0001,20,21\n", header="customer_id,age,Age\n")

    assert "customers.csv has more than one column age and Age" in error_of(database, raw_dir)


@pytest.mark.parametrize(("delimiter", "shown"), [(";", "';'"), ("\t", "'\\t'"), ("|", "'|'")])
def test_a_wrong_delimiter_is_named(database, raw_dir, delimiter, shown):
    text = FILES["articles.csv"].replace(",", delimiter)
    (raw_dir / "articles.csv").write_text(text)

    assert f"articles.csv is separated by {shown}; write it separated by commas" in error_of(database, raw_dir)


def random_looking_rows(count):
    return "".join(f"{number * 7919 % 1_000_003:06d}\n" for number in range(count))


@pytest.mark.parametrize("cut", [20, -1, -8, -3000], ids=str)
def test_a_truncated_gzip_file_is_refused(database, raw_dir, cut):
    whole = gzip.compress(("customer_id\n" + random_looking_rows(20_000)).encode())
    (raw_dir / "customers.csv").unlink()
    (raw_dir / "customers.csv.gz").write_bytes(whole[:cut])

    assert "customers.csv.gz is a damaged or truncated gzip file" in error_of(database, raw_dir)


@pytest.mark.parametrize("place", [-6, -20_000], ids=["checksum", "middle"])
def test_a_damaged_gzip_file_is_refused_though_its_rows_look_plausible(database, raw_dir, place):
    damaged = bytearray(gzip.compress(("customer_id\n" + random_looking_rows(20_000)).encode()))
    damaged[place] ^= 0xFF
    (raw_dir / "customers.csv").unlink()
    (raw_dir / "customers.csv.gz").write_bytes(damaged)

    assert "customers.csv.gz is a damaged or truncated gzip file" in error_of(database, raw_dir)


def test_a_file_that_is_gzip_by_name_only_is_refused(database, raw_dir):
    (raw_dir / "customers.csv").rename(raw_dir / "customers.csv.gz")

    assert "customers.csv.gz is a damaged or truncated gzip file (Not a gzipped file" in error_of(database, raw_dir)


def test_a_parquet_file_cut_short_is_refused(database, raw_dir):
    put_parquet(raw_dir, "customers", {"customer_id": ["0001", "0002"]})
    path = raw_dir / "customers.parquet"
    path.write_bytes(path.read_bytes()[:-10])

    assert "customers.parquet is not a readable Parquet file" in error_of(database, raw_dir)


def test_a_parquet_file_damaged_in_the_middle_is_refused(database, raw_dir):
    put_parquet(raw_dir, "customers", {"customer_id": [f"{number * 7919 % 1_000_003}" for number in range(5000)]})
    path = raw_dir / "customers.parquet"
    whole = path.read_bytes()
    path.write_bytes(whole[:200] + bytes(2000) + whole[2200:])

    assert "customers.parquet is not a readable Parquet file" in error_of(database, raw_dir)


def test_parquet_ids_that_are_neither_strings_nor_integers_are_refused(database, raw_dir):
    put_parquet(raw_dir, "customers", {"customer_id": [1.0, 2.0]})

    assert "customers.parquet: customer_id is of type double; ids are strings" in error_of(database, raw_dir)


@pytest.mark.parametrize("lines_before", [0, 20_000], ids=["near the header", "far from the header"])
def test_a_file_in_another_encoding_is_refused_with_its_lines(database, raw_dir, lines_before):
    filler = "".join(f"x{number},,,\n" for number in range(lines_before))
    text = ARTICLES + filler + "0108775015,Tröja,Dam,Tröjor\n0108775044,Top,Dam,Toppar\n3,Skärp,Dam,-\n"
    (raw_dir / "articles.csv").write_bytes(text.encode("latin-1"))

    message = error_of(database, raw_dir)

    first = lines_before + 2
    assert f"articles.csv is not UTF-8 in 2 lines (line {first}: '" in message
    assert f", line {first + 2}: '" in message
    assert "write the file in UTF-8" in message


def test_a_quote_that_is_never_closed_is_refused(database, raw_dir, tmp_path):
    put_customers(raw_dir, '0001,"abc\n0002,x\n0003,y\n', header="customer_id,postal_code\n")

    for options in ({}, {"quarantine": tmp_path / "bad.csv"}):
        message = error_of(database, raw_dir, **options)
        assert "customers.csv cannot be read as CSV from line 2 on" in message


def test_rows_with_a_wrong_number_of_columns_are_counted_and_shown(database, raw_dir):
    put_sales(raw_dir, GOOD_SALE + "2018-09-20,0001\n" + GOOD_SALE + "\n2018-09-20,0001,0108775015,0,02,1\n")

    message = error_of(database, raw_dir)

    assert "transactions_train.csv: 2 rows without the 5 columns" in message
    assert "line 3: '2 columns: 2018-09-20,0001', line 6: '6 columns: 2018-09-20,0001,0108775015...'" in message


def test_mixed_line_ends_are_refused(database, raw_dir):
    (raw_dir / "customers.csv").write_bytes(b"customer_id,age\n0001,1\r\n0002,2\n")

    assert "customers.csv is not well-formed CSV" in error_of(database, raw_dir)


def test_a_damaged_last_file_is_reported_before_a_bad_row_in_the_first(database, raw_dir):
    put_customers(raw_dir, "0001,,,,,-5,\n")
    put_sales(raw_dir, "2018-09-20\n")

    assert "transactions_train.csv: 1 row without the 5 columns" in error_of(database, raw_dir)


# What is wrong with rows

BAD_CUSTOMERS = {
    "customer_id is missing": ("customer_id,age", ",20", "''"),
    "age is not a number": ("customer_id,age", "7,young", "'young'"),
    "age is negative": ("customer_id,age", "7,-1", "'-1'"),
    "birth_date is not a date of the years 1900 to 2199": ("customer_id,birth_date", "7,17/05/1990", "'17/05/1990'"),
    "FN is not a number": ("customer_id,FN", "7,yes", "'yes'"),
    "Active is not a number": ("customer_id,Active", "7,nan", "'nan'"),
    "customer_id appeared before": ("customer_id,age", "0001,30", "'0001'"),
}


@pytest.mark.parametrize("reason", BAD_CUSTOMERS)
def test_bad_customers_are_refused(database, raw_dir, reason):
    header, row, value = BAD_CUSTOMERS[reason]
    put_customers(raw_dir, f"0001,\n0002,\n{row}\n", header=f"{header}\n")

    assert f"customers.csv: {reason} in 1 row (line 4: {value}); " in error_of(database, raw_dir)


BAD_ARTICLES = {"article_id is missing": ("  ", "'  '"), "article_id appeared before": ("0108775015", "'0108775015'")}


@pytest.mark.parametrize("reason", BAD_ARTICLES)
def test_bad_articles_are_refused(database, raw_dir, reason):
    article, value = BAD_ARTICLES[reason]
    (raw_dir / "articles.csv").write_text(FILES["articles.csv"] + f"{article},Top,Dam,-\n")

    assert f"articles.csv: {reason} in 1 row (line 4: {value}); " in error_of(database, raw_dir)


BAD_SALES = [
    ("customer_id is missing", "2018-09-20,,0108775015,0.02,1", "''"),
    ("article_id is missing", "2018-09-20,0001,,0.02,1", "''"),
    ("t_dat is missing", ",0001,0108775015,0.02,1", "''"),
    ("t_dat is not a date of the years 1970 to 2199", "20.09.2018,0001,0108775015,0.02,1", "'20.09.2018'"),
    ("t_dat is not a date of the years 1970 to 2199", "2018-02-30,0001,0108775015,0.02,1", "'2018-02-30'"),
    ("t_dat is not a date of the years 1970 to 2199", "1969-12-31,0001,0108775015,0.02,1", "'1969-12-31'"),
    ("price is a billion or more", "2018-09-20,0001,0108775015,1e9,1", "'1e9'"),
    ("t_dat is not a date of the years 1970 to 2199", "infinity,0001,0108775015,0.02,1", "'infinity'"),
    ("t_dat is not a date of the years 1970 to 2199", "0018-09-20,0001,0108775015,0.02,1", "'0018-09-20'"),
    ("price is missing", "2018-09-20,0001,0108775015,,1", "''"),
    ("price is not a number", "2018-09-20,0001,0108775015,nan,1", "'nan'"),
    ("price is not a number", "2018-09-20,0001,0108775015,-inf,1", "'-inf'"),
    ("price is not a number", '2018-09-20,0001,0108775015,"0,02",1', "'0,02'"),
    ("price is negative", "2018-09-20,0001,0108775015,-0.02,1", "'-0.02'"),
    ("customer_id is not in customers", "2018-09-20,1,0108775015,0.02,1", "'1'"),
    ("article_id is not in articles", "2018-09-20,0001,108775015,0.02,1", "'108775015'"),
]


@pytest.mark.parametrize(("reason", "row", "value"), BAD_SALES)
def test_bad_transactions_are_refused(database, raw_dir, reason, row, value):
    put_sales(raw_dir, f"{GOOD_SALE}{row}\n{GOOD_SALE}")

    message = error_of(database, raw_dir)

    assert f"transactions_train.csv: {reason} in 1 row (line 3: {value}); " in message


NO_DATE = "since is not a date of the years 1970 to 2199"
NO_WORDS = "channels is not words separated by spaces"
BAD_AVAILABILITY = [
    ("article_id is missing", ",2018-09-20,1,,", "''"),
    ("since is missing", "0108775015,,1,,", "''"),
    (NO_DATE, "0108775015,soon,1,,", "'soon'"),
    (NO_DATE, "0108775015,1969-12-31,1,,", "'1969-12-31'"),
    ("for_sale is neither 0 nor 1", "0108775015,2018-09-20,2,,", "'2'"),
    ("for_sale is neither 0 nor 1", "0108775015,2018-09-20,yes,,", "'yes'"),
    (NO_WORDS, '0108775015,2018-09-20,1,"web,store",', "'web,store'"),
    (NO_WORDS, "0108775015,2018-09-20,1,[web],", "'[web]'"),
    ("minimum_age is not a number", "0108775015,2018-09-20,1,,adult", "'adult'"),
    ("minimum_age is not a number", "0108775015,2018-09-20,1,,inf", "'inf'"),
    ("minimum_age is negative", "0108775015,2018-09-20,1,,-18", "'-18'"),
    ("article_id is not in articles", "108775015,2018-09-20,1,,", "'108775015'"),
    ("since is that of an earlier row of its article_id", "0108775015,2018-09-01 02:00:00+02:00,0,,", None),
]


@pytest.mark.parametrize(("reason", "row", "value"), BAD_AVAILABILITY)
def test_bad_availability_is_refused(database, raw_dir, reason, row, value):
    put_availability(raw_dir, f"0108775015,2018-09-01,1,,\n{row}\n0108775044,2018-09-01,,,\n")

    message = error_of(database, raw_dir)

    shown = value or "'2018-09-01 02:00:00+02:00'"
    assert f"availability.csv: {reason} in 1 row (line 3: {shown}); " in message


def test_availability_needs_its_two_columns_and_a_row(database, raw_dir):
    put_availability(raw_dir, "0108775015,1\n", header="article_id,for_sale\n")
    assert "availability.csv lacks the column since; its columns are" in error_of(database, raw_dir)

    put_availability(raw_dir, "")
    assert "availability.csv has column names but no rows" in error_of(database, raw_dir)


def test_an_error_shows_the_first_three_rows_and_counts_the_others(database, raw_dir):
    bad = "2018-09-20,0001,0108775015,-1,1\n"
    put_sales(raw_dir, bad + GOOD_SALE + bad * 3 + "2018-09-20,0001,0108775015,-1" + "0" * 50 + ",1\n" + GOOD_SALE)

    message = error_of(database, raw_dir)

    assert "price is negative in 5 rows (line 2: '-1', line 4: '-1', line 5: '-1', ...); " in message
    assert message.endswith("write it like 21 or 0.0254, or set such rows aside with --quarantine FILE")


def test_long_values_are_cut_to_forty_characters(database, raw_dir):
    put_sales(raw_dir, f"2018-09-20,0001,0108775015,{'x' * 41},1\n2018-09-20,0001,0108775015,{'y' * 40},1\n")

    assert f"line 2: '{'x' * 37}...', line 3: '{'y' * 40}')" in error_of(database, raw_dir)


def test_other_problems_are_counted_behind_the_first(database, raw_dir):
    put_sales(raw_dir, GOOD_SALE + "2018-09-20,0001,0108775015,-1,1\nsoon,0001,0108775015,1,1\n,,,,\n")

    message = error_of(database, raw_dir)

    assert "customer_id is missing in 1 row (line 5: ''), and 2 rows more with other problems; " in message


def test_lines_are_those_of_the_file_even_behind_line_breaks_in_values_or_blank_lines(database, raw_dir):
    put_customers(
        raw_dir,
        '0001,"two\nlines",1\n\n0002,"three\n\nlines",2\n0003,"a ""quoted"" word",old\n',
        header="customer_id,postal_code,age\n",
    )

    assert "age is not a number in 1 row (line 8: 'old')" in error_of(database, raw_dir)


def test_rows_of_a_parquet_file_are_counted_as_rows(database, raw_dir):
    put_parquet(raw_dir, "customers", {"customer_id": ["0001", "0002", "0003"], "age": [20.0, -1.0, 30.0]})

    assert "customers.parquet: age is negative in 1 row (row 2: '-1.0')" in error_of(database, raw_dir)


def test_lines_of_a_gzip_file_are_counted_as_in_the_unpacked_file(database, raw_dir):
    (raw_dir / "transactions_train.csv").unlink()
    text = TRANSACTIONS + GOOD_SALE * 3 + "soon,0001,0108775015,1,1\n"
    (raw_dir / "transactions_train.csv.gz").write_bytes(gzip.compress(text.encode()))

    assert "transactions_train.csv.gz: t_dat is not a date" in (message := error_of(database, raw_dir))
    assert "in 1 row (line 5: 'soon')" in message


# The quarantine


def test_bad_rows_are_set_aside_with_table_line_reason_and_record(database, raw_dir, tmp_path, caplog):
    put_customers(
        raw_dir,
        "0001,20\n,30\n0002,old\n0001,40\n0003,-4\n",
        header="customer_id,age\n",
    )
    put_sales(
        raw_dir,
        GOOD_SALE
        + "2018-09-21,0001\n"
        + "soon,0001,0108775015,0.02,1\n"
        + "2018-09-22,0003,0108775015,0.02,1\n"
        + "2018-09-19,0001,0108775044,0.05,\n",
    )
    quarantine = tmp_path / "aside" / "bad_rows.csv"

    counts = load_raw_tables(database, raw_dir, quarantine=quarantine)

    assert (counts.users, counts.items, counts.purchases) == (1, 2, 2)
    assert counts.quarantined == {"customers": 4, "articles": 0, "transactions_train": 3}
    assert database.sql("SELECT user_id, age FROM users").fetchall() == [("0001", 20.0)]
    assert database.sql("SELECT item_id, price FROM purchases").fetchall() == [
        ("0108775015", 0.02),
        ("0108775044", 0.05),
    ]
    rows = quarantined(quarantine)
    assert [(row["table"], row["line"], row["reason"]) for row in rows] == [
        ("transactions_train", "3", "the number of columns is wrong"),
        ("customers", "3", "customer_id is missing"),
        ("customers", "4", "age is not a number"),
        ("customers", "5", "customer_id appeared before"),
        ("customers", "6", "age is negative"),
        ("transactions_train", "4", "t_dat is not a date of the years 1970 to 2199"),
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
    assert f"customers: 1 row set aside in {quarantine}: age is negative" in warnings


def test_of_a_repeated_id_the_first_usable_row_is_kept(database, raw_dir, tmp_path):
    put_customers(raw_dir, "0001,-1\n0001,20\n0001,30\n", header="customer_id,age\n")
    put_sales(raw_dir, GOOD_SALE)

    counts = load_raw_tables(database, raw_dir, quarantine=tmp_path / "bad.csv")

    assert counts.quarantined["customers"] == 2
    assert database.sql("SELECT user_id, age FROM users").fetchall() == [("0001", 20.0)]


def test_of_a_repeated_article_and_moment_the_first_usable_row_is_kept(database, raw_dir, tmp_path):
    put_availability(
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
    assert [(row["table"], row["line"], row["reason"]) for row in quarantined(tmp_path / "bad.csv")] == [
        ("availability", "2", "for_sale is neither 0 nor 1"),
        ("availability", "4", "since is that of an earlier row of its article_id"),
    ]


def test_rows_kept_beside_a_quarantine_stay_in_the_order_of_the_file(database, raw_dir, tmp_path):
    sales = [f"2018-09-20,000{1 + number % 3},0108775015,{number},1\n" for number in range(30_000)]
    put_sales(raw_dir, "".join(sales))

    counts = load_raw_tables(database, raw_dir, quarantine=tmp_path / "bad.csv")

    assert (counts.purchases, counts.quarantined["transactions_train"]) == (20_000, 10_000)
    prices = [price for (price,) in database.sql("SELECT price FROM purchases").fetchall()]
    assert prices[:4] == [0, 1, 3, 4]
    assert prices == sorted(prices)
    assert [row["line"] for row in quarantined(tmp_path / "bad.csv")[:3]] == ["4", "7", "10"]


def test_without_bad_rows_no_quarantine_is_written_and_an_old_one_stays(database, raw_dir, tmp_path):
    (tmp_path / "old.csv").write_text("from last time")

    load_raw_tables(database, raw_dir, quarantine=tmp_path / "new.csv")
    load_raw_tables(database, raw_dir, quarantine=tmp_path / "old.csv")

    assert not (tmp_path / "new.csv").exists()
    assert (tmp_path / "old.csv").read_text() == "from last time"
    assert names_in(tmp_path) == ["old.csv", "raw", "work"]


def test_a_table_that_would_be_set_aside_altogether_is_an_error_and_leaves_the_old_quarantine(
    database, raw_dir, tmp_path
):
    put_sales(raw_dir, "2018-09-20,9,0108775015,0.02,1\n" * 3)
    (tmp_path / "bad.csv").write_text("from last time")

    message = error_of(database, raw_dir, quarantine=tmp_path / "bad.csv")

    assert "transactions_train.csv: all 3 rows would be quarantined" in message
    assert (tmp_path / "bad.csv").read_text() == "from last time"
    assert names_in(tmp_path) == ["bad.csv", "raw", "work"]


def test_a_quarantine_does_not_excuse_a_missing_column(database, raw_dir, tmp_path):
    put_customers(raw_dir, "1\n", header="id\n")

    assert "customers.csv lacks the column customer_id" in error_of(database, raw_dir, quarantine=tmp_path / "bad.csv")


def test_an_error_leaves_the_raw_files_as_they_were(database, raw_dir, tmp_path):
    put_sales(raw_dir, GOOD_SALE + "2018-09-20,0001\nsoon,0001,0108775015,0.02,1\n")
    before = {path.name: path.read_bytes() for path in raw_dir.iterdir()}

    error_of(database, raw_dir)
    load_raw_tables(database, raw_dir, quarantine=tmp_path / "bad.csv")

    assert {path.name: path.read_bytes() for path in raw_dir.iterdir()} == before

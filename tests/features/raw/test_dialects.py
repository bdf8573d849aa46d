"""What pandas, polars, Spark, DuckDB and spreadsheets write for one and the same value."""

import gzip
from datetime import UTC, date, datetime
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fixtures.raw_files import FILES, VALID_SALE, error_of, write_availability, write_customers, write_parquet

from features.raw.raw_tables import load_raw_tables

MISSING = ["", "NaN", "nan", "None", "null", "NULL", "<NA>", "N/A", "NaT", " nan "]
TRUE = ["1", "1.0", "1.00", "true", "True", "TRUE", "t"]
FALSE = ["0", "0.0", "false", "False", "f"]


@pytest.mark.parametrize("written", MISSING)
def test_a_missing_number_flag_or_date_may_be_written_in_any_dialect(database, raw_dir, written):
    row = f"0001,{written},{written},{written},{written}\n0002,30,1,0,1990-05-17\n"
    write_customers(raw_dir, row, header="customer_id,age,FN,Active,birth_date\n")
    write_availability(raw_dir, f"0108775015,2018-09-01,{written},,{written}\n")

    load_raw_tables(database, raw_dir)

    assert database.sql("SELECT age, fashion_news, active, birth_date FROM users").fetchall() == [
        (None, None, None, None), (30.0, 1.0, 0.0, datetime(1990, 5, 17, tzinfo=UTC)),
    ]  # fmt: skip
    assert database.sql("SELECT for_sale, minimum_age FROM availability").fetchall() == [(None, None)]


@pytest.mark.parametrize("written", ["NONE", "None", "nan"])
def test_text_is_not_taken_for_missing(database, raw_dir, written):
    write_customers(raw_dir, f"0001,{written}\n0002,x\n", header="customer_id,fashion_news_frequency\n")

    load_raw_tables(database, raw_dir)

    assert database.sql("SELECT fashion_news_frequency FROM users LIMIT 1").fetchall() == [(written,)]


@pytest.mark.parametrize(("written", "flag"), [*((text, 1) for text in TRUE), *((text, 0) for text in FALSE)])
def test_a_flag_may_be_written_in_any_dialect(database, raw_dir, written, flag):
    write_customers(raw_dir, f"0001,{written},{written}\n0002,,\n", header="customer_id,FN,Active\n")
    write_availability(raw_dir, f"0108775015,2018-09-01,{written},,\n")

    load_raw_tables(database, raw_dir)

    assert database.sql("SELECT fashion_news, active FROM users LIMIT 1").fetchall() == [(flag, flag)]
    assert database.sql("SELECT for_sale FROM availability").fetchall() == [(bool(flag),)]


COLUMNS = {
    "NaN": (pa.array([float("nan"), 30.5], from_pandas=False), [None, 30.5]),
    "32 bits": (pa.array([None, 30.5], pa.float32()), [None, 30.5]),
    "decimal": (pa.array([None, Decimal("30.50")]), [None, 30.5]),
    "text": (pa.array(["nan", "30.5"]), [None, 30.5]),
    "dictionary": (pa.array(["None", "30.5"]).dictionary_encode(), [None, 30.5]),
    "large text": (pa.array(["<NA>", "30.5"], pa.large_string()), [None, 30.5]),
    "null": (pa.array([None, None], pa.null()), [None, None]),
}


@pytest.mark.parametrize("dialect", COLUMNS)
def test_a_column_of_numbers_may_have_any_type(database, raw_dir, dialect):
    ages, expected = COLUMNS[dialect]
    write_parquet(raw_dir, "customers", {"customer_id": ["0001", "0002"], "age": ages})

    load_raw_tables(database, raw_dir)

    assert [age for (age,) in database.sql("SELECT age FROM users").fetchall()] == expected


@pytest.mark.parametrize("kind", [pa.bool_(), pa.int8(), pa.float32(), pa.decimal128(3, 1), pa.string()], ids=str)
def test_flags_of_customers_may_have_any_type(database, raw_dir, kind):
    flags = pa.array([1, 0, None], pa.int64()).cast(kind if not pa.types.is_decimal(kind) else pa.decimal128(21, 1))
    write_parquet(raw_dir, "customers", {"customer_id": ["0001", "0002", "0003"], "Active": flags})

    load_raw_tables(database, raw_dir)

    assert database.sql("SELECT active FROM users").fetchall() == [(1.0,), (0.0,), (None,)]


@pytest.mark.parametrize(
    "kind", [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int8(), pa.string())], ids=str
)
def test_ids_may_be_text_of_any_type(database, raw_dir, kind):
    write_parquet(raw_dir, "customers", {"customer_id": pa.array(["0001", "0002"]).cast(kind)})

    load_raw_tables(database, raw_dir)

    assert database.sql("SELECT user_id FROM users").fetchall() == [("0001",), ("0002",)]


BIRTHDAYS = {
    "date32": pa.array([date(1990, 5, 17), None]),
    "date64": pa.array([date(1990, 5, 17), None], pa.date64()),
    **{
        f"{unit}, {zone}": pa.array([datetime(1990, 5, 17), None]).cast(pa.timestamp(unit, zone))  # noqa: DTZ001
        for unit in ("s", "ms", "us", "ns")
        for zone in (None, "UTC")
    },
    "text": pa.array(["1990-05-17", "NaT"]),
    "text with time": pa.array(["1990-05-17T00:00:00Z", None]),
}


@pytest.mark.parametrize("dialect", BIRTHDAYS)
def test_a_birth_date_may_have_any_type(database, raw_dir, dialect):
    write_parquet(raw_dir, "customers", {"customer_id": ["0001", "0002"], "birth_date": BIRTHDAYS[dialect]})

    load_raw_tables(database, raw_dir)

    assert database.sql("SELECT birth_date FROM users").fetchall() == [(datetime(1990, 5, 17, tzinfo=UTC),), (None,)]


def test_times_of_spark_have_twelve_bytes(database, raw_dir):
    (raw_dir / "transactions_train.csv").unlink()
    rows = {"t_dat": pa.array([datetime(2018, 9, 20, 13, 30)]), "customer_id": ["0001"], "article_id": ["0108775015"]}  # noqa: DTZ001
    path = raw_dir / "transactions_train.parquet"
    pq.write_table(pa.table({**rows, "price": [Decimal("0.02")]}), path, use_deprecated_int96_timestamps=True)

    load_raw_tables(database, raw_dir)

    assert database.sql("SELECT purchased_at, price FROM purchases").fetchall() == [
        (datetime(2018, 9, 20, 13, 30, tzinfo=UTC), 0.02)
    ]


@pytest.mark.parametrize("end", [b"", bytes(1), bytes(1024), gzip.compress(b"0003,9\n")], ids=len)
def test_a_gzip_file_with_padding_is_read_or_named(database, raw_dir, end):
    (raw_dir / "customers.csv").unlink()
    (raw_dir / "customers.csv.gz").write_bytes(gzip.compress(b"customer_id,age\n0001,7\n0002,8\n") + end)

    if end.startswith(b"\0"):
        assert "customers.csv.gz cannot be decompressed" in error_of(database, raw_dir)
    else:
        assert load_raw_tables(database, raw_dir).users == 2 + bool(end)


HEADERS = {
    "a blank": "t_dat, customer_id, article_id, price\n",
    "a tab": "t_dat\t,customer_id,article_id\t,price\n",
    "two byte order marks": "\ufeff\ufefft_dat,customer_id,article_id,price\n",
    "quotes": '"t_dat","customer_id","article_id","price"\n',
    "no-break spaces": "\xa0t_dat,customer_id,article_id,price\xa0\n",
}


@pytest.mark.parametrize("dialect", HEADERS)
def test_blanks_and_byte_order_marks_in_the_header_are_forgiven(database, raw_dir, dialect):
    text = HEADERS[dialect] + "2018-09-20,0001,0108775015,0.02\n"
    (raw_dir / "transactions_train.csv").write_text(text, encoding="utf-8")

    assert load_raw_tables(database, raw_dir).purchases == 1


def test_blanks_in_the_names_of_parquet_columns_are_forgiven(database, raw_dir):
    write_parquet(raw_dir, "customers", {" customer_id": ["0001", "0002"], "age ": [20.0, 30.0]})

    load_raw_tables(database, raw_dir)

    assert database.sql("SELECT user_id, age FROM users").fetchall() == [("0001", 20.0), ("0002", 30.0)]


def test_names_of_columns_are_shown_with_escapes(database, raw_dir):
    (raw_dir / "transactions_train.csv").write_text("t\x1b[31m_dat,customer\u200b_id,price\n" + VALID_SALE)

    message = error_of(database, raw_dir)

    assert "'t\\x1b[31m_dat', 'customer\\u200b_id', price" in message


def spark_table(folder, *names):
    """Write the sales of the valid files as a folder of one Parquet file per row, in the order of the names."""
    header, *rows = [line.split(",") for line in FILES["transactions_train.csv"].splitlines()]
    for name, row in zip(names, rows, strict=True):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table({column: [value] for column, value in zip(header, row, strict=True)}), folder / name)


def test_a_folder_of_parquet_files_is_read_in_the_order_of_their_names(database, raw_dir):
    (raw_dir / "transactions_train.csv").unlink()
    folder = raw_dir / "transactions_train.parquet"
    spark_table(folder, "part-00000.snappy.parquet", "part-00001.snappy.parquet", "part-00002.snappy.parquet")
    (folder / "_SUCCESS").touch()
    (folder / ".part-00000.snappy.parquet.crc").write_bytes(b"crc")
    (folder / "_temporary").mkdir()
    (folder / "_temporary" / "part-9.parquet").write_bytes(b"half written")

    load_raw_tables(database, raw_dir)

    assert database.sql("SELECT user_id FROM purchases").fetchall() == [("0002",), ("0001",), ("0001",)]


def test_a_row_of_a_folder_is_counted_over_all_its_files(database, raw_dir):
    (raw_dir / "customers.csv").unlink()
    folder = raw_dir / "customers.parquet"
    folder.mkdir()
    for number, age in enumerate([20.0, -1.0]):
        pq.write_table(pa.table({"customer_id": [f"000{number + 1}"], "age": [age]}), folder / f"{number}.parquet")

    assert "customers.parquet: age is negative in 1 row (row 2: '-1.0')" in error_of(database, raw_dir)


def test_a_partitioned_folder_has_columns_as_names_of_folders(database, raw_dir):
    (raw_dir / "transactions_train.csv").unlink()
    folder = raw_dir / "transactions_train.parquet"
    for day in ("2018-09-20", "2018-09-21"):
        part = folder / f"t_dat={day}" / "part-0.parquet"
        part.parent.mkdir(parents=True)
        pq.write_table(pa.table({"customer_id": ["0001"], "article_id": ["0108775015"], "price": [0.5]}), part)

    load_raw_tables(database, raw_dir)

    days = database.sql("SELECT purchased_at FROM purchases").fetchall()
    assert days == [(datetime(2018, 9, 20, tzinfo=UTC),), (datetime(2018, 9, 21, tzinfo=UTC),)]


def test_a_folder_without_parquet_files_is_refused(database, raw_dir):
    (raw_dir / "customers.csv").unlink()
    (raw_dir / "customers.parquet").mkdir()

    assert "customers.parquet is a folder without *.parquet files" in error_of(database, raw_dir)

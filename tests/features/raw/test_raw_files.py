"""Errors of a raw file as a whole: missing, damaged, with missing columns, not CSV."""

import gzip
import re

import pyarrow as pa
import pytest
from fixtures.raw_files import ARTICLES, FILES, VALID_SALE, error_of, write_customers, write_parquet, write_sales


def test_a_missing_folder_is_named(database, tmp_path):
    message = error_of(database, tmp_path / "nowhere")

    assert f"{tmp_path}/nowhere" in message
    assert "python jobs/fetch_demo_data.py" in message


def test_a_missing_file_is_named_with_its_possible_names(database, raw_dir):
    (raw_dir / "articles.csv").unlink()

    message = error_of(database, raw_dir)

    assert "articles.csv, articles.csv.gz or articles.parquet" in message


def test_a_table_in_two_formats_is_refused(database, raw_dir):
    (raw_dir / "customers.parquet").write_bytes(b"whatever")

    assert "customers.csv and customers.parquet" in error_of(database, raw_dir)


@pytest.mark.parametrize("name", ["articles.csv", "articles.csv.gz", "articles.parquet"])
def test_an_empty_file_is_refused(database, raw_dir, name):
    (raw_dir / "articles.csv").unlink()
    (raw_dir / name).write_bytes(b"")

    assert f"{name} is empty (0 bytes)" in error_of(database, raw_dir)


def test_an_empty_gzip_file_is_refused(database, raw_dir):
    (raw_dir / "articles.csv").unlink()
    (raw_dir / "articles.csv.gz").write_bytes(gzip.compress(b""))

    assert "articles.csv.gz is empty" in error_of(database, raw_dir)


def test_a_file_with_only_a_header_is_refused(database, raw_dir):
    write_sales(raw_dir, "")

    assert "transactions_train.csv has column names but no rows" in error_of(database, raw_dir)


def test_a_parquet_file_without_rows_is_refused(database, raw_dir):
    write_parquet(raw_dir, "customers", {"customer_id": pa.array([], pa.string())})

    assert "customers.parquet has column names but no rows" in error_of(database, raw_dir)


def test_a_missing_column_is_named_with_the_columns_found(database, raw_dir):
    (raw_dir / "transactions_train.csv").write_text("date,customer_id,article_id,price\n" + VALID_SALE)

    message = error_of(database, raw_dir)

    assert "transactions_train.csv has no column t_dat: " in message
    assert "date, customer_id, article_id, price" in message


def test_a_parquet_file_without_a_required_column_is_refused(database, raw_dir):
    write_parquet(raw_dir, "articles", {"article_id": ["1"], "index_group_name": ["x"]})

    message = error_of(database, raw_dir)

    assert "articles.parquet has no column garment_group_name: " in message
    assert "article_id, index_group_name" in message


def test_two_columns_with_one_name_are_refused(database, raw_dir):
    write_customers(raw_dir, "0001,20,21\n", header="customer_id,age,Age\n")

    assert re.search("customers.csv .* age and Age", error_of(database, raw_dir))


@pytest.mark.parametrize(("delimiter", "shown"), [(";", "';'"), ("\t", "'\\t'"), ("|", "'|'")])
def test_a_wrong_delimiter_is_named(database, raw_dir, delimiter, shown):
    text = FILES["articles.csv"].replace(",", delimiter)
    (raw_dir / "articles.csv").write_text(text)

    assert f"articles.csv is separated by {shown}" in error_of(database, raw_dir)


def random_looking_rows(count):
    return "".join(f"{number * 7919 % 1_000_003:06d}\n" for number in range(count))


@pytest.mark.parametrize("cut", [20, -1, -8, -3000], ids=str)
def test_a_truncated_gzip_file_is_refused(database, raw_dir, cut):
    whole = gzip.compress(("customer_id\n" + random_looking_rows(20_000)).encode())
    (raw_dir / "customers.csv").unlink()
    (raw_dir / "customers.csv.gz").write_bytes(whole[:cut])

    assert "customers.csv.gz is a damaged or truncated gzip file" in error_of(database, raw_dir)


@pytest.mark.parametrize("position", [-6, -20_000], ids=["checksum", "middle"])
def test_a_damaged_gzip_file_is_refused_although_its_rows_look_plausible(database, raw_dir, position):
    damaged = bytearray(gzip.compress(("customer_id\n" + random_looking_rows(20_000)).encode()))
    damaged[position] ^= 0xFF
    (raw_dir / "customers.csv").unlink()
    (raw_dir / "customers.csv.gz").write_bytes(damaged)

    assert "customers.csv.gz is a damaged or truncated gzip file" in error_of(database, raw_dir)


def test_a_file_that_only_has_the_name_of_a_gzip_file_is_refused(database, raw_dir):
    (raw_dir / "customers.csv").rename(raw_dir / "customers.csv.gz")

    assert "customers.csv.gz is not gzip-compressed: rename it to end in .csv" in error_of(database, raw_dir)


def test_a_truncated_parquet_file_is_refused(database, raw_dir):
    write_parquet(raw_dir, "customers", {"customer_id": ["0001", "0002"]})
    path = raw_dir / "customers.parquet"
    path.write_bytes(path.read_bytes()[:-10])

    assert "customers.parquet is not a readable Parquet file" in error_of(database, raw_dir)


def test_a_parquet_file_damaged_in_the_middle_is_refused(database, raw_dir):
    write_parquet(raw_dir, "customers", {"customer_id": [f"{number * 7919 % 1_000_003}" for number in range(5000)]})
    path = raw_dir / "customers.parquet"
    whole = path.read_bytes()
    path.write_bytes(whole[:200] + bytes(2000) + whole[2200:])

    assert "customers.parquet is not a readable Parquet file" in error_of(database, raw_dir)


def test_parquet_ids_that_are_neither_strings_nor_integers_are_refused(database, raw_dir):
    write_parquet(raw_dir, "customers", {"customer_id": [1.0, 2.0]})

    assert "customers.parquet: column customer_id has type double" in error_of(database, raw_dir)


@pytest.mark.parametrize("lines_before", [0, 20_000], ids=["near the header", "far from the header"])
def test_a_file_in_another_encoding_is_refused_with_its_lines(database, raw_dir, lines_before):
    filler = "".join(f"x{number},,,\n" for number in range(lines_before))
    text = ARTICLES + filler + "0108775015,Tröja,Dam,Tröjor\n0108775044,Top,Dam,Toppar\n3,Skärp,Dam,-\n"
    (raw_dir / "articles.csv").write_bytes(text.encode("latin-1"))

    message = error_of(database, raw_dir)

    first = lines_before + 2
    assert f"articles.csv is not UTF-8 in 2 lines (line {first}: '" in message
    assert f", line {first + 2}: '" in message


def test_an_unclosed_quote_is_refused(database, raw_dir, tmp_path):
    write_customers(raw_dir, '0001,"abc\n0002,x\n0003,y\n', header="customer_id,postal_code\n")

    for options in ({}, {"quarantine": tmp_path / "bad.csv"}):
        message = error_of(database, raw_dir, **options)
        assert "customers.csv cannot be read as CSV from line 2 on" in message


def test_rows_with_a_wrong_number_of_columns_are_counted_and_shown(database, raw_dir):
    write_sales(raw_dir, VALID_SALE + "2018-09-20,0001\n" + VALID_SALE + "\n2018-09-20,0001,0108775015,0,02,1\n")

    message = error_of(database, raw_dir)

    assert "transactions_train.csv: 2 rows without the 5 columns" in message
    assert "line 3: '2 columns: 2018-09-20,0001', line 6: '6 columns: 2018-09-20,0001,0108775015...'" in message


def test_mixed_line_ends_are_refused(database, raw_dir):
    (raw_dir / "customers.csv").write_bytes(b"customer_id,age\n0001,1\r\n0002,2\n")

    assert "customers.csv is not well-formed CSV" in error_of(database, raw_dir)


def test_a_damaged_last_file_is_reported_before_an_invalid_row_of_the_first(database, raw_dir):
    write_customers(raw_dir, "0001,,,,,-5,\n")
    write_sales(raw_dir, "2018-09-20\n")

    assert "transactions_train.csv: 1 row without the 5 columns" in error_of(database, raw_dir)

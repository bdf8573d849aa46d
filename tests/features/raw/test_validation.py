"""Errors of single rows, with the line and the value."""

import gzip

import pytest
from fixtures.raw_files import (
    FILES,
    TRANSACTIONS,
    VALID_SALE,
    error_of,
    write_availability,
    write_customers,
    write_parquet,
    write_sales,
)

INVALID_CUSTOMERS = {
    "customer_id is missing": ("customer_id,age", ",20", "''"),
    "age is not a number": ("customer_id,age", "7,young", "'young'"),
    "age is negative": ("customer_id,age", "7,-1", "'-1'"),
    "birth_date is not a date from 1900 to 2199": ("customer_id,birth_date", "7,17/05/1990", "'17/05/1990'"),
    "FN is not a number": ("customer_id,FN", "7,yes", "'yes'"),
    "Active is not a number": ("customer_id,Active", "7,inf", "'inf'"),
    "customer_id is a duplicate": ("customer_id,age", "0001,30", "'0001'"),
}


@pytest.mark.parametrize("reason", INVALID_CUSTOMERS)
def test_invalid_customers_are_refused(database, raw_dir, reason):
    header, row, value = INVALID_CUSTOMERS[reason]
    write_customers(raw_dir, f"0001,\n0002,\n{row}\n", header=f"{header}\n")

    assert f"customers.csv: {reason} in 1 row (line 4: {value}): " in error_of(database, raw_dir)


INVALID_ARTICLES = {
    "article_id is missing": ("  ", "'  '"),
    "article_id is a duplicate": ("0108775015", "'0108775015'"),
}


@pytest.mark.parametrize("reason", INVALID_ARTICLES)
def test_invalid_articles_are_refused(database, raw_dir, reason):
    article, value = INVALID_ARTICLES[reason]
    (raw_dir / "articles.csv").write_text(FILES["articles.csv"] + f"{article},Top,Dam,-\n")

    assert f"articles.csv: {reason} in 1 row (line 4: {value}): " in error_of(database, raw_dir)


INVALID_SALES = [
    ("customer_id is missing", "2018-09-20,,0108775015,0.02,1", "''"),
    ("article_id is missing", "2018-09-20,0001,,0.02,1", "''"),
    ("t_dat is missing", ",0001,0108775015,0.02,1", "''"),
    ("t_dat is not a date from 1970 to 2199", "20.09.2018,0001,0108775015,0.02,1", "'20.09.2018'"),
    ("t_dat is not a date from 1970 to 2199", "2018-02-30,0001,0108775015,0.02,1", "'2018-02-30'"),
    ("t_dat is not a date from 1970 to 2199", "1969-12-31,0001,0108775015,0.02,1", "'1969-12-31'"),
    ("price is a billion or more", "2018-09-20,0001,0108775015,1e9,1", "'1e9'"),
    ("t_dat is not a date from 1970 to 2199", "infinity,0001,0108775015,0.02,1", "'infinity'"),
    ("t_dat is not a date from 1970 to 2199", "0018-09-20,0001,0108775015,0.02,1", "'0018-09-20'"),
    ("price is missing", "2018-09-20,0001,0108775015,,1", "''"),
    ("price is not a number", "2018-09-20,0001,0108775015,nan,1", "'nan'"),
    ("price is not a number", "2018-09-20,0001,0108775015,-inf,1", "'-inf'"),
    ("price is not a number", '2018-09-20,0001,0108775015,"0,02",1', "'0,02'"),
    ("price is negative", "2018-09-20,0001,0108775015,-0.02,1", "'-0.02'"),
    ("customer_id is not in customers", "2018-09-20,1,0108775015,0.02,1", "'1'"),
    ("article_id is not in articles", "2018-09-20,0001,108775015,0.02,1", "'108775015'"),
]


@pytest.mark.parametrize(("reason", "row", "value"), INVALID_SALES)
def test_invalid_transactions_are_refused(database, raw_dir, reason, row, value):
    write_sales(raw_dir, f"{VALID_SALE}{row}\n{VALID_SALE}")

    message = error_of(database, raw_dir)

    assert f"transactions_train.csv: {reason} in 1 row (line 3: {value}): " in message


NO_DATE = "since is not a date from 1970 to 2199"
NO_LIST = "channels is not a list separated by spaces"
INVALID_AVAILABILITY = [
    ("article_id is missing", ",2018-09-20,1,,", "''"),
    ("since is missing", "0108775015,,1,,", "''"),
    (NO_DATE, "0108775015,soon,1,,", "'soon'"),
    (NO_DATE, "0108775015,1969-12-31,1,,", "'1969-12-31'"),
    ("for_sale is neither 0 nor 1", "0108775015,2018-09-20,2,,", "'2'"),
    ("for_sale is neither 0 nor 1", "0108775015,2018-09-20,yes,,", "'yes'"),
    (NO_LIST, '0108775015,2018-09-20,1,"web,store",', "'web,store'"),
    (NO_LIST, "0108775015,2018-09-20,1,[web],", "'[web]'"),
    ("minimum_age is not a number", "0108775015,2018-09-20,1,,adult", "'adult'"),
    ("minimum_age is not a number", "0108775015,2018-09-20,1,,inf", "'inf'"),
    ("minimum_age is negative", "0108775015,2018-09-20,1,,-18", "'-18'"),
    ("article_id is not in articles", "108775015,2018-09-20,1,,", "'108775015'"),
    ("since is a duplicate for its article_id", "0108775015,2018-09-01 02:00:00+02:00,0,,", None),
]


@pytest.mark.parametrize(("reason", "row", "value"), INVALID_AVAILABILITY)
def test_invalid_availability_is_refused(database, raw_dir, reason, row, value):
    write_availability(raw_dir, f"0108775015,2018-09-01,1,,\n{row}\n0108775044,2018-09-01,,,\n")

    message = error_of(database, raw_dir)

    shown = value or "'2018-09-01 02:00:00+02:00'"
    assert f"availability.csv: {reason} in 1 row (line 3: {shown}): " in message


def test_availability_needs_two_columns_and_a_row(database, raw_dir):
    write_availability(raw_dir, "0108775015,1\n", header="article_id,for_sale\n")
    assert "availability.csv has no column since: " in error_of(database, raw_dir)

    write_availability(raw_dir, "")
    assert "availability.csv has column names but no rows" in error_of(database, raw_dir)


def test_an_error_shows_the_first_three_rows_and_counts_the_others(database, raw_dir):
    bad = "2018-09-20,0001,0108775015,-1,1\n"
    write_sales(raw_dir, bad + VALID_SALE + bad * 3 + "2018-09-20,0001,0108775015,-1" + "0" * 50 + ",1\n" + VALID_SALE)

    message = error_of(database, raw_dir)

    assert "price is negative in 5 rows (line 2: '-1', line 4: '-1', line 5: '-1', ...): " in message
    assert "--quarantine FILE" in message


def test_long_values_are_cut_to_forty_characters(database, raw_dir):
    write_sales(raw_dir, f"2018-09-20,0001,0108775015,{'x' * 41},1\n2018-09-20,0001,0108775015,{'y' * 40},1\n")

    assert f"line 2: '{'x' * 37}...', line 3: '{'y' * 40}')" in error_of(database, raw_dir)


def test_other_problems_are_counted_after_the_first(database, raw_dir):
    write_sales(raw_dir, VALID_SALE + "2018-09-20,0001,0108775015,-1,1\nsoon,0001,0108775015,1,1\n,,,,\n")

    message = error_of(database, raw_dir)

    assert "customer_id is missing in 1 row (line 5: ''), and 2 more rows " in message


def test_line_numbers_account_for_line_breaks_in_values_and_blank_lines(database, raw_dir):
    write_customers(
        raw_dir,
        '0001,"two\nlines",1\n\n0002,"three\n\nlines",2\n0003,"a ""quoted"" word",old\n',
        header="customer_id,postal_code,age\n",
    )

    assert "age is not a number in 1 row (line 8: 'old')" in error_of(database, raw_dir)


def test_an_error_in_a_parquet_file_names_the_row(database, raw_dir):
    write_parquet(raw_dir, "customers", {"customer_id": ["0001", "0002", "0003"], "age": [20.0, -1.0, 30.0]})

    assert "customers.parquet: age is negative in 1 row (row 2: '-1.0')" in error_of(database, raw_dir)


def test_line_numbers_of_a_gzip_file_are_those_of_the_unpacked_file(database, raw_dir):
    (raw_dir / "transactions_train.csv").unlink()
    text = TRANSACTIONS + VALID_SALE * 3 + "soon,0001,0108775015,1,1\n"
    (raw_dir / "transactions_train.csv.gz").write_bytes(gzip.compress(text.encode()))

    assert "transactions_train.csv.gz: t_dat is not a date" in (message := error_of(database, raw_dir))
    assert "in 1 row (line 5: 'soon')" in message

"""A few rows with mistyped dates do not decide silently where the data end."""

from datetime import UTC, date, datetime

import pytest
from fixtures.raw_files import FILES, error_of, quarantined_rows, write_customers, write_sales

from features.raw.purchase_gap import find_purchase_gap
from features.raw.raw_tables import load_raw_tables

NOW = datetime(2020, 9, 23, 12, tzinfo=UTC)


def sales(*days):
    return "".join(f"{day},0001,0108775015,0.02,1\n" for day in days)


DAILY = [f"2020-{month:02d}-{day:02d}" for month in (7, 8) for day in range(1, 31)] * 4


@pytest.mark.parametrize("later", ["2020-09-23T12:00:01", "2020-09-24", "2020-09-23T13:00:00+00:30", "2099-12-31"])
def test_a_purchase_after_now_is_invalid(database, raw_dir, later):
    write_sales(raw_dir, sales("2020-09-22", later))

    message = error_of(database, raw_dir, latest=NOW)

    assert f"transactions_train.csv: t_dat is after 2020-09-23 12:00 UTC in 1 row (line 3: '{later}'): " in message
    assert "--as-of" in message
    assert "--quarantine" in message


def test_a_purchase_after_now_is_quarantined(database, raw_dir, tmp_path):
    write_sales(raw_dir, sales("2020-09-22", "2099-01-01"))

    counts = load_raw_tables(database, raw_dir, quarantine=tmp_path / "bad.csv", latest=NOW)

    assert counts.last_purchased_at == datetime(2020, 9, 22, tzinfo=UTC)
    [row] = quarantined_rows(tmp_path / "bad.csv")
    assert row["reason"] == "t_dat is after 2020-09-23 12:00 UTC"


@pytest.mark.parametrize("earlier", ["2020-09-23", "2020-09-23T12:00:00", "2020-09-23T13:59:59+02:00"])
def test_a_purchase_until_now_is_valid(database, raw_dir, earlier):
    write_sales(raw_dir, sales(earlier))

    assert load_raw_tables(database, raw_dir, latest=NOW).purchases == 1


def test_a_birth_date_after_now_is_invalid(database, raw_dir):
    write_customers(raw_dir, "0001,2021-01-01\n0002,nan\n", header="customer_id,birth_date\n")

    assert "customers.csv: birth_date is after 2020-09-23 12:00 UTC in 1 row" in error_of(database, raw_dir, latest=NOW)


@pytest.mark.parametrize(
    ("stray", "found"),
    [
        (["2020-10-01"], (date(2020, 8, 30), date(2020, 10, 1), date(2020, 10, 1), 1)),
        (["2020-09-20", "2020-11-01"], (date(2020, 8, 30), date(2020, 9, 20), date(2020, 11, 1), 2)),
        (["2020-09-07"], (date(2020, 8, 30), date(2020, 9, 7), date(2020, 9, 7), 1)),
        (["2020-09-06"], None),  # a week without purchases
        (["2020-10-01"] * 40, None),  # the shop was closed
        ([], None),
    ],
)
def test_a_gap_before_the_last_few_purchases_is_found(database, raw_dir, stray, found):
    write_sales(raw_dir, sales(*DAILY, *stray))
    load_raw_tables(database, raw_dir)

    gap = find_purchase_gap(database)

    assert (gap and (gap.last_before, gap.first_after, gap.last, gap.purchases)) == found


def test_the_warning_names_both_sides_of_the_gap_and_the_remedy(database, raw_dir):
    write_sales(raw_dir, sales(*DAILY, "2020-10-01"))
    load_raw_tables(database, raw_dir)

    warning = find_purchase_gap(database).warning

    assert "2020-10-01 with 1 purchase after 31 days" in warning
    assert "--as-of 2020-08-30T23:59:59 --quarantine" in warning


def test_the_valid_files_have_no_gap(database, raw_dir):
    assert "transactions_train.csv" in FILES
    load_raw_tables(database, raw_dir)

    assert find_purchase_gap(database) is None

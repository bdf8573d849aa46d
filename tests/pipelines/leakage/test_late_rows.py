"""A row written later than it is stamped is found, wherever it is, with what it hides from training."""

import shutil
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.leakage.differences import DifferentRow, compare

STAMPED = datetime(2020, 1, 20, tzinfo=UTC)
WRITTEN = datetime(2020, 3, 1, tzinfo=UTC)


@pytest.fixture
def with_rows(toy, toy_store, tmp_path):
    """A store one of whose tables has some rows more: values in place of those of a key's last row."""

    def with_rows(table, key, *changes):
        from pipelines.leakage.store_copy import store_copy

        tables = tmp_path / "tables"
        tables.mkdir()
        shutil.copy(toy.tables / f"{table}.parquet", tables)
        rows = pq.read_table(tables / f"{table}.parquet")
        rows = rows.cast(pa.schema([field.with_nullable(nullable=True) for field in rows.schema]))
        column = "user_id" if "user_id" in rows.column_names else "item_id"
        last = [row for row in rows.to_pylist() if row[column] == key][-1]
        more = pa.Table.from_pylist([{**last, **change} for change in changes], rows.schema)
        pq.write_table(pa.concat_tables([rows, more]), tables / f"{table}.parquet")
        return store_copy(toy_store, tmp_path / "store", tables)

    return with_rows


@pytest.fixture
def differences(tmp_path):
    """The number of late rows of each view, and the differences that they make."""

    def differences(store):
        from pipelines.leakage.late_rows import late_answers, late_rows

        late = late_rows(store, tmp_path)
        told = [compare(known, online) for known, online in late_answers(store, late)]
        assert not list(tmp_path.glob("*.parquet"))
        counts = {rows.view.name: rows.rows.num_rows for rows in late}
        return counts, {(one.view, one.column): one.rows for all_of in told for one in all_of.differences}

    return differences


def test_the_tables_as_they_are_built_have_no_late_rows(toy_store, differences):
    assert differences(toy_store) == ({}, {})


def test_a_late_row_is_named_with_what_was_known_when_it_is_stamped(with_rows, differences, toy):
    row = {"sales_7d": 999, "event_timestamp": STAMPED, "created_timestamp": WRITTEN}
    store = with_rows("item_sales_daily", "0108775007", row)
    known = pq.read_table(toy.tables / "item_sales_daily.parquet").to_pylist()
    [then] = [old for old in known if old["item_id"] == "0108775007" and old["event_timestamp"] == STAMPED]

    late, found = differences(store)

    assert late == {"item_sales_daily": 1}
    assert found["item_sales_daily", "sales_7d"] == (DifferentRow(("0108775007", STAMPED), then["sales_7d"], 999),)
    # The rest of the row is of the item's last day.
    assert ("item_sales_daily", "sales_total") in found


def test_a_late_purchase_is_named_although_no_service_reads_the_purchases(with_rows, differences):
    bought = {"item_id": "0108775060", "event_timestamp": STAMPED, "created_timestamp": WRITTEN}

    late, found = differences(with_rows("transactions", "0002", bought))

    assert late == {"transactions": 1}
    [row] = found["transactions", "price"]
    assert (row.key, row.expected) == (("0002", "0108775060", STAMPED), None)
    assert row.found > 0


def test_a_row_of_which_nobody_knows_when_it_was_written_is_late(with_rows, differences):
    row = {"prod_name": "Boots", "event_timestamp": STAMPED, "created_timestamp": None}

    late, found = differences(with_rows("item_catalog", "0108775007", row))

    assert late == {"item_catalog": 1}
    assert found == {("item_catalog", "prod_name"): (DifferentRow(("0108775007", STAMPED), "Shoes 7", "Boots"),)}


def test_a_late_row_that_says_what_was_known_is_no_difference(with_rows, differences):
    store = with_rows("user_profile", "0002", {"event_timestamp": STAMPED, "created_timestamp": WRITTEN})

    assert differences(store) == ({"user_profile": 1}, {})

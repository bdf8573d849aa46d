"""Rows created after their event timestamp are found in all views, with the features that offline reads return."""

import shutil
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.leakage.comparison import DifferentRow, compare

EVENT = datetime(2020, 1, 20, tzinfo=UTC)
CREATED = datetime(2020, 3, 1, tzinfo=UTC)


@pytest.fixture
def with_rows(toy, toy_store, tmp_path):
    """A store with additional rows in one table: copies of the last row of a key with changed values."""

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
    """The number of late rows of each view, and the differences between offline and online features."""

    def differences(store):
        from pipelines.leakage.late_rows import late_row_snapshots, late_rows

        late = late_rows(store, tmp_path)
        comparisons = [compare(offline, online) for offline, online in late_row_snapshots(store, late)]
        assert not list(tmp_path.glob("*.parquet"))
        counts = {rows.view.name: rows.rows.num_rows for rows in late}
        return counts, {
            (one.view, one.column): one.rows for comparison in comparisons for one in comparison.differences
        }

    return differences


def test_built_feature_tables_have_no_late_rows(toy_store, differences):
    assert differences(toy_store) == ({}, {})


def test_a_late_row_is_reported_with_the_value_known_at_its_event_timestamp(with_rows, differences, toy):
    row = {"sales_7d": 999, "event_timestamp": EVENT, "created_timestamp": CREATED}
    store = with_rows("item_sales_daily", "0108775007", row)
    rows = pq.read_table(toy.tables / "item_sales_daily.parquet").to_pylist()
    [known] = [old for old in rows if old["item_id"] == "0108775007" and old["event_timestamp"] == EVENT]

    late, found = differences(store)

    assert late == {"item_sales_daily": 1}
    assert found["item_sales_daily", "sales_7d"] == (DifferentRow(("0108775007", EVENT), known["sales_7d"], 999),)
    # The other values are copied from the item's last row.
    assert ("item_sales_daily", "sales_total") in found


def test_a_late_purchase_is_reported_although_no_service_reads_purchases(with_rows, differences):
    bought = {"item_id": "0108775060", "event_timestamp": EVENT, "created_timestamp": CREATED}

    late, found = differences(with_rows("transactions", "0002", bought))

    assert late == {"transactions": 1}
    [row] = found["transactions", "price"]
    assert (row.key, row.expected) == (("0002", "0108775060", EVENT), None)
    assert row.found > 0


def test_a_row_without_creation_time_is_late(with_rows, differences):
    row = {"prod_name": "Boots", "event_timestamp": EVENT, "created_timestamp": None}

    late, found = differences(with_rows("item_catalog", "0108775007", row))

    assert late == {"item_catalog": 1}
    assert found == {("item_catalog", "prod_name"): (DifferentRow(("0108775007", EVENT), "Shoes 7", "Boots"),)}


def test_a_late_row_with_unchanged_values_makes_no_difference(with_rows, differences):
    store = with_rows("user_profile", "0002", {"event_timestamp": EVENT, "created_timestamp": CREATED})

    assert differences(store) == ({"user_profile": 1}, {})

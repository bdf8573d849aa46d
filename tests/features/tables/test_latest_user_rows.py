"""The last rows of users from their purchases alone equal those that a build of all tables writes."""

from datetime import timedelta

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fixtures.feature_tables import day, write
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features.event_log import PURCHASE_SCHEMA
from features.tables.latest_user_rows import latest_user_rows

ITEMS = {
    "a": ("Trousers", "Jersey", "Basics"),
    "b": ("Trousers", None, "Basics"),
    "c": (None, None, None),
    "d": ("Hat", "Jersey", None),
}
TABLES = (
    "user_activity_daily", "user_bought_items_daily", "user_recent_items_daily", "user_lately_items_daily",
    "user_tastes_daily",
)  # fmt: skip
PURCHASES = st.lists(
    st.tuples(
        st.sampled_from(["u", "v"]),
        st.sampled_from([*ITEMS]),
        st.builds(lambda number, minutes: day(number, minutes=minutes), st.integers(1, 140), st.integers(0, 1439)),
        st.sampled_from([0.1, 0.2, 0.3, 1 / 3, 0.050830508474576264, 12_345.678901234, 0.0]),
    ),
    min_size=1,
    max_size=40,
)


def latest(purchases, items=ITEMS):
    categories = [dict(zip(("item_id", "product_type_name", "garment_group_name", "department_name"), (item, *each),
                           strict=True)) for item, each in items.items()]  # fmt: skip
    rows = [dict(zip(PURCHASE_SCHEMA.names, (*purchase, None), strict=True)) for purchase in purchases]
    schema = pa.schema([(name, pa.string()) for name in categories[0]])
    with duckdb.connect() as database:
        return latest_user_rows(
            database, pa.Table.from_pylist(rows, PURCHASE_SCHEMA), pa.Table.from_pylist(categories, schema)
        )


def built(folder, table, user, moment):
    rows = pq.read_table(folder / f"{table}.parquet").to_pylist()
    of_user = [row for row in rows if row["user_id"] == user and row["event_timestamp"] <= moment]
    return max(of_user, key=lambda row: row["event_timestamp"], default=None)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(purchases=PURCHASES)
def test_the_rows_equal_those_of_a_build(tmp_path_factory, purchases):
    folder = tmp_path_factory.mktemp("tables")
    write(folder, purchases, users=("u", "v"), items=ITEMS)

    tables = latest(purchases)

    assert set(tables) == set(TABLES)
    for name, table in tables.items():
        rows = {row["user_id"]: row for row in table.to_pylist()}
        assert set(rows) == {user for user, *_ in purchases}
        for user, row in rows.items():
            last = max(moment for buyer, _, moment, _ in purchases if buyer == user)
            morning = last.replace(hour=0, minute=0) + timedelta(days=1)
            assert row["event_timestamp"] == morning
            assert row == built(folder, name, user, morning)
        assert table.schema.remove_metadata() == pq.read_schema(folder / f"{name}.parquet").remove_metadata()


def test_the_earlier_items_of_a_user_with_more_purchases_than_a_list_holds(tmp_path, monkeypatch):
    for module in ("features.tables.feature_tables", "features.tables.latest_user_rows"):
        monkeypatch.setattr(f"{module}.MAX_BOUGHT_ITEMS", 3)
    purchases = [("u", item, day(number), 1.0) for number, item in enumerate("abcda", 1)]
    write(tmp_path, purchases, items=ITEMS)

    [row] = latest(purchases)["user_earlier_items"].to_pylist()

    assert row == built(tmp_path, "user_earlier_items", "u", day(99))
    assert row["earlier_items"] == ["a", "b", "c"]


@pytest.mark.parametrize("items", [{"a": (None, None, None)}, {"b": ("Hat", None, None)}])
def test_items_without_categories_and_unknown_items_count_in_no_category(items):
    tables = latest([("u", "a", day(1), 1.0)], items)

    [row] = tables["user_tastes_daily"].to_pylist()
    assert row["product_types"] == []
    assert tables["user_activity_daily"]["purchases_total"].to_pylist() == [1]

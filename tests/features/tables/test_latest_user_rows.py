"""The last rows of users from their purchases alone equal those that a build of all tables writes."""

from datetime import timedelta

import pyarrow.parquet as pq
import pytest
from fixtures.feature_tables import day, write
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features.event_log import microseconds
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


def latest(purchases, user="u", items=ITEMS):
    own = [(item, microseconds(moment), price) for buyer, item, moment, price in purchases if buyer == user]
    return latest_user_rows(user, *zip(*own, strict=True), items)


def built(folder, table, user, moment):
    rows = pq.read_table(folder / f"{table}.parquet").to_pylist()
    of_user = [row for row in rows if row["user_id"] == user and row["event_timestamp"] <= moment]
    return max(of_user, key=lambda row: row["event_timestamp"], default=None)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(purchases=PURCHASES)
def test_the_rows_equal_those_of_a_build(tmp_path_factory, purchases):
    folder = tmp_path_factory.mktemp("tables")
    write(folder, purchases, users=("u", "v"), items=ITEMS)

    for user in {buyer for buyer, *_ in purchases}:
        last = max(moment for buyer, _, moment, _ in purchases if buyer == user)
        morning = last.replace(hour=0, minute=0) + timedelta(days=1)
        rows = latest(purchases, user)
        assert set(rows) == set(TABLES)
        for name, row in rows.items():
            assert row["event_timestamp"] == morning
            assert row == built(folder, name, user, morning)


@pytest.mark.parametrize(
    ("bought", "earlier"), [("ab", None), ("abc", ["a", "b", "c"]), ("abcda", ["a", "b", "c"]), ("aaadbc", [*"abcd"])]
)
def test_the_earlier_items_of_a_user_with_more_purchases_than_a_list_holds(tmp_path, monkeypatch, bought, earlier):
    for module in ("features.tables.feature_tables", "features.tables.latest_user_rows"):
        monkeypatch.setattr(f"{module}.MAX_BOUGHT_ITEMS", 3)
    purchases = [("u", item, day(number), 1.0) for number, item in enumerate(bought, 1)]
    write(tmp_path, purchases, items=ITEMS)

    row = latest(purchases).get("user_earlier_items")

    assert row == built(tmp_path, "user_earlier_items", "u", day(99))
    assert (row and row["earlier_items"]) == earlier


@pytest.mark.parametrize("items", [{"a": (None, None, None)}, {"b": ("Hat", None, None)}])
def test_items_without_categories_and_unknown_items_count_in_no_category(items):
    rows = latest([("u", "a", day(1), 1.0)], items=items)

    assert rows["user_tastes_daily"]["product_types"] == []
    assert rows["user_activity_daily"]["purchases_total"] == 1

"""Whatever happens from today on, the rows stamped up to this morning are the same, to the bit."""

from datetime import datetime

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from features.raw.raw_tables import load_raw_tables
from features.raw.toy_data import write_toy_data
from features.tables import user_queries
from features.tables.feature_tables import TABLES, write_feature_tables

# Purchases from this morning on are the future; rows stamped with it or earlier know nothing of them.
TODAY = "2020-01-20 00:00:00+00:00"
DAILY = TABLES[3:]

CHANGES = {
    "other items": f"""
        update purchases set item_id = '0108775001', price = price * 3, sales_channel_id = '9'
        where purchased_at >= '{TODAY}'""",
    "other users": f"""
        update purchases set user_id = '0003' where purchased_at >= '{TODAY}'""",
    "an earlier hour": f"""
        update purchases set purchased_at = date_trunc('day', purchased_at) where purchased_at >= '{TODAY}'""",
    "nothing is bought any more": f"""
        delete from purchases where purchased_at >= '{TODAY}'""",
    "other plans": f"""
        update purchases set price = 7 where purchased_at >= '{TODAY}';
        delete from availability where since > '{TODAY}';
        insert into availability select item_id, timestamptz '{TODAY}' + interval 1 microsecond, false, null, null
        from items""",
    "a rush": f"""
        insert into purchases select user_id, item_id, timestamptz '{TODAY}', 99.0, '1' from users, items""",
}


@pytest.fixture(scope="module")
def raw_dir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("future")
    write_toy_data(folder, seed=11, users=24, items=24, days=42, availability=True)
    return folder


@pytest.fixture(scope="module")
def before(raw_dir, tmp_path_factory):
    return tables_after(raw_dir, tmp_path_factory.mktemp("before"), "select 1")


def tables_after(raw_dir, folder, change):
    with duckdb.connect() as database:
        load_raw_tables(database, raw_dir)
        database.execute(change)
        with pytest.MonkeyPatch.context() as patch:  # few users of the toy data have bought 2,000 items
            patch.setattr(user_queries, "EARLIER_ITEMS", user_queries.EARLIER_ITEMS.replace("{length}", "3"))
            write_feature_tables(database, folder)
    return {name: pq.read_table(folder / f"{name}.parquet") for name in TABLES}


def stamped(table, *, up_to_today):
    today = pa.scalar(datetime.fromisoformat(TODAY), pa.timestamp("us", tz="UTC"))
    return table.filter((pc.less_equal if up_to_today else pc.greater)(table["event_timestamp"], today))


@pytest.mark.parametrize("change", CHANGES)
def test_the_future_cannot_be_seen(raw_dir, before, tmp_path, change):
    after = tables_after(raw_dir, tmp_path, CHANGES[change])

    for name in TABLES:
        past, past_after = stamped(before[name], up_to_today=True), stamped(after[name], up_to_today=True)
        assert past.num_rows >= (3 if name == "item_availability" else 24)
        assert past_after.equals(past), name
    # The change is no small one: what is stamped later differs.
    assert any(
        not stamped(after[name], up_to_today=False).equals(stamped(before[name], up_to_today=False)) for name in DAILY
    )


def test_the_order_in_which_the_future_is_written_changes_nothing(raw_dir, before, tmp_path):
    after = tables_after(
        raw_dir,
        tmp_path,
        f"""
        create or replace table purchases as
        select * from purchases order by purchased_at >= '{TODAY}', case when purchased_at >= '{TODAY}'
        then hash(user_id || item_id || purchased_at::varchar) else epoch_us(purchased_at)::ubigint end""",
    )

    for name in TABLES:
        assert after[name].equals(before[name]), name


def test_a_change_of_yesterday_is_seen_this_morning(raw_dir, before, tmp_path):
    after = tables_after(
        raw_dir, tmp_path, f"delete from purchases where purchased_at::date = timestamptz '{TODAY}'::date - 1"
    )

    for name in DAILY:
        assert not stamped(after[name], up_to_today=True).equals(stamped(before[name], up_to_today=True)), name

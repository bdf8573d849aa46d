"""Feature tables that pandas, polars or Spark wrote again are read as the ones they replace."""

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features.tables.feature_tables import TABLES

STAMPS = ("event_timestamp", "created_timestamp")


def with_types(table, change):
    """Change the type of every column that holds text or timestamps, also in lists of text."""
    fields = [field.with_type(change(field.type)) for field in table.schema]
    return table.cast(pa.schema(fields))


def by_pandas(table):
    return pa.Table.from_pandas(pd.DataFrame(table.to_pandas(), copy=True), preserve_index=False)


def stamps_as(unit, zone="UTC"):
    def change(kind):
        return pa.timestamp(unit, zone) if pa.types.is_timestamp(kind) else kind

    return lambda table: with_types(table, change)


def text_as(kind_of_text):
    return lambda table: with_types(table, lambda kind: kind_of_text if pa.types.is_string(kind) else kind)


DIALECTS = {
    "pandas": by_pandas,
    "nanoseconds": stamps_as("ns"),
    "nanoseconds without zone": stamps_as("ns", None),
    "milliseconds": stamps_as("ms"),
    "microseconds without zone": stamps_as("us", None),
    "another zone": stamps_as("us", "Europe/Stockholm"),
    "nanoseconds in another zone": stamps_as("ns", "America/New_York"),
    "large text": text_as(pa.large_string()),
    "dictionary": text_as(pa.dictionary(pa.int32(), pa.string())),
}


@pytest.fixture(params=DIALECTS)
def rewritten(request, toy, toy_store, tmp_path):
    """A store of the toy data whose feature tables are written in another dialect."""
    from pipelines.leakage.store_copy import store_copy

    (tmp_path / "tables").mkdir()
    for name in TABLES:
        table = pq.ParquetFile(toy.tables / f"{name}.parquet").read()
        pq.write_table(DIALECTS[request.param](table), tmp_path / "tables" / f"{name}.parquet")
    return store_copy(toy_store, tmp_path / "store", tmp_path / "tables")


def test_purchases_are_the_same(rewritten, toy_store, tmp_path):
    from features.store.data_end import data_end
    from features.time_split import TimeSplit
    from features.training_data.purchases import write_purchases

    def purchases(store, folder):
        (tmp_path / folder).mkdir()
        split = TimeSplit.for_release(data_end(store))
        return write_purchases(store, split, tmp_path / folder).rows.table()

    assert purchases(rewritten, "rewritten").equals(purchases(toy_store, "original"))


def test_late_rows_are_compared(rewritten, tmp_path):
    from pipelines.leakage.late_rows import late_rows

    (tmp_path / "late").mkdir()

    assert late_rows(rewritten, tmp_path / "late") == []


def test_features_of_users_and_items_are_the_same(rewritten, toy_store):
    from features.store.catalogue import catalogue_ids, user_ids
    from features.store.data_end import data_end
    from features.store.reader import FeatureReader
    from features.store.request_services import CANDIDATE_ITEMS, CANDIDATE_REQUEST

    end = data_end(toy_store)
    assert data_end(rewritten) == end
    for ids, service in ((user_ids, CANDIDATE_REQUEST), (catalogue_ids, CANDIDATE_ITEMS)):
        own, original = (
            FeatureReader(store, "offline").read(service, ids(store, end), end) for store in (rewritten, toy_store)
        )
        assert own.equals(original)

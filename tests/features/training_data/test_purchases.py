"""Purchases are split by time, and numbered for training."""

from datetime import UTC, datetime, timedelta

import pytest

from features.errors import InputError

AS_OF = datetime(2020, 3, 1, tzinfo=UTC)
CUT = "2020-02-23"


@pytest.fixture(scope="module")
def purchases(toy_store, tmp_path_factory):
    from features.time_split import TimeSplit
    from features.training_data.purchases import write_purchases

    split = TimeSplit.for_release(AS_OF, training_days=14)
    return write_purchases(toy_store, split, tmp_path_factory.mktemp("purchases"))


def triples(table):
    return [
        (row["user_id"], row["item_id"], f"{row['event_timestamp']:%Y-%m-%d %H:%M:%S}") for row in table.to_pylist()
    ]


def expected(purchases, first, end):
    rows = [(user, item, moment) for user, item, moment, _ in purchases if first <= moment < end]
    return sorted(rows, key=lambda row: (row[2], row[0], row[1]))


def test_purchases_are_split_at_the_cut_and_none_is_lost(purchases, toy_purchases):
    assert triples(purchases.rows.table()) == expected(toy_purchases, "2020-01-01", "2020-03-01")
    assert triples(purchases.read_after_cut()) == expected(toy_purchases, CUT, "2020-03-01")
    parts = [("2020-01-01", CUT), ("2020-02-09", CUT), (CUT, "2020-03-01")]
    counts = [len(expected(toy_purchases, *part)) for part in parts]
    assert [purchases.rows_before_cut, purchases.training_rows, purchases.validation_rows] == counts
    assert purchases.rows_before_cut + purchases.validation_rows == 4975


def test_a_purchase_written_after_the_release_is_left_out(monkeypatch, tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    from features.time_split import TimeSplit
    from features.training_data.purchases import write_purchases

    moment, late = datetime(2020, 2, 10, tzinfo=UTC), datetime(2020, 3, 2, tzinfo=UTC)

    def write_source(_store, _view, _columns, path, *, known_at):
        timestamp = pa.timestamp("us", tz="UTC")
        written = pa.array([moment, AS_OF, late, None], timestamp)
        columns = {"user_id": list("abcd"), "item_id": list("xxxx"), "purchased_at": pa.array([moment] * 4, timestamp)}
        pq.write_table(pa.table({**columns, "written": written}), path)
        return path

    monkeypatch.setattr("features.training_data.purchases.write_source", write_source)
    monkeypatch.setattr("features.training_data.purchases.created_column", lambda *_: "written")

    purchases = write_purchases(None, TimeSplit.for_release(AS_OF), tmp_path)

    assert purchases.rows.table()["user_id"].to_pylist() == ["a", "b"]


def test_user_codes_follow_the_order_of_first_purchases(purchases, toy_purchases):
    codes = {}
    for user, _, _ in expected(toy_purchases, "2020-01-01", "2020-03-01"):
        codes.setdefault(user, len(codes))

    rows = purchases.rows.table().to_pylist()
    assert {(row["user_id"], row["user_code"]) for row in rows} == set(codes.items())


def test_the_history_is_all_purchases_of_the_users_and_the_last_week_of_all_users(purchases, toy_purchases):
    import pyarrow as pa

    history = purchases.read_history(pa.array(["0002", "0005", "0200"]))

    before = expected(toy_purchases, "2020-01-01", CUT)
    assert triples(history) == [row for row in before if row[0] in {"0002", "0005"} or row[2] >= "2020-02-16"]


def test_a_purchase_at_the_cut_is_for_validation_and_one_a_microsecond_before_it_for_training(monkeypatch, tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    from features.time_split import TimeSplit
    from features.training_data.purchases import write_purchases

    cut, start = datetime(2020, 2, 23, tzinfo=UTC), datetime(2020, 2, 22, tzinfo=UTC)
    tick = timedelta(microseconds=1)
    moments = [cut, cut - tick, start, start - tick]

    def write_source(_store, view, columns, path, *, known_at):
        assert (view, columns, known_at) == ("transactions", ["purchased_at"], AS_OF)
        stamps = pa.array(moments, pa.timestamp("us", tz="UTC"))
        pq.write_table(pa.table({"user_id": list("abcd"), "item_id": list("xxxx"), "purchased_at": stamps}), path)
        return path

    monkeypatch.setattr("features.training_data.purchases.write_source", write_source)
    monkeypatch.setattr("features.training_data.purchases.created_column", lambda *_: None)

    purchases = write_purchases(None, TimeSplit.for_release(AS_OF, training_days=1), tmp_path)

    assert purchases.read_after_cut()["user_id"].to_pylist() == ["a"]
    assert (purchases.rows_before_cut, purchases.training_rows, purchases.validation_rows) == (3, 2, 1)
    assert purchases.rows.table()["user_id"].to_pylist() == ["d", "c", "b", "a"]
    assert purchases.time_range == (start - tick, cut)


def test_a_refit_trains_on_the_last_days_before_the_release_and_has_no_validation(purchases, toy_purchases):
    refit = purchases.with_split(purchases.split.for_refit(9))

    assert (refit.split.start, refit.split.cut, refit.split.as_of) == (AS_OF - timedelta(days=9), AS_OF, AS_OF)
    assert refit.rows == purchases.rows
    assert refit.training_rows == sum("2020-02-21" <= moment < "2020-03-01" for _, _, moment, _ in toy_purchases)
    assert refit.rows_before_cut == purchases.rows_before_cut + purchases.validation_rows
    assert refit.validation_rows == 0


def test_a_split_that_ends_earlier_hides_what_was_not_known_by_then(monkeypatch, tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    from features.time_split import TimeSplit
    from features.training_data.purchases import write_purchases

    early, late = datetime(2020, 2, 10, tzinfo=UTC), datetime(2020, 2, 25, tzinfo=UTC)

    def write_source(_store, _view, _columns, path, *, known_at):
        timestamp = pa.timestamp("us", tz="UTC")
        bought, written = (pa.array(moments, timestamp) for moments in ([early, early, late], [early, late, late]))
        table = pa.table({"user_id": list("abc"), "item_id": list("xxx"), "purchased_at": bought, "written": written})
        pq.write_table(table, path)
        return path

    monkeypatch.setattr("features.training_data.purchases.write_source", write_source)
    monkeypatch.setattr("features.training_data.purchases.created_column", lambda *_: "written")
    purchases = write_purchases(None, TimeSplit.for_release(AS_OF), tmp_path)
    middle = datetime(2020, 2, 20, tzinfo=UTC)

    before = purchases.with_split(TimeSplit(None, middle, middle))
    after = purchases.with_split(TimeSplit(None, middle, AS_OF))

    # The purchase of b was written after the middle.
    assert (before.training_rows, before.validation_rows, before.time_range) == (1, 0, (early, early))
    assert (after.training_rows, after.validation_rows) == (2, 1)
    assert after.read_after_cut()["user_id"].to_pylist() == ["c"]


def test_purchases_end_with_those_known_at_the_release(toy_store, tmp_path):
    from features.time_split import TimeSplit
    from features.training_data.purchases import write_purchases

    # On the 10th at noon, the purchases of the 9th are the last ones known.
    split = TimeSplit.for_release(datetime(2020, 2, 10, 12, tzinfo=UTC), validation_days=2)
    after = triples(write_purchases(toy_store, split, tmp_path).read_after_cut())

    assert max(moment for _, _, moment in after)[:10] == "2020-02-09"
    assert min(moment for _, _, moment in after)[:10] == "2020-02-08"


def test_the_data_end_at_00_00_utc_after_the_last_purchase(toy_store):
    from features.store.data_end import data_end

    assert data_end(toy_store) == AS_OF


def test_a_moment_more_than_a_day_after_the_end_of_the_data_is_refused(toy_store):
    from features.store.data_end import moment_or_data_end

    assert moment_or_data_end(toy_store, None) == AS_OF
    assert moment_or_data_end(toy_store, "2020-03-02") == datetime(2020, 3, 2, tzinfo=UTC)
    with pytest.raises(InputError, match=r"No data at 2020-03-02 00:01 UTC: .* before 2020-03-01"):
        moment_or_data_end(toy_store, "2020-03-02T00:01")


def test_purchases_are_counted_as_of_a_moment(toy_store, toy_purchases):
    from features.training_data.purchases import count_purchases

    counts = [count_purchases(toy_store, datetime(2020, month, 1, 12, tzinfo=UTC)) for month in (1, 2, 3)]

    assert counts == [0, sum(moment < "2020-02-01" for _, _, moment, _ in toy_purchases), 4975]

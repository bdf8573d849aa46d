"""The purchases parted by time, and the training set joined to them."""

import csv
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from features.errors import InputError

AS_OF = datetime(2020, 3, 1, tzinfo=UTC)
CUT = "2020-02-23"


@pytest.fixture(scope="module")
def other_future(applied_project, toy):
    """The toy world with another last week: after the cut, only one item is bought, at another price."""

    def write_raw(folder):
        folder.mkdir(parents=True)
        for path in toy.raw.iterdir():
            (folder / path.name).write_bytes(path.read_bytes())
        with (folder / "transactions_train.csv").open(encoding="utf-8", newline="") as text:
            header, *rows = csv.reader(text)
        rows = [row if row[0] < CUT else [row[0], row[1], "0108775001", "9.5", "1"] for row in rows]
        with (folder / "transactions_train.csv").open("w", encoding="utf-8", newline="") as text:
            csv.writer(text, lineterminator="\n").writerows([header, *rows])

    return applied_project("other_future", write_raw)


@pytest.fixture(scope="module")
def joined(toy_store, tmp_path_factory):
    from features.store.registry import tower_schemas
    from features.time_split import TimeSplit
    from features.training_data.dataset import write_dataset

    def joined(store, *, as_of=AS_OF, training_days=14, sampled_per_day=5, seed=1):
        return write_dataset(
            store,
            tower_schemas(store, "query_tower_v3", "item_tower_v3"),
            TimeSplit.for_release(as_of, training_days=training_days),
            tmp_path_factory.mktemp("joined"),
            sampled_per_day=sampled_per_day,
            seed=seed,
            progress=lambda *_: lambda _: None,
        )

    return joined


@pytest.fixture(scope="module")
def toy_joined(joined, toy_store):
    return joined(toy_store)


@pytest.fixture(scope="module")
def other_joined(joined, other_future):
    from features.store.registry import open_feature_store

    return joined(open_feature_store(other_future.repo))


def triples(table):
    return [
        (row["user_id"], row["item_id"], f"{row['event_timestamp']:%Y-%m-%d %H:%M:%S}") for row in table.to_pylist()
    ]


def expected(purchases, first, end):
    rows = [(user, item, moment) for user, item, moment, _ in purchases if first <= moment < end]
    return sorted(rows, key=lambda row: (row[2], row[0], row[1]))


def test_purchases_are_parted_at_the_cut_and_none_is_lost(toy_joined, toy_purchases):
    purchases = toy_joined.purchases

    assert triples(purchases.rows.table()) == expected(toy_purchases, "2020-01-01", "2020-03-01")
    assert triples(purchases.after_cut()) == expected(toy_purchases, CUT, "2020-03-01")
    parts = [("2020-01-01", CUT), ("2020-02-09", CUT), (CUT, "2020-03-01")]
    counts = [len(expected(toy_purchases, *part)) for part in parts]
    assert [purchases.before, purchases.training, purchases.validation] == counts
    assert purchases.before + purchases.validation == 4975


def test_a_purchase_that_was_written_later_than_the_release_is_not_known_to_it(monkeypatch, tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    from features.time_split import TimeSplit
    from features.training_data.purchases import write_purchases

    moment, late = datetime(2020, 2, 10, tzinfo=UTC), datetime(2020, 3, 2, tzinfo=UTC)

    def write_source(_store, _view, _columns, path, *, known_at):
        stamp = pa.timestamp("us", tz="UTC")
        written = pa.array([moment, AS_OF, late, None], stamp)
        columns = {"user_id": list("abcd"), "item_id": list("xxxx"), "purchased_at": pa.array([moment] * 4, stamp)}
        pq.write_table(pa.table({**columns, "written": written}), path)
        return path

    monkeypatch.setattr("features.training_data.purchases.write_source", write_source)
    monkeypatch.setattr("features.training_data.purchases.created_column", lambda *_: "written")

    purchases = write_purchases(None, TimeSplit.for_release(AS_OF), tmp_path)

    assert purchases.rows.table()["user_id"].to_pylist() == ["a", "b"]


def test_users_are_numbered_in_the_order_of_their_first_purchase(toy_joined, toy_purchases):
    codes = {}
    for user, _, _ in expected(toy_purchases, "2020-01-01", "2020-03-01"):
        codes.setdefault(user, len(codes))

    rows = toy_joined.purchases.rows.table().to_pylist()
    assert {(row["user_id"], row["user_code"]) for row in rows} == set(codes.items())


def test_a_judge_gets_all_of_the_asked_users_history_and_everybodys_last_week(toy_joined, toy_purchases):
    import pyarrow as pa

    history = toy_joined.purchases.history(pa.array(["0002", "0005", "0200"]))

    before = expected(toy_purchases, "2020-01-01", CUT)
    assert triples(history) == [row for row in before if row[0] in {"0002", "0005"} or row[2] >= "2020-02-16"]


def test_a_purchase_at_the_cut_itself_validates_and_one_just_before_it_trains(monkeypatch, tmp_path):
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

    assert purchases.after_cut()["user_id"].to_pylist() == ["a"]
    assert (purchases.before, purchases.training, purchases.validation) == (3, 2, 1)
    assert purchases.rows.table()["user_id"].to_pylist() == ["d", "c", "b", "a"]
    assert purchases.ends == (start - tick, cut)


def test_the_last_days_before_the_release_train_and_none_validates(toy_joined, toy_purchases):
    purchases = toy_joined.purchases

    ending = purchases.ending(9)

    assert (ending.split.start, ending.split.cut, ending.split.as_of) == (AS_OF - timedelta(days=9), AS_OF, AS_OF)
    assert ending.rows == purchases.rows
    assert ending.training == sum("2020-02-21" <= moment < "2020-03-01" for _, _, moment, _ in toy_purchases)
    assert ending.before == purchases.before + purchases.validation
    assert ending.validation == 0


def test_an_earlier_release_knows_nothing_of_later_purchases(toy_store, tmp_path):
    from features.time_split import TimeSplit
    from features.training_data.purchases import write_purchases

    # On the 10th at noon, the purchases of the 9th are the last ones known.
    split = TimeSplit.for_release(datetime(2020, 2, 10, 12, tzinfo=UTC), validation_days=2)
    after = triples(write_purchases(toy_store, split, tmp_path).after_cut())

    assert max(moment for _, _, moment in after)[:10] == "2020-02-09"
    assert min(moment for _, _, moment in after)[:10] == "2020-02-08"


@pytest.mark.parametrize(
    ("moment", "name"),
    [(datetime(2020, 1, 5, tzinfo=UTC), "training"), (datetime(2020, 6, 1, tzinfo=UTC), "validation")],
)
def test_a_part_without_purchases_is_refused_by_name(joined, toy_store, moment, name):
    with pytest.raises(
        InputError, match=f"No purchase is left for {name}: .* run from 2020-01-01 to 2020-0.*; choose another --as-of"
    ):
        joined(toy_store, as_of=moment, training_days=None)


def test_the_data_end_on_the_morning_after_the_last_purchase(toy_store):
    from features.store.data_end import data_end

    assert data_end(toy_store) == AS_OF


def test_rows_in_are_rows_out_and_purchases_of_a_query_follow_each_other(toy_joined, toy_purchases):
    rows = toy_joined.training

    bought = expected(toy_purchases, "2020-02-09", CUT)
    queries = list(dict.fromkeys((user, moment) for user, _, moment in bought))
    items, asked = rows.items.table().to_pylist(), rows.queries.table().to_pylist()
    users = {row["user_code"]: row["user_id"] for row in asked}
    assert triples_of(items, users) == bought
    assert [(row["user_id"], f"{row['event_timestamp']:%Y-%m-%d %H:%M:%S}") for row in asked] == queries
    assert rows.purchases_per_day.sum() == len(bought) == toy_joined.purchases.training
    assert rows.queries_per_day.sum() == len(queries)


def triples_of(items, users):
    return [(users[row["user_code"]], row["item_id"], f"{row['event_timestamp']:%Y-%m-%d %H:%M:%S}") for row in items]


def test_a_user_who_buys_several_things_at_one_moment_asks_once(toy, toy_store, tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    from features.parquet_rows import ParquetRows
    from features.store.registry import tower_schemas
    from features.time_split import TimeSplit
    from features.training_data.purchases import Purchases
    from features.training_data.training_set import write_training_set

    moments = [datetime(2020, 2, 10, hour, tzinfo=UTC) for hour in (1, 1, 1, 2, 2)]
    table = pa.table(
        {
            "user_id": ["a", "b", "b", "b", "b"],
            "item_id": ["x", "x", "y", "x", "x"],
            "event_timestamp": pa.array(moments, pa.timestamp("us", tz="UTC")),
            "user_code": pa.array([1, 0, 0, 0, 0], pa.int32()),
            "new": [True, True, True, True, True],
        }
    )
    pq.write_table(table, tmp_path / "purchases.parquet")
    split = TimeSplit(None, datetime(2020, 2, 11, tzinfo=UTC), AS_OF)
    purchases = Purchases(ParquetRows((tmp_path / "purchases.parquet",)), split, 5, 5, 0, (moments[0], moments[-1]))

    rows = write_training_set(
        toy_store,
        tower_schemas(toy_store, "query_tower_v3", "item_tower_v3"),
        purchases,
        pa.array(["x", "y"]),
        tmp_path,
        sampled_per_day=0,
        seed=1,
        progress=lambda *_: lambda _: None,
    )

    assert rows.queries.table()["user_id"].to_pylist() == ["a", "b", "b"]
    assert rows.items.table()["item_id"].to_pylist() == ["x", "x", "y", "x", "x"]
    assert (rows.queries_per_day.tolist(), rows.purchases_per_day.tolist()) == ([3], [5])
    assert rows.sampled_items.num_rows == 0
    assert sorted(path.name for path in tmp_path.glob("*.parquet")) == [
        "items.parquet",
        "purchases.parquet",
        "queries.parquet",
        "sampled_items.parquet",
    ]


def test_days_count_their_purchases_and_items_are_drawn_for_each_as_of_its_morning(toy_joined, toy_purchases):
    rows = toy_joined.training

    days = [moment[:10] for _, _, moment in expected(toy_purchases, "2020-02-09", CUT)]
    assert rows.purchases_per_day.tolist() == [days.count(f"2020-02-{day:02d}") for day in range(9, 23)]
    assert (rows.sampled_per_day, rows.catalogue_size, rows.sampled_items.num_rows) == (5, 60, 70)
    mornings = [f"{moment:%Y-%m-%d %H:%M}" for moment in rows.sampled_items.table()["event_timestamp"].to_pylist()]
    assert mornings == [f"2020-02-{day:02d} 00:00" for day in range(9, 23) for _ in range(5)]


def test_no_more_items_are_drawn_than_there_are(joined, toy_store):
    rows = joined(toy_store, training_days=1, sampled_per_day=2048).training

    assert (rows.sampled_per_day, rows.sampled_items.num_rows) == (60, 60)


def test_the_draw_follows_the_seed(joined, toy_store, toy_joined):
    first, again, other = (
        data.training.sampled_items.table() for data in (toy_joined, joined(toy_store), joined(toy_store, seed=2))
    )

    assert again.equals(first)
    assert not other["item_id"].equals(first["item_id"])


def test_what_is_trained_on_and_asked_does_not_depend_on_what_happens_after_the_cut(toy_joined, other_joined):
    assert not other_joined.purchases.after_cut().equals(toy_joined.purchases.after_cut())
    for name in ("queries", "items", "sampled_items"):
        assert getattr(other_joined.training, name).table().equals(getattr(toy_joined.training, name).table())
    users = toy_joined.validation.user_ids
    assert other_joined.purchases.history(users).equals(toy_joined.purchases.history(users))
    assert other_joined.validation.queries.equals(toy_joined.validation.queries)
    assert other_joined.validation.catalogue.equals(toy_joined.validation.catalogue)


def test_the_validation_asks_all_who_come_back_as_of_the_cut_and_no_one_else(toy_joined, toy_purchases):
    asked = toy_joined.validation

    before = {user for user, _, moment, _ in toy_purchases if moment < CUT}
    after = {user for user, _, moment, _ in toy_purchases if moment >= CUT}
    assert asked.user_ids.to_pylist() == sorted(before & after)
    assert asked.item_ids.to_pylist() == [f"{number:010d}" for number in range(108_775_001, 108_775_061)]
    sold = Counter(item for _, item, moment, _ in toy_purchases if moment < CUT)
    assert asked.catalogue["sales_total"].to_pylist() == [sold[item] or None for item in asked.item_ids.to_pylist()]


def test_moments_more_than_a_day_beyond_the_data_are_refused(toy_store):
    from features.store.data_end import moment_or_data_end

    assert moment_or_data_end(toy_store, None) == AS_OF
    assert moment_or_data_end(toy_store, "2020-03-02") == datetime(2020, 3, 2, tzinfo=UTC)
    with pytest.raises(InputError, match="Nothing is known of 2020-03-02 00:01 UTC: the last purchases are of the day"):
        moment_or_data_end(toy_store, "2020-03-02T00:01")

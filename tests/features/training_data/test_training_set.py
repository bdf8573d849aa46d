"""Training set and validation set are point-in-time joins of the purchases."""

import csv
from collections import Counter
from datetime import UTC, datetime

import pytest

from features.errors import InputError

AS_OF = datetime(2020, 3, 1, tzinfo=UTC)
CUT = "2020-02-23"


@pytest.fixture(scope="module")
def other_future(applied_project, toy):
    """The toy data with another last week: after the cut, all purchases are of one item at another price."""

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
def write(toy_store, tmp_path_factory):
    from features.store.registry import tower_schemas
    from features.time_split import TimeSplit
    from features.training_data.dataset import write_dataset

    def write(store, *, as_of=AS_OF, training_days=14, sampled_per_day=5, seed=1):
        return write_dataset(
            store,
            tower_schemas(store, "query_tower_v3", "item_tower_v3"),
            TimeSplit.for_release(as_of, training_days=training_days),
            tmp_path_factory.mktemp("dataset"),
            sampled_per_day=sampled_per_day,
            seed=seed,
            progress=lambda *_: lambda _: None,
        )

    return write


@pytest.fixture(scope="module")
def toy_dataset(write, toy_store):
    return write(toy_store)


@pytest.fixture(scope="module")
def other_dataset(write, other_future):
    from features.store.registry import open_feature_store

    return write(open_feature_store(other_future.repo))


def expected(purchases, first, end):
    rows = [(user, item, moment) for user, item, moment, _ in purchases if first <= moment < end]
    return sorted(rows, key=lambda row: (row[2], row[0], row[1]))


@pytest.mark.parametrize(
    ("moment", "name"),
    [(datetime(2020, 1, 5, tzinfo=UTC), "training"), (datetime(2020, 6, 1, tzinfo=UTC), "validation")],
)
def test_a_part_without_purchases_is_refused_with_the_range_of_known_purchases(write, toy_store, moment, name):
    with pytest.raises(InputError, match=rf"No purchases for {name}: .* from 2020-01-01 to 2020-0.*--as-of"):
        write(toy_store, as_of=moment, training_days=None)


def test_each_purchase_has_a_row_and_those_of_a_query_are_consecutive(toy_dataset, toy_purchases):
    rows = toy_dataset.training

    bought = expected(toy_purchases, "2020-02-09", CUT)
    queries = list(dict.fromkeys((user, moment) for user, _, moment in bought))
    query_rows = rows.queries.table().to_pylist()
    users = {row["user_code"]: row["user_id"] for row in query_rows}
    assert [
        (users[row["user_code"]], row["item_id"], f"{row['event_timestamp']:%Y-%m-%d %H:%M:%S}")
        for row in rows.items.table().to_pylist()
    ] == bought
    assert [(row["user_id"], f"{row['event_timestamp']:%Y-%m-%d %H:%M:%S}") for row in query_rows] == queries
    assert rows.purchases_per_day.sum() == len(bought) == toy_dataset.purchases.training_rows
    assert rows.queries_per_day.sum() == len(queries)


def test_several_purchases_of_a_user_at_one_moment_are_one_query(toy, toy_store, tmp_path):
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


def test_items_are_sampled_for_each_day_with_purchases_as_of_00_00_utc(toy_dataset, toy_purchases):
    rows = toy_dataset.training

    days = [moment[:10] for _, _, moment in expected(toy_purchases, "2020-02-09", CUT)]
    assert rows.purchases_per_day.tolist() == [days.count(f"2020-02-{day:02d}") for day in range(9, 23)]
    assert (rows.sampled_per_day, rows.catalogue_size, rows.sampled_items.num_rows) == (5, 60, 70)
    mornings = [f"{moment:%Y-%m-%d %H:%M}" for moment in rows.sampled_items.table()["event_timestamp"].to_pylist()]
    assert mornings == [f"2020-02-{day:02d} 00:00" for day in range(9, 23) for _ in range(5)]


def test_no_more_items_are_sampled_than_the_catalogue_has(write, toy_store):
    rows = write(toy_store, training_days=1, sampled_per_day=2048).training

    assert (rows.sampled_per_day, rows.sampled_items.num_rows) == (60, 60)


def test_the_sample_depends_on_the_seed(write, toy_store, toy_dataset):
    first, again, other = (
        data.training.sampled_items.table() for data in (toy_dataset, write(toy_store), write(toy_store, seed=2))
    )

    assert again.equals(first)
    assert not other["item_id"].equals(first["item_id"])


def test_training_and_validation_features_do_not_depend_on_purchases_after_the_cut(toy_dataset, other_dataset):
    assert not other_dataset.purchases.read_after_cut().equals(toy_dataset.purchases.read_after_cut())
    for name in ("queries", "items", "sampled_items"):
        assert getattr(other_dataset.training, name).table().equals(getattr(toy_dataset.training, name).table())
    users = toy_dataset.validation.user_ids
    assert other_dataset.purchases.read_history(users).equals(toy_dataset.purchases.read_history(users))
    assert other_dataset.validation.queries.equals(toy_dataset.validation.queries)
    assert other_dataset.validation.catalogue.equals(toy_dataset.validation.catalogue)


def test_the_validation_set_holds_the_returning_users_and_the_catalogue_as_of_the_cut(toy_dataset, toy_purchases):
    validation = toy_dataset.validation

    before = {user for user, _, moment, _ in toy_purchases if moment < CUT}
    after = {user for user, _, moment, _ in toy_purchases if moment >= CUT}
    assert validation.user_ids.to_pylist() == sorted(before & after)
    assert validation.item_ids.to_pylist() == [f"{number:010d}" for number in range(108_775_001, 108_775_061)]
    sold = Counter(item for _, item, moment, _ in toy_purchases if moment < CUT)
    assert validation.catalogue["sales_total"].to_pylist() == [
        sold[item] or None for item in validation.item_ids.to_pylist()
    ]

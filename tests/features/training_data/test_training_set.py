"""Training sets and validation set are point-in-time joins of the purchases."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import numpy as np
import pytest
from fixtures.raw_files import copy_with_other_sales

AS_OF = datetime(2020, 3, 1, tzinfo=UTC)
CUT = "2020-02-23"


@pytest.fixture(scope="module")
def other_future(applied_project, toy):
    """The toy data with another last week: after the cut, all purchases are of one item at another price."""

    def change(rows):
        return [row if row[0] < CUT else [row[0], row[1], "0108775001", "9.5", "1"] for row in rows]

    return applied_project("other_future", lambda folder: copy_with_other_sales(toy.raw, folder, change))


@pytest.fixture(scope="module")
def write(toy_store, tmp_path_factory):
    """Writes the purchases and the training sets of some splits, by default of 14 days before the cut."""
    from features.store.registry import tower_schemas
    from features.time_split import TimeSplit
    from features.training_data.purchases import write_purchases
    from features.training_data.training_set import write_training_sets
    from features.training_data.validation_set import read_validation_set

    def write(store, *, splits=None, training_days=14, sampled=(5, 5, 10_000), seed=1):
        from features.store.catalogue import catalogue_ids

        folder = tmp_path_factory.mktemp("training_sets")
        split = TimeSplit.for_release(AS_OF, training_days=training_days)
        schemas = tower_schemas(store, "query_tower_v3", "item_tower_v3")
        purchases = write_purchases(store, split, folder)
        sets = write_training_sets(
            store,
            schemas,
            purchases,
            splits or [split],
            folder,
            settings=settings_of(*sampled),
            seed=seed,
            progress=lambda *_: lambda _: None,
        )
        users = purchases.read_returning_users()
        validation = read_validation_set(store, schemas, users, catalogue_ids(store, split.cut), split.cut)
        return SimpleNamespace(purchases=purchases, training=sets[0], sets=sets, validation=validation, users=users)

    return write


def settings_of(per_day, per_batch, batch_size):
    return SimpleNamespace(sampled_per_day=per_day, sampled_per_batch=per_batch, batch_size=batch_size)


def days_before_release(*days):
    """Splits whose training parts end some days before the release."""
    from features.time_split import TimeSplit

    return [
        TimeSplit(AS_OF - timedelta(days=start), AS_OF - timedelta(days=end), AS_OF - timedelta(days=end))
        for start, end in days
    ]


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
    from features.training_data.training_set import write_training_sets

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

    [rows] = write_training_sets(
        toy_store,
        tower_schemas(toy_store, "query_tower_v3", "item_tower_v3"),
        purchases,
        [split],
        tmp_path,
        settings=settings_of(0, 2, 5),
        seed=1,
        progress=lambda *_: lambda _: None,
    )

    assert rows.queries.table()["user_id"].to_pylist() == ["a", "b", "b"]
    assert rows.items.table()["item_id"].to_pylist() == ["x", "x", "y", "x", "x"]
    assert (rows.queries_per_day.tolist(), rows.purchases_per_day.tolist()) == ([3], [5])
    assert rows.sampled_items.num_rows == 0
    assert sorted(path.name for path in tmp_path.glob("*.parquet")) == [
        "items-0.parquet",
        "purchases.parquet",
        "queries-0.parquet",
        "sampled_items-0.parquet",
    ]


def test_items_are_sampled_for_each_day_with_purchases_as_of_00_00_utc(toy_dataset, toy_purchases):
    rows = toy_dataset.training

    days = [moment[:10] for _, _, moment in expected(toy_purchases, "2020-02-09", CUT)]
    assert rows.purchases_per_day.tolist() == [days.count(f"2020-02-{day:02d}") for day in range(9, 23)]
    assert (rows.sampled_per_day.tolist(), rows.sampled_items.num_rows) == ([5] * 14, 70)
    assert rows.catalogue_sizes.tolist() == [60] * 14
    mornings = [f"{moment:%Y-%m-%d %H:%M}" for moment in rows.sampled_items.table()["event_timestamp"].to_pylist()]
    assert mornings == [f"2020-02-{day:02d} 00:00" for day in range(9, 23) for _ in range(5)]


def test_no_more_items_are_sampled_than_the_catalogue_has(write, toy_store):
    rows = write(toy_store, training_days=1, sampled=(2048, 2048, 10_000)).training

    assert (rows.sampled_per_day.tolist(), rows.sampled_items.num_rows) == ([60], 60)


def test_a_day_has_as_many_sampled_items_as_its_batches_use(write, toy_store, toy_dataset):
    per_day = toy_dataset.training.purchases_per_day
    size = int(np.median(per_day))

    rows = write(toy_store, sampled=(6, 4, size)).training

    # One batch of the day uses 4 items. Two of them could use 8, but a day has at most 6.
    assert rows.sampled_per_day.tolist() == [4 if purchases <= size else 6 for purchases in per_day.tolist()]
    assert set(rows.sampled_per_day.tolist()) == {4, 6}


def test_only_items_known_at_the_start_of_a_day_are_sampled(monkeypatch):
    import pyarrow as pa

    from features.training_data import catalogue_samples

    known = ["2020-01-01 00:00", "2020-01-02 00:00", "2020-01-02 00:01"]
    moments = pa.array([datetime.fromisoformat(text).replace(tzinfo=UTC) for text in known], pa.timestamp("us", "UTC"))
    catalogue = pa.table({"item_id": ["b", "a", "c"], "event_timestamp": moments})
    monkeypatch.setattr(catalogue_samples, "catalogue_history", lambda *_: catalogue)
    days = np.array(["2019-12-31", "2020-01-01", "2020-01-02", "2020-01-03"], "datetime64[D]")

    samples = catalogue_samples.CatalogueSamples.plan(None, AS_OF, days, np.full(4, 30), settings_of(100, 2, 1), seed=1)

    drawn = [sorted(set(batch["item_id"].to_pylist())) for batch in samples.draw()]
    assert (samples.sizes.tolist(), samples.counts.tolist()) == ([0, 1, 2, 3], [0, 1, 2, 3])
    assert drawn[:2] == [[], ["b"]]
    assert set(drawn[2]) <= {"a", "b"}


def test_days_of_several_training_sets_are_joined_once_and_equal_those_of_one_alone(write, toy_store):
    splits = days_before_release((21, 14), (17, 7), (12, 0))

    together = write(toy_store, splits=splits).sets
    alone = [write(toy_store, splits=[split]).training for split in splits]

    for one, other in zip(together, alone, strict=True):
        for name in ("queries", "items", "sampled_items"):
            assert getattr(one, name).table().equals(getattr(other, name).table())
        for name in ("queries_per_day", "purchases_per_day", "sampled_per_day", "catalogue_sizes"):
            assert getattr(one, name).tolist() == getattr(other, name).tolist()
    # Days 21-17, 17-14, 14-12, 12-7 and 7-0: the second and the fourth part belong to two of the sets.
    assert [len(rows.items.paths) for rows in together] == [2, 3, 2]
    assert len({path for rows in together for path in rows.items.paths}) == 5


def test_training_sets_that_are_divided_within_a_day_are_refused(write, toy_store):
    from features.time_split import TimeSplit

    noon = AS_OF - timedelta(days=7, hours=12)

    with pytest.raises(ValueError, match="00:00 UTC"):
        write(toy_store, splits=[TimeSplit(None, AS_OF, AS_OF), TimeSplit(None, noon, noon)])


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
    users = toy_dataset.users
    assert other_dataset.purchases.read_history(users).equals(toy_dataset.purchases.read_history(users))
    assert other_dataset.validation.queries.equals(toy_dataset.validation.queries)
    assert other_dataset.validation.catalogue.equals(toy_dataset.validation.catalogue)


def test_the_validation_set_holds_the_returning_users_and_the_catalogue_as_of_the_cut(toy_dataset, toy_purchases):
    validation = toy_dataset.validation

    before = {user for user, _, moment, _ in toy_purchases if moment < CUT}
    after = {user for user, _, moment, _ in toy_purchases if moment >= CUT}
    assert validation.queries["user_id"].to_pylist() == sorted(before & after)
    items = validation.catalogue["item_id"].to_pylist()
    assert items == [f"{number:010d}" for number in range(108_775_001, 108_775_061)]
    sold = Counter(item for _, item, moment, _ in toy_purchases if moment < CUT)
    assert validation.catalogue["sales_total"].to_pylist() == [sold[item] or None for item in items]

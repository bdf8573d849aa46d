"""The purchases parted by time, and the training set joined to them."""

import csv
from datetime import UTC, datetime, timedelta

import numpy as np
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
def joined(toy_store):
    from features.catalogue import catalogue_ids
    from features.feature_store import tower_schemas
    from features.purchases import read_purchases
    from features.time_split import TimeSplit
    from features.training_set import training_set
    from features.validation_set import validation_set

    def joined(store, *, training_days=14, sampled_per_day=5, seed=1):
        split = TimeSplit.ending(AS_OF, training_days=training_days)
        schemas = tower_schemas(store, "query_tower_v2", "item_tower_v2")
        purchases = read_purchases(store, split)
        ids = catalogue_ids(store, split.cut)
        rows = training_set(
            store,
            schemas,
            purchases,
            ids,
            sampled_per_day=sampled_per_day,
            seed=seed,
            progress=lambda *_: lambda _: None,
        )
        return purchases, rows, validation_set(store, schemas, purchases, ids, split)

    return joined


@pytest.fixture(scope="module")
def toy_joined(joined, toy_store):
    return joined(toy_store)


def triples(table):
    return [
        (row["user_id"], row["item_id"], f"{row['event_timestamp']:%Y-%m-%d %H:%M:%S}") for row in table.to_pylist()
    ]


def test_purchases_are_parted_at_the_cut_and_none_is_lost(toy_joined, toy_purchases):
    purchases, _, _ = toy_joined

    def expected(first, end):
        rows = [(user, item, moment) for user, item, moment, _ in toy_purchases if first <= moment < end]
        return sorted(rows, key=lambda row: (row[2], row[0], row[1]))

    assert triples(purchases.before) == expected("2020-01-01", CUT)
    assert triples(purchases.training) == expected("2020-02-09", CUT)
    assert triples(purchases.validation) == expected(CUT, "2020-03-01")
    assert purchases.before.num_rows + purchases.validation.num_rows == 4975


def test_a_purchase_at_the_cut_itself_validates_and_one_just_before_it_trains(monkeypatch):
    import pyarrow as pa

    from features.purchases import read_purchases
    from features.time_split import TimeSplit

    def read_source(_store, view, columns, *, known_at):
        assert (view, columns, known_at) == ("transactions", ["purchased_at"], AS_OF)
        cut, start = datetime(2020, 2, 23, tzinfo=UTC), datetime(2020, 2, 22, tzinfo=UTC)
        tick = timedelta(microseconds=1)
        moments = [cut, cut - tick, start, start - tick]
        return pa.table(
            {
                "user_id": list("abcd"),
                "item_id": list("xxxx"),
                "purchased_at": pa.array(moments, pa.timestamp("us", tz="UTC")),
                "event_timestamp": pa.array(moments, pa.timestamp("us", tz="UTC")),
            }
        )

    monkeypatch.setattr("features.purchases.read_source", read_source)

    purchases = read_purchases(None, TimeSplit.ending(AS_OF, training_days=1))

    assert purchases.validation["user_id"].to_pylist() == ["a"]
    assert purchases.training["user_id"].to_pylist() == ["c", "b"]
    assert purchases.before["user_id"].to_pylist() == ["d", "c", "b"]


def test_an_earlier_release_knows_nothing_of_later_purchases(toy_store):
    from features.purchases import read_purchases
    from features.time_split import TimeSplit

    # On the 10th at noon, the purchases of the 9th are the last ones known.
    split = TimeSplit.ending(datetime(2020, 2, 10, 12, tzinfo=UTC), validation_days=2)
    purchases = read_purchases(toy_store, split)

    assert max(moment for _, _, moment in triples(purchases.validation))[:10] == "2020-02-09"
    assert min(moment for _, _, moment in triples(purchases.validation))[:10] == "2020-02-08"


@pytest.mark.parametrize(
    ("moment", "name"),
    [(datetime(2020, 1, 5, tzinfo=UTC), "training"), (datetime(2020, 6, 1, tzinfo=UTC), "validation")],
)
def test_a_part_without_purchases_is_refused_by_name(toy_store, moment, name):
    from features.purchases import read_purchases
    from features.time_split import TimeSplit

    with pytest.raises(InputError, match=f"No purchase is left for {name}: .* choose another --as-of"):
        read_purchases(toy_store, TimeSplit.ending(moment))


def test_the_data_end_on_the_morning_after_the_last_purchase(toy_store):
    from features.purchases import data_end

    assert data_end(toy_store) == AS_OF


def test_rows_in_are_rows_out_and_every_purchase_finds_its_query(toy_joined):
    purchases, rows, _ = toy_joined

    assert rows.items.num_rows == len(rows.query_rows) == len(rows.days) == purchases.training.num_rows
    assert rows.items["item_id"].to_pylist() == purchases.training["item_id"].to_pylist()
    for name in ("user_id", "event_timestamp"):
        found = rows.queries[name].combine_chunks().take(rows.query_rows)
        assert found.to_pylist() == purchases.training[name].to_pylist()


def test_a_user_who_buys_several_things_at_one_moment_asks_once(toy_store, joined, monkeypatch):
    import pyarrow as pa

    from features.training_set import _distinct

    stamps = pa.array([1, 1, 1, 2, 2], pa.timestamp("us", tz="UTC"))
    rows = pa.table({"user_id": ["b", "a", "b", "b", "b"], "event_timestamp": stamps})

    distinct, places = _distinct(rows)

    assert distinct["user_id"].to_pylist() == ["b", "a", "b"]
    assert places.tolist() == [0, 1, 0, 2, 2]


def test_days_are_numbered_from_the_first_and_items_are_drawn_for_each_as_of_its_morning(toy_joined):
    purchases, rows, _ = toy_joined

    first = datetime(2020, 2, 9, tzinfo=UTC)
    assert rows.days.tolist() == [(moment - first).days for moment in purchases.training["event_timestamp"].to_pylist()]
    assert (rows.sampled_per_day, rows.catalogue_size, rows.sampled_items.num_rows) == (5, 60, 70)
    mornings = [f"{moment:%Y-%m-%d %H:%M}" for moment in rows.sampled_items["event_timestamp"].to_pylist()]
    assert mornings == [f"2020-02-{day:02d} 00:00" for day in range(9, 23) for _ in range(5)]


def test_no_more_items_are_drawn_than_there_are(joined, toy_store):
    _, rows, _ = joined(toy_store, training_days=1, sampled_per_day=2048)

    assert (rows.sampled_per_day, rows.sampled_items.num_rows) == (60, 60)


def test_the_draw_follows_the_seed(joined, toy_store, toy_joined):
    _, again, _ = joined(toy_store)
    _, other, _ = joined(toy_store, seed=2)

    assert again.sampled_items.equals(toy_joined[1].sampled_items)
    assert not other.sampled_items["item_id"].equals(toy_joined[1].sampled_items["item_id"])


def test_what_is_trained_on_and_asked_does_not_depend_on_what_happens_after_the_cut(joined, toy_joined, other_future):
    from features.feature_store import open_feature_store

    purchases, rows, asked = toy_joined
    other_purchases, other_rows, other_asked = joined(open_feature_store(other_future.repo))

    assert not other_purchases.validation.equals(purchases.validation)
    assert other_purchases.before.equals(purchases.before)
    for name in ("queries", "items", "sampled_items"):
        assert getattr(other_rows, name).equals(getattr(rows, name))
    np.testing.assert_array_equal(other_rows.query_rows, rows.query_rows)
    assert other_asked.queries.equals(asked.queries)
    assert other_asked.catalogue.equals(asked.catalogue)


def test_the_validation_asks_all_who_come_back_as_of_the_cut_and_no_one_else(toy_joined, toy_purchases):
    _, _, asked = toy_joined

    before = {user for user, _, moment, _ in toy_purchases if moment < CUT}
    after = {user for user, _, moment, _ in toy_purchases if moment >= CUT}
    assert asked.user_ids.to_pylist() == sorted(before & after)
    assert asked.catalogue["item_id"].to_pylist() == [f"{number:010d}" for number in range(108_775_001, 108_775_061)]
    for table in (asked.queries, asked.catalogue):
        assert set(table["event_timestamp"].to_pylist()) == {datetime(2020, 2, 23, tzinfo=UTC)}


def test_moments_more_than_a_day_beyond_the_data_are_refused(toy_store):
    from features.purchases import moment_or_data_end

    assert moment_or_data_end(toy_store, None) == AS_OF
    assert moment_or_data_end(toy_store, "2020-03-02") == datetime(2020, 3, 2, tzinfo=UTC)
    with pytest.raises(InputError, match="Nothing is known of 2020-03-02 00:01 UTC: the last purchases are of the day"):
        moment_or_data_end(toy_store, "2020-03-02T00:01")

"""Materialization in windows leaves the same rows online as materialization from scratch."""

import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from features.errors import InputError

EARLY = datetime(2020, 1, 3, 9, 30, tzinfo=UTC)
MIDNIGHT = datetime(2020, 2, 5, tzinfo=UTC)
MIDDLE = datetime(2020, 2, 5, 13, 45, 7, 123456, tzinfo=UTC)
LATE = datetime(2020, 2, 20, tzinfo=UTC)
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
FULL = {"user_profile"}
VIEWS = [
    "user_activity_daily",
    "user_bought_items_daily",
    "user_lately_items_daily",
    "user_profile",
    "user_recent_items_daily",
    "user_tastes_daily",
]


@pytest.fixture
def open_copy(toy, tmp_path):
    """Open a copy of the toy project with an empty online store; feature tables in `tables` replace its own."""

    def open_copy(name="copy", tables=None):
        from features.store.materialization import _empty
        from features.store.registry import online_views, open_feature_store
        from pipelines.leakage.store_copy import store_copy

        store = store_copy(open_feature_store(toy.repo), tmp_path / name, tables)
        _empty(store, online_views(store))
        return store

    return open_copy


@pytest.fixture
def store(open_copy):
    return open_copy()


@pytest.fixture
def fill(store):
    from features.store.materialization import fill_online_store

    return lambda moment, **options: fill_online_store(store, moment, **{"from_scratch": False, **options})


def online_rows(store):
    """All rows of the online store, by view: key, feature, value and both timestamps."""
    with closing(sqlite3.connect(store.config.online_store.path)) as connection:
        columns = "entity_key, feature_name, value, event_ts, created_ts"
        return {
            view: connection.execute(
                f'select {columns} from "{store.project}_{view}" order by entity_key, feature_name'
            ).fetchall()
            for view in VIEWS
        }


def rows_at(store, view, moment):
    return [row for row in online_rows(store)[view] if row[3] == moment.timestamp()]


def test_a_store_that_was_never_filled_is_refused_with_a_view_that_is_not_online(store):
    from features.store.materialization import filled_until

    with pytest.raises(
        InputError, match=r"'user_activity_daily' has not been materialized: run `python jobs/materialize\.py`"
    ):
        filled_until(store)


def test_the_first_materialization_reads_all_online_views_from_the_beginning(store, fill):
    from features.store.materialization import filled_until

    filled = fill(MIDDLE)

    assert filled.starts == dict.fromkeys(VIEWS, BEGINNING)
    assert (len(filled.starts), filled.declared, filled.incremental) == (6, 10, 0)
    assert filled_until(store) == MIDDLE


@pytest.mark.parametrize("windows", [[MIDNIGHT, LATE], [EARLY, MIDDLE, MIDDLE, LATE]], ids=str)
def test_windows_leave_the_same_rows_online_as_one_from_scratch(open_copy, store, fill, windows):
    from features.store.materialization import fill_online_store, filled_until

    for moment in windows:
        filled = fill(moment)
    other = open_copy("other")
    fill_online_store(other, LATE, from_scratch=True)

    assert filled.starts == {view: BEGINNING if view in FULL else windows[-2] for view in VIEWS}
    assert filled.incremental == 5
    assert filled_until(store) == LATE
    rows, expected = online_rows(store), online_rows(other)
    assert rows == expected
    assert all(rows[view] for view in VIEWS)


def test_a_row_stamped_at_the_end_of_a_window_is_online_after_it_and_after_the_next(open_copy, store, fill):
    from features.store.materialization import fill_online_store

    fill(MIDNIGHT)
    before = rows_at(store, "user_activity_daily", MIDNIGHT)
    fill(MIDNIGHT + timedelta(hours=1))
    other = open_copy("other")
    fill_online_store(other, MIDNIGHT - timedelta(microseconds=1), from_scratch=True)

    assert len(before) > 8
    assert rows_at(store, "user_activity_daily", MIDNIGHT) == before
    assert rows_at(other, "user_activity_daily", MIDNIGHT) == []


def test_windows_and_from_scratch_agree_on_a_view_whose_values_expire(open_copy):
    from features.store.materialization import fill_online_store

    stores = [open_copy(name) for name in ("one", "other")]
    for store in stores:
        view = store.get_feature_view("user_activity_daily")
        view.ttl = timedelta(days=3)
        store.apply(view)
    for moment in (MIDDLE, LATE):
        fill_online_store(stores[0], moment, from_scratch=False)
    fill_online_store(stores[1], LATE, from_scratch=True)

    assert stores[0].get_feature_view("user_activity_daily").ttl == timedelta(days=3)
    assert online_rows(stores[0]) == online_rows(stores[1])


def test_filling_to_the_same_moment_again_changes_nothing(store, fill):
    fill(MIDNIGHT)
    before = online_rows(store)

    filled = fill(MIDNIGHT)

    assert filled.starts["user_activity_daily"] == MIDNIGHT
    assert online_rows(store) == before


def test_a_view_with_a_window_that_was_materialized_by_hand_is_read_from_the_beginning(store, fill):
    store.materialize(EARLY, MIDDLE, feature_views=["user_activity_daily"])

    assert fill(MIDDLE).starts == dict.fromkeys(VIEWS, BEGINNING)


def replaced(toy, folder, view, change):
    """A folder with a view's table after a change of its data frame."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder.mkdir()
    table = pq.read_table(toy.tables / f"{view}.parquet")
    frame = change(table.to_pandas())
    pq.write_table(pa.Table.from_pandas(frame, table.schema, preserve_index=False), folder / f"{view}.parquet")
    return folder


def later_store(store, open_copy, tables):
    """The store with the same registry and online store, and other feature tables."""
    other = open_copy("later", tables)
    for view in store.list_batch_feature_views():
        for start, end in view.materialization_intervals:
            other.registry.apply_materialization(view, other.project, start, end)
    shutil.copy(store.config.online_store.path, other.config.online_store.path)
    return other


def test_a_changed_user_without_history_is_online_after_the_next_window(store, fill, open_copy, toy, tmp_path):
    from features.store.consistency import count_inconsistent
    from features.store.materialization import fill_online_store
    from features.store.reader import FeatureReader

    fill(MIDDLE)
    tables = replaced(toy, tmp_path / "tables", "user_profile", lambda rows: rows.assign(age=81.0, birth_date=None))
    other = later_store(store, open_copy, tables)

    assert count_inconsistent(other, MIDDLE) == {"age_at_request": 200}
    fill_online_store(other, LATE, from_scratch=False)

    ages = FeatureReader(other, "online").read("filter_users_v1", ["0001", "0007"], LATE)["age_at_request"]
    assert ages.to_pylist() == [81.0, 81.0]
    assert count_inconsistent(other, LATE) == {}


def test_a_past_row_that_was_changed_is_counted_and_comes_online_from_scratch(store, fill, open_copy, toy, tmp_path):
    from features.store.consistency import count_inconsistent
    from features.store.materialization import fill_online_store

    def correct(rows):
        last = rows[rows["event_timestamp"] <= MIDNIGHT].groupby("user_id")["event_timestamp"].idxmax()
        rows.loc[last, "mean_price"] = 99.0
        return rows

    fill(MIDNIGHT)
    other = later_store(store, open_copy, replaced(toy, tmp_path / "tables", "user_activity_daily", correct))

    fill_online_store(other, MIDNIGHT + timedelta(hours=1), from_scratch=False)
    different = count_inconsistent(other, MIDNIGHT + timedelta(hours=1))
    assert list(different) == ["mean_price"]
    assert 0 < different["mean_price"] < 199  # rows at the boundary are read again
    fill_online_store(other, MIDNIGHT + timedelta(hours=1), from_scratch=True)
    assert count_inconsistent(other, MIDNIGHT + timedelta(hours=1)) == {}


def test_going_back_in_time_is_refused_and_leaves_the_store_as_it_was(store, fill):
    from features.store.materialization import filled_until

    fill(MIDDLE)
    before = online_rows(store)

    with pytest.raises(InputError, match=r"2020-02-05 13:45 UTC, later than 2020-01-03 09:30: .*--from-scratch"):
        fill(EARLY)
    assert filled_until(store) == MIDDLE
    assert online_rows(store) == before


def test_going_back_from_scratch_leaves_no_row_of_the_future_and_the_way_forward_open(open_copy, store, fill):
    from features.store.materialization import fill_online_store, filled_until

    fill(MIDDLE)
    filled = fill(EARLY, from_scratch=True)
    other = open_copy("other")
    fill_online_store(other, EARLY, from_scratch=False)

    assert filled.incremental == 0
    assert filled_until(store) == EARLY
    assert online_rows(store) == online_rows(other)
    for one in (store, other):
        fill_online_store(one, LATE, from_scratch=False)
    assert filled_until(store) == LATE
    assert online_rows(store) == online_rows(other)


def test_a_store_that_was_emptied_and_not_filled_again_is_not_online(store, fill):
    from features.store.materialization import _empty, filled_until
    from features.store.registry import online_views

    fill(MIDDLE)
    _empty(store, online_views(store))

    with pytest.raises(InputError, match="has not been materialized: run `python jobs/materialize"):
        filled_until(store)


def test_a_moment_before_1970_is_refused_before_anything_is_emptied(store, fill):
    from features.store.materialization import filled_until

    fill(MIDDLE)
    with pytest.raises(InputError, match="1960-01-01: choose an --as-of after 1970-01-01"):
        fill(datetime(1960, 1, 1, tzinfo=UTC), from_scratch=True)

    assert filled_until(store) == MIDDLE


def test_views_filled_up_to_different_moments_are_refused_and_filled_evenly_by_the_next_run(store, fill):
    from features.store.materialization import filled_until

    fill(MIDDLE)
    store.materialize(EARLY, LATE, feature_views=["user_activity_daily"])

    with pytest.raises(InputError, match=r"'user_activity_daily' up to 2020-02-20 00:00"):
        filled_until(store)
    filled = fill(LATE)
    assert (filled.starts["user_activity_daily"], filled.starts["user_tastes_daily"]) == (LATE, MIDDLE)
    assert filled_until(store) == LATE

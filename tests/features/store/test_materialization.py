"""Materialization in windows leaves the same rows online as materialization from scratch."""

import hashlib
import os
import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

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
    "user_earlier_items",
    "user_lately_items_daily",
    "user_profile",
    "user_recent_items_daily",
    "user_tastes_daily",
]


@pytest.fixture
def open_copy(toy, tmp_path):
    """Open a copy of the toy project with an empty online store; feature tables in `tables` replace its own."""

    def open_copy(name="copy", tables=None):
        from features.store.registry import open_feature_store
        from pipelines.leakage.store_copy import store_copy

        return store_copy(open_feature_store(toy.repo), tmp_path / name, tables)

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


def test_a_store_that_was_never_filled_is_refused_and_not_created(store):
    from fixtures.online_store import filled_until

    with pytest.raises(InputError, match=r"online\.db is empty: run `python jobs/materialize\.py --from-scratch`"):
        filled_until(store)
    assert not Path(store.config.online_store.path).exists()


def test_the_first_materialization_reads_all_online_views_from_the_beginning(store, fill):
    from fixtures.online_store import filled_until

    filled = fill(MIDDLE)

    assert filled.starts == dict.fromkeys(VIEWS, BEGINNING)
    assert (len(filled.starts), filled.declared, filled.incremental) == (7, 11, 0)
    assert filled_until(store) == MIDDLE


@pytest.mark.parametrize("windows", [[MIDNIGHT, LATE], [EARLY, MIDDLE, MIDDLE, LATE]], ids=str)
def test_windows_leave_the_same_rows_online_as_one_from_scratch(open_copy, store, fill, windows):
    from fixtures.online_store import filled_until

    from features.store.materialization import fill_online_store

    for moment in windows:
        filled = fill(moment)
    other = open_copy("other")
    fill_online_store(other, LATE, from_scratch=True)

    assert filled.starts == {view: BEGINNING if view in FULL else windows[-2] for view in VIEWS}
    assert filled.incremental == 6
    assert filled_until(store) == LATE
    rows, expected = online_rows(store), online_rows(other)
    assert rows == expected
    assert [view for view in VIEWS if not rows[view]] == ["user_earlier_items"]  # no user has bought 2,000 items


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


def test_a_store_that_feast_materialized_is_refused_and_read_from_the_beginning(open_copy, store, fill):
    from fixtures.online_store import filled_until

    from features.store.materialization import fill_online_store

    fill(EARLY)
    store.materialize(EARLY, MIDDLE, feature_views=["user_activity_daily"])

    with pytest.raises(InputError, match="was changed after it was filled, by `feast materialize` or another"):
        filled_until(store)
    assert fill(MIDDLE).starts == dict.fromkeys(VIEWS, BEGINNING)
    other = open_copy("other")
    fill_online_store(other, MIDDLE, from_scratch=True)
    assert online_rows(store) == online_rows(other)


def test_a_materialization_by_feast_up_to_a_moment_without_data_is_refused(store, fill):
    from fixtures.online_store import filled_until

    fill(LATE)
    store.materialize(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC), feature_views=VIEWS)

    with pytest.raises(InputError, match=r"'user_activity_daily' up to 2026-11-01 00:00 UTC, but .* 2020-02-20 00:00"):
        filled_until(store)
    fill(LATE)
    assert filled_until(store) == LATE


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


@pytest.mark.parametrize("later", [timedelta(0), timedelta(hours=1)], ids=str)
def test_past_rows_that_were_changed_come_online_with_the_next_window(store, fill, open_copy, toy, tmp_path, later):
    from features.store.consistency import count_inconsistent
    from features.store.materialization import fill_online_store

    def correct(rows):
        last = rows[rows["event_timestamp"] <= MIDNIGHT].groupby("user_id")["event_timestamp"].idxmax()
        rows.loc[last, "mean_price"] = 99.0
        return rows

    fill(MIDNIGHT)
    other = later_store(store, open_copy, replaced(toy, tmp_path / "tables", "user_activity_daily", correct))
    assert count_inconsistent(other, MIDNIGHT) == {"mean_price": 199}

    filled = fill_online_store(other, MIDNIGHT + later, from_scratch=False)

    assert {view for view, start in filled.starts.items() if start == BEGINNING} == {"user_activity_daily", *FULL}
    assert count_inconsistent(other, MIDNIGHT + later) == {}


def test_users_that_a_changed_table_no_longer_has_are_not_online(store, fill, open_copy, toy, tmp_path):
    from features.store.materialization import fill_online_store

    fill(MIDDLE)
    tables = replaced(toy, tmp_path / "tables", "user_activity_daily", lambda rows: rows[rows["user_id"] > "0100"])
    other = later_store(store, open_copy, tables)
    fill_online_store(other, MIDDLE, from_scratch=False)

    keys = {row[0] for row in online_rows(other)["user_activity_daily"]}
    assert (len(keys), len({row[0] for row in online_rows(store)["user_activity_daily"]})) == (99, 199)


def test_going_back_in_time_is_refused_and_leaves_the_store_as_it_was(store, fill):
    from fixtures.online_store import filled_until

    fill(MIDDLE)
    before = online_rows(store)

    with pytest.raises(InputError, match=r"2020-02-05 13:45 UTC, later than 2020-01-03 09:30: .*--from-scratch"):
        fill(EARLY)
    assert filled_until(store) == MIDDLE
    assert online_rows(store) == before


def test_going_back_from_scratch_leaves_no_row_of_the_future_and_the_way_forward_open(open_copy, store, fill):
    from fixtures.online_store import filled_until

    from features.store.materialization import fill_online_store

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


def test_going_back_is_refused_by_the_store_itself_after_the_registry_was_made_again(store, fill, open_copy):
    from fixtures.online_store import filled_until

    from features.store.materialization import fill_online_store

    fill(MIDDLE)
    other = later_store(store, open_copy, None)  # its registry knows of no materialization

    with pytest.raises(InputError, match=r"2020-02-05 13:45 UTC, later than 2020-01-03 09:30: .*--from-scratch"):
        fill_online_store(other, EARLY, from_scratch=False)
    assert filled_until(other) == MIDDLE


def test_a_fill_that_fails_leaves_the_store_and_its_readers_as_they_were(store, fill, monkeypatch):
    from fixtures.online_store import filled_until

    from features.store import materialization
    from features.store.reader import FeatureReader

    def fail(*_):
        raise OSError("no space left on device")

    fill(MIDDLE)
    before, reader = online_rows(store), FeatureReader(store, "online")
    ages = reader.read("filter_users_v1", ["0001"], MIDDLE)
    monkeypatch.setattr(materialization, "count_rows", fail)
    for options in ({"from_scratch": True}, {"from_scratch": False}):
        with pytest.raises(OSError, match="no space left"):
            fill(LATE, **options)

    assert filled_until(store) == MIDDLE
    assert online_rows(store) == before
    assert reader.read("filter_users_v1", ["0001"], MIDDLE).equals(ages)


def test_a_reader_reads_the_generation_that_it_opened_until_it_ends(store, fill):
    from features.store.reader import FeatureReader

    fill(EARLY)
    reader = FeatureReader(store, "online")
    users = [f"{number:04d}" for number in range(1, 200)]
    early = reader.read("filter_users_v1", users, EARLY)
    fill(LATE)

    assert reader.read("filter_users_v1", users, EARLY).equals(early)
    assert not FeatureReader(store, "online").read("filter_users_v1", users, EARLY).equals(early)


def test_tables_that_are_replaced_while_the_store_is_filled_leave_it_as_it_was(
    store, fill, open_copy, toy, tmp_path, monkeypatch
):
    from fixtures.online_store import filled_until

    from features.store import materialization
    from features.store.materialization import fill_online_store

    fill(MIDDLE)
    tables = replaced(toy, tmp_path / "tables", "user_activity_daily", lambda rows: rows)
    other = later_store(store, open_copy, tables)
    write_rows = materialization._write_rows

    def replace_and_write(*arguments):
        replaced(toy, tmp_path / "new", "user_activity_daily", lambda rows: rows.assign(mean_price=1.0))
        (tmp_path / "new" / "user_activity_daily.parquet").replace(tables / "user_activity_daily.parquet")
        write_rows(*arguments)

    monkeypatch.setattr(materialization, "_write_rows", replace_and_write)
    with pytest.raises(InputError, match="table of feature view 'user_activity_daily' was changed while"):
        fill_online_store(other, LATE, from_scratch=False)
    assert filled_until(other) == MIDDLE


@pytest.mark.parametrize(
    "statement",
    [
        'delete from "{}_user_profile"',
        'delete from "{}_user_profile" where rowid % 2 = 0',
        """update "{}_user_activity_daily" set value = x'' where rowid = 1""",
        'drop table "{}_user_tastes_daily"',
    ],
)
def test_a_store_that_another_program_changed_is_refused_and_filled_again(open_copy, store, fill, statement):
    from fixtures.online_store import filled_until

    from features.store.materialization import fill_online_store

    fill(MIDDLE)
    with closing(sqlite3.connect(store.config.online_store.path)) as connection, connection:
        connection.execute(statement.format(store.project))

    with pytest.raises(InputError, match=r"online\.db was changed after it was filled.*materialize\.py --from-scratch"):
        filled_until(store)
    fill(MIDDLE)
    other = open_copy("other")
    fill_online_store(other, MIDDLE, from_scratch=True)
    assert online_rows(store) == online_rows(other)


def test_missing_rows_are_refused_even_if_the_file_seems_unchanged(store, fill):
    from fixtures.online_store import filled_until

    fill(MIDDLE)
    path = Path(store.config.online_store.path)
    changes = path.read_bytes()[24:28]
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f'delete from "{store.project}_user_profile" where rowid <= 7')
    with path.open("r+b") as file:
        file.seek(24)
        file.write(changes)

    with pytest.raises(InputError, match=r"'user_profile' has 1,393 rows in .*online\.db, and 1,400 were written"):
        filled_until(store)


@pytest.mark.parametrize("place", ["header", "first page", "middle", "last byte", "checksum", "one byte more", "cut"])
def test_bytes_that_were_changed_without_sqlite_are_refused_and_filled_again(store, fill, place):
    from fixtures.online_store import filled_until

    fill(MIDDLE)
    path = Path(store.config.online_store.path)
    content = bytearray(path.read_bytes())
    offset = {"header": 47, "first page": 4_000, "middle": len(content) // 2, "last byte": -1, "checksum": 61}
    if place in offset:
        content[offset[place]] ^= 1
    path.write_bytes(content[:-512] if place == "cut" else content + b"\0" if place == "one byte more" else content)

    with pytest.raises(InputError, match=r"online.*materialize\.py --from-scratch"):
        filled_until(store)
    fill(LATE, from_scratch=True)
    assert filled_until(store) == LATE


def test_a_value_that_was_changed_without_sqlite_is_refused(store, fill):
    from fixtures.online_store import filled_until

    fill(MIDDLE)
    path = Path(store.config.online_store.path)
    item = b"0108775015"
    content = path.read_bytes()
    assert item in content
    path.write_bytes(content.replace(item, b"0108775016", 1))

    with pytest.raises(InputError, match=r"online\.db is damaged, its bytes are not those that were written"):
        filled_until(store)
    assert fill(LATE).incremental == 0
    assert filled_until(store) == LATE


def test_the_checksum_of_a_store_is_part_of_its_sha_256(store, fill):
    fill(MIDDLE)
    content = bytearray(Path(store.config.online_store.path).read_bytes())
    stored = bytes(content[60:64] + content[68:72])

    content[60:64] = content[68:72] = bytes(4)

    assert stored == hashlib.sha256(content).digest()[:8]


@pytest.mark.parametrize("error", ["disk I/O error", "database or disk is full"])
def test_a_database_that_cannot_be_written_is_named_and_stays_as_it_was(store, fill, monkeypatch, error):
    from fixtures.online_store import filled_until

    from features.store import materialization

    def fail(*_):
        raise sqlite3.OperationalError(error)

    fill(MIDDLE)
    monkeypatch.setattr(materialization, "_write_rows", fail)
    with pytest.raises(InputError, match=rf"online\.db cannot be written \({error}\): free space"):
        fill(LATE)

    assert filled_until(store) == MIDDLE


@pytest.mark.parametrize("content", [b"", b"no database" * 100])
def test_a_file_that_is_no_database_is_refused_and_replaced_from_scratch(store, fill, content):
    from fixtures.online_store import filled_until

    path = Path(store.config.online_store.path)
    path.write_bytes(content)

    with pytest.raises(InputError, match="online store"):
        filled_until(store)
    fill(MIDDLE, from_scratch=True)
    assert filled_until(store) == MIDDLE


def test_tables_of_another_project_in_the_same_file_are_not_lost(store, fill):
    with closing(sqlite3.connect(store.config.online_store.path)) as connection, connection:
        connection.execute("create table other_project_users(a)")

    with pytest.raises(InputError, match=r"holds the table other_project_users.*'feast_two_tower'"):
        fill(MIDDLE, from_scratch=True)


def test_a_second_writer_names_the_process_that_fills_the_store(store, fill, monkeypatch):
    from features.store import materialization

    write_rows = materialization._write_rows

    def fill_twice(*arguments):
        monkeypatch.setattr(materialization, "_write_rows", write_rows)
        with pytest.raises(InputError, match=rf"online\.db is being written by process {os.getpid()} \(.*\) since 20"):
            fill(MIDDLE)
        write_rows(*arguments)

    monkeypatch.setattr(materialization, "_write_rows", fill_twice)
    assert fill(LATE).incremental == 0


def test_a_view_that_is_declared_differently_is_refused_and_read_from_the_beginning(store, fill):
    from fixtures.online_store import filled_until

    fill(MIDDLE)
    view = store.get_feature_view("user_activity_daily")
    view.ttl = timedelta(days=3)
    store.registry.apply_feature_view(view, store.project)

    with pytest.raises(InputError, match="'user_activity_daily' is declared differently"):
        filled_until(store)
    assert fill(LATE).starts["user_activity_daily"] == BEGINNING


def test_applying_the_declarations_again_changes_nothing(store, fill):
    from fixtures.online_store import filled_until

    fill(MIDDLE)
    store.apply([*store.list_entities(), *store.list_batch_feature_views()])

    assert filled_until(store) == MIDDLE


def test_a_moment_before_1970_is_refused_before_anything_is_emptied(store, fill):
    from fixtures.online_store import filled_until

    fill(MIDDLE)
    with pytest.raises(InputError, match="1960-01-01: choose an --as-of after 1970-01-01"):
        fill(datetime(1960, 1, 1, tzinfo=UTC), from_scratch=True)

    assert filled_until(store) == MIDDLE

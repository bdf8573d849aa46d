"""The record of an online store that is filled in place, and the names of generations."""

from datetime import UTC, datetime

import pytest

from features.errors import InputError

EARLY, LATE = datetime(2020, 2, 5, tzinfo=UTC), datetime(2020, 2, 20, tzinfo=UTC)


@pytest.fixture
def store(toy, tmp_path):
    """The toy store, empty, with an online store that is no SQLite file as far as this project knows."""
    from features.store.registry import open_feature_store
    from features.store.sqlite_file import sqlite_path
    from pipelines.leakage.store_copy import store_copy

    store = store_copy(open_feature_store(toy.repo), tmp_path / "copy")
    kind = "fixtures.in_place_store.InPlaceSqliteOnlineStore"
    store.config.online_config = {"type": kind, "path": str(tmp_path / "copy" / "online.db")}
    store.config._online_store = store._provider = None
    assert sqlite_path(store) is None
    return store


@pytest.fixture
def fill(store):
    from features.store.materialization import fill_online_store

    return lambda moment, **options: fill_online_store(store, moment, **{"from_scratch": False, **options})


def test_a_store_without_a_record_is_empty(store):
    from features.store.generation import OpenGeneration

    with pytest.raises(InputError, match=r"online store is empty: run `python jobs/materialize\.py --from-scratch`"):
        OpenGeneration.open(store)


def test_its_record_says_up_to_which_moment_it_is_filled_and_from_which_tables(store, fill):
    from features.store.generation import OpenGeneration
    from features.store.table_digests import TableDigests

    fill(EARLY)
    first = OpenGeneration.open(store).record
    fill(LATE)
    second = OpenGeneration.open(store).record

    assert (first.as_of, second.as_of, first.complete, first.changes, first.rows) == (EARLY, LATE, True, None, {})
    assert first.name != second.name
    assert first.tables == second.tables
    views = [store.get_feature_view(view) for view in first.tables]
    assert first.tables == TableDigests.compute(store, views).by_view


def test_it_has_the_features_of_the_offline_store(store, fill):
    from features.store.reader import FeatureReader

    users = [f"{number:04d}" for number in range(1, 200)]
    fill(EARLY)
    fill(LATE)
    online, offline = (
        FeatureReader(store, source).read("candidate_request_v2", users, LATE) for source in ("online", "offline")
    )

    assert online.to_pylist() == offline.to_pylist()


def test_it_is_refused_until_it_is_complete_and_keeps_the_later_moment(store, fill, monkeypatch):
    from features.store import materialization
    from features.store.generation import OpenGeneration

    def fail(*_):
        raise OSError("connection lost")

    fill(LATE)
    with monkeypatch.context() as patch:
        patch.setattr(materialization, "_write_rows", fail)
        with pytest.raises(OSError, match="connection lost"):
            fill(EARLY, from_scratch=True)

    with pytest.raises(InputError, match=r"was not filled completely: run `python jobs/materialize\.py` again"):
        OpenGeneration.open(store)
    with pytest.raises(InputError, match="filled up to 2020-02-20 00:00 UTC, later than 2020-02-05"):
        fill(EARLY)
    assert fill(LATE).incremental == 0
    assert OpenGeneration.open(store).record.as_of == LATE


def test_a_reader_notices_that_it_was_filled_again(store, fill):
    from features.store.reader import FeatureReader

    fill(EARLY)
    reader = FeatureReader(store, "online")
    reader.read("filter_users_v1", ["0001"], EARLY)
    fill(LATE)

    with pytest.raises(InputError, match="was changed after it was filled"):
        reader.read("filter_users_v1", ["0001"], EARLY)


def test_a_process_notices_that_another_generation_took_its_place(store, fill):
    from features.store.generation import OpenGeneration

    fill(EARLY)
    early = OpenGeneration.open(store)
    was_current = early.is_current
    fill(LATE)

    assert (was_current, early.is_current, OpenGeneration.open(store).is_current) == (True, False, True)

"""Paths of sources, errors, and reading a source without entity rows."""

import datetime as dt

import pyarrow as pa
import pytest
from feast import FileSource
from feast.infra.offline_stores.duckdb import DuckDBOfflineStore
from fixtures.asof_store import config_at, entities_at, retrieve, values_of, view_of, write_history

from features.asof_store.store import AsOfOfflineStore
from features.errors import InputError

pytestmark = pytest.mark.filterwarnings(
    "ignore:fetch_arrow_table", "ignore:On demand feature view", "ignore:.*typeguard"
)


def test_a_relative_path_starts_at_the_feature_repository(config, history, monkeypatch):
    monkeypatch.chdir("/")

    assert values_of(retrieve(AsOfOfflineStore, config, [view_of("history.parquet")], entities_at(["a"], [1]))) == [2]


@pytest.mark.parametrize("path", ["many", "many/*/*.parquet"])
def test_a_folder_of_files_or_a_pattern_is_one_table_and_partitions_are_text(config, repo, path):
    for shop, user, value in (("shop=007", "a", 1), ("shop=008", "b", 2)):
        (repo / "many" / shop).mkdir(parents=True)
        more = {"late_column": pa.array([9])} if user == "b" else {}
        write_history(repo / "many" / shop / "part.parquet", [user], [0], [value], **more)
    view = view_of(path, features=("value", "shop", "late_column"))
    result = retrieve(AsOfOfflineStore, config, [view], entities_at(["a", "b"], [1, 1])).to_arrow()

    assert result.select(["value", "shop", "late_column"]).to_pylist() == [
        {"value": 1, "shop": "007", "late_column": None},
        {"value": 2, "shop": "008", "late_column": 9},
    ]


def test_an_error_names_the_view_and_the_columns(config, history):
    entities = entities_at(["a"], [1])
    cases = [
        (view_of(history, features=("age",)), entities, r"'view' needs 'age' in .*history\.parquet, .*user_id, "),
        (view_of(history, timestamp_field="when"), entities, "needs 'when'"),
        (view_of("gone.parquet"), entities, r"'view_source' .*gone\.parquet"),
        (view_of(history), entities.rename_columns(["uid", "event_timestamp"]), r"'user_id'.* uid, "),
        (view_of(history), entities.set_column(0, "user_id", pa.array([1])), "VARCHAR in key .* is BIGINT"),
        (view_of(history), "SELECT 1; DROP TABLE x", "one SELECT"),
        (view_of(history), "SELECT 1 FROM nowhere", "query for the entity rows .*nowhere"),
        (view_of(history), entities.set_column(1, "event_timestamp", pa.array([1])), "'event_timestamp'.*numbers"),
        (view_of(history), entities.set_column(1, "event_timestamp", pa.array(["x"])), "'event_timestamp'.*timestamps"),
        (view_of(history), None, "NoneType"),
    ]
    for view, entity_rows, message in cases:
        with pytest.raises(InputError, match=message):
            retrieve(AsOfOfflineStore, config, [view], entity_rows)


def pull(store, config, path, *, latest, days=(0, 9), created="created", keys=("user_id",), features=("value",)):
    start, end = (dt.datetime(2020, 1, 1, tzinfo=dt.UTC) + dt.timedelta(days=day) for day in days)
    source = FileSource(name="source", path=str(path), timestamp_field="stamp")
    method = store.pull_latest_from_table_or_query if latest else store.pull_all_from_table_or_query
    job = method(config, source, list(keys), list(features), "stamp", created, start, end)
    return job.to_arrow()


def test_pulling_all_reads_the_rows_of_a_time_range_with_both_bounds(config, history):
    path = history.name

    assert pull(AsOfOfflineStore, config, path, latest=False, days=(0, 0.5))["value"].to_pylist() == [1, 3]
    assert pull(AsOfOfflineStore, config, path, latest=False, days=(0.5, 1))["value"].to_pylist() == [2]
    unlimited = AsOfOfflineStore.pull_all_from_table_or_query(
        config, FileSource(path=path, timestamp_field="stamp"), ["user_id"], ["value"], "stamp"
    ).to_arrow()
    assert unlimited.column_names == ["user_id", "value", "stamp"]
    assert unlimited.num_rows == 3


def test_pulling_the_latest_gives_one_row_per_key_and_the_last_created_of_a_tie(config, repo):
    users, days = ["a", "a", "a", "b", None, "c"], [0, 1, 1, 5, 1, None]
    path = write_history(repo / "h.parquet", users, days, [1, 2, 3, 4, 5, 6], created=[9, 3, 2, None, 1, 1])
    result = pull(AsOfOfflineStore, config, path, latest=True).sort_by("value")

    assert result.column_names == ["user_id", "value", "stamp", "created"]
    assert result.select(["user_id", "value"]).to_pylist() == [
        {"user_id": "a", "value": 2},
        {"user_id": "b", "value": 4},
        {"user_id": None, "value": 5},
    ]
    assert result.equals(pull(DuckDBOfflineStore, config_at(repo, "duckdb"), path, latest=True).sort_by("value"))
    assert pull(AsOfOfflineStore, config, path, latest=True, days=(0, 1), keys=())["value"].to_pylist() == [2]
    assert pull(AsOfOfflineStore, config, path, latest=True, days=(7, 8)).num_rows == 0
    with pytest.raises(InputError, match="Source 'source' needs 'age'"):
        pull(AsOfOfflineStore, config, path, latest=True, features=("age",))

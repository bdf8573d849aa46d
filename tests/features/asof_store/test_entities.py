"""Entity rows: types of timestamps, frames, tables and queries, names of columns."""

import datetime as dt
from zoneinfo import ZoneInfo

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from feast.errors import EntityTimestampInferenceException
from fixtures.asof_store import (
    FIRST_DAY,
    UTC_NS,
    UTC_US,
    entities_at,
    moments,
    retrieve,
    values_of,
    view_of,
    write_history,
)

from features.asof_store.store import AsOfOfflineStore

pytestmark = pytest.mark.filterwarnings(
    "ignore:fetch_arrow_table", "ignore:On demand feature view", "ignore:.*typeguard"
)


def test_timestamps_may_have_any_type_and_are_utc_without_a_zone(config, history):
    moment = dt.datetime(2020, 1, 2, 3, tzinfo=dt.UTC)
    kinds = {
        "aware": [moment],
        "berlin": [moment.astimezone(ZoneInfo("Europe/Berlin"))],
        "naive": [moment.replace(tzinfo=None)],
        "text": ["2020-01-02T04:00:00+01:00"],
        "naive text": ["2020-01-02 03:00:00"],
        "date": [dt.date(2020, 1, 2)],
        "seconds": pd.array([moment.replace(tzinfo=None)], "datetime64[s]"),
        "nanoseconds": pd.array([moment], "datetime64[ns, UTC]"),
    }
    for kind, column in kinds.items():
        frame = pd.DataFrame({"user_id": ["a"], "event_timestamp": column})
        before = frame.copy()
        jobs = [
            retrieve(AsOfOfflineStore, config, [view_of(history)], entities)
            for entities in (frame, pa.Table.from_pandas(frame, preserve_index=False))
        ]
        assert [values_of(job) for job in jobs] == [[2], [2]], kind
        assert jobs[0].metadata.min_event_timestamp.date() == dt.date(2020, 1, 2), kind
        pd.testing.assert_frame_equal(frame, before)


def test_a_moment_between_two_microseconds_is_not_rounded_into_the_future(config, repo):
    stamps = pa.array([FIRST_DAY + 1_600], pa.int64()).cast(UTC_NS)
    pq.write_table(pa.table({"user_id": ["a"], "stamp": stamps, "created": stamps, "value": [1]}), repo / "h.parquet")
    moments_ = pa.array([FIRST_DAY + 1_000, FIRST_DAY + 1_599, FIRST_DAY + 1_600, FIRST_DAY + 2_000]).cast(UTC_NS)
    entities = pa.table({"user_id": ["a"] * 4, "event_timestamp": moments_})

    assert values_of(retrieve(AsOfOfflineStore, config, [view_of(repo / "h.parquet")], entities)) == [None, None, 1, 1]


def test_a_single_timestamp_column_is_the_event_timestamp_whatever_its_name(config, history):
    entities = entities_at(["a"], [1]).rename_columns(["user_id", "stamp"])  # the name in the source, too

    for entity_rows in (entities, entities.to_pandas()):
        assert values_of(retrieve(AsOfOfflineStore, config, [view_of(history)], entity_rows)) == [2]
    with pytest.raises(EntityTimestampInferenceException):
        retrieve(AsOfOfflineStore, config, [view_of(history)], entities.append_column("other", entities["stamp"]))


def test_entity_columns_are_returned_unchanged_and_in_order(config, history):
    entities = pa.table(
        {
            "row": [7, 8],  # the store uses this name internally
            "event_timestamp": moments([1, 0], pa.timestamp("ns", tz="Europe/Berlin")),
            'say "hi"; --': pa.array(["x", None]).dictionary_encode(),
            "user_id": pa.array(["a", "a"], pa.large_string()),
            "nested": [{"a": [1]}, None],
        }
    )
    result = retrieve(AsOfOfflineStore, config, [view_of(history)], entities).to_arrow()

    assert result.drop(["value"]).equals(entities)
    assert result["value"].to_pylist() == [2, 1]


def test_a_query_keeps_its_own_order_of_rows(config, history):
    query = "SELECT user_id, day::VARCHAR AS event_timestamp, n FROM (VALUES ('b', DATE '2020-01-05', 1), "
    query += "('a', '2020-01-01', 2), ('a', '2020-01-02', 3)) AS t(user_id, day, n) ORDER BY n DESC; -- done"
    result = retrieve(AsOfOfflineStore, config, [view_of(history)], query).to_arrow()

    assert result.select(["user_id", "n", "value"]).to_pylist() == [
        {"user_id": "a", "n": 3, "value": 2},
        {"user_id": "a", "n": 2, "value": 1},
        {"user_id": "b", "n": 1, "value": 3},
    ]
    assert result.schema.field("event_timestamp").type == UTC_US


def test_column_names_are_quoted(config, repo):
    odd = 'v"; DROP TABLE x; --'
    path = write_history(repo / "it's.parquet", ["a"], [0], [1], **{odd: pa.array([5])})
    view = view_of(path, features=(odd,))

    assert values_of(retrieve(AsOfOfflineStore, config, [view], entities_at(["a"], [1]), [f"view:{odd}"]), odd) == [5]


def test_columns_may_have_the_internal_names_of_the_store(config, repo):
    names = (
        *("moment", "created", "file", "file_row", "visible_from", "key", "code", "row", "last", "rows"),
        *("k0", "f0", "e0", "p", "h"),
    )  # fmt: skip
    columns = {name: pa.array([number]) for number, name in enumerate(names)}
    path = repo / "h.parquet"
    pq.write_table(pa.table({"user_id": ["a"], "stamp": moments([0]), **columns}), path)
    views = [view_of(path, features=names, created=""), view_of(path, name="second", features=names, created="")]
    entities = pa.table({"user_id": ["a"], "moment": moments([1]), **columns}).drop(["moment"])
    entities = entities.append_column("moment", moments([1]))
    result = retrieve(AsOfOfflineStore, config, views, entities, full=True).to_arrow()

    assert [result[f"{view}__{name}"].to_pylist() for view in ("view", "second") for name in names] == [
        [number] for number in range(len(names))
    ] * 2

"""The point-in-time join by example: which row of a history an entity row gets."""

import datetime as dt
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from feast import Entity, Field, RequestSource, ValueType
from feast.errors import EntityTimestampInferenceException
from feast.infra.offline_stores.offline_utils import get_offline_store_from_config
from feast.on_demand_feature_view import on_demand_feature_view
from feast.types import Float64, Int64
from fixtures.asof_store import (
    DAY,
    FIRST_DAY,
    ITEM,
    MICROSECOND,
    USER,
    UTC_NS,
    UTC_US,
    OnDemandRegistry,
    entities_at,
    moments,
    retrieve,
    values_of,
    view_of,
    write_history,
)

from features.asof_store.store import AsOfOfflineStore
from features.errors import InputError

pytestmark = pytest.mark.filterwarnings(
    "ignore:fetch_arrow_table", "ignore:On demand feature view", "ignore:.*typeguard"
)


def test_feast_finds_the_store_by_its_import_path(config):
    assert isinstance(get_offline_store_from_config(config.offline_store), AsOfOfflineStore)
    assert AsOfOfflineStore.supports_filter_by_created_timestamp


def test_a_value_is_visible_from_its_event_timestamp_on(config, history):
    entities = entities_at(["a", "a", "a", "a", "b"], [-1, 0, 0.99, 1, 9])

    assert values_of(retrieve(AsOfOfflineStore, config, [view_of(history)], entities)) == [None, 1, 1, 2, 3]


def test_a_value_is_visible_up_to_the_last_moment_of_its_ttl(config, history):
    view = view_of(history, ttl=dt.timedelta(days=1, hours=12))
    edge = 1 + 1.5
    just_after = edge + MICROSECOND / DAY

    assert values_of(retrieve(AsOfOfflineStore, config, [view], entities_at(["a", "a"], [edge, just_after]))) == [
        2,
        None,
    ]


def test_an_expired_value_is_not_replaced_by_an_older_one(config, repo):
    path = write_history(repo / "h.parquet", ["a", "a"], [0, 1], [1, 2], created=[0, 9])
    view = view_of(path, ttl=dt.timedelta(days=5))

    assert values_of(
        retrieve(AsOfOfflineStore, config, [view], entities_at(["a"] * 3, [5, 6, 9]), hide_created_later=True)
    ) == [
        1,  # 2 is not created yet
        None,  # nor now, and 1 has expired
        None,  # 2 has expired when it is created
    ]


def test_rows_without_history_are_kept_with_nulls(config, history):
    entities = entities_at(["unknown", None, "a"], [1, 1, None], label=[1, 2, 3])
    result = retrieve(AsOfOfflineStore, config, [view_of(history)], entities).to_arrow()

    assert result["value"].to_pylist() == [None, None, None]
    assert result["label"].to_pylist() == [1, 2, 3]


def test_null_keys_in_the_history_match_nothing(config, repo):
    path = write_history(repo / "h.parquet", [None, "a"], [0, 0], [1, 2])

    assert values_of(retrieve(AsOfOfflineStore, config, [view_of(path)], entities_at([None, "a"], [1, 1]))) == [None, 2]


def test_of_equal_timestamps_the_row_created_last_counts_and_of_those_the_last_in_the_file(config, repo):
    path = write_history(repo / "h.parquet", list("aaabb"), [0] * 5, [1, 2, 3, 4, 5], created=[0, 2, 1, None, None])

    assert values_of(retrieve(AsOfOfflineStore, config, [view_of(path)], entities_at(["a", "b"], [9, 9]))) == [2, 5]


@pytest.mark.parametrize("others", [[], [-1]], ids=["one moment", "two moments"])
@pytest.mark.parametrize("hide_created_later", [False, True])
@pytest.mark.parametrize("kind", [UTC_US, UTC_NS])
@pytest.mark.parametrize(
    ("users", "days", "created", "values"),
    [
        (["a", "b"], [0, 1], [0, 1], [1, 2]),  # one row a key
        (["a", "b", "a"], [0, 1, 2], [0, 1, 2], [3, 2]),  # several, at different moments
        (["a", "b", "a"], [0, 1, 0], [1, 1, 0], [1, 2]),  # two at the same moment
        (["a", "b", "a"], [1, 1, 0], [1, 3, 2], [1, 2]),  # created late
    ],
)
def test_every_form_of_the_join_is_correct(
    config, repo, users, days, created, values, kind, hide_created_later, others
):
    path = repo / "h.parquet"
    write_history(path, users, days, range(1, len(users) + 1), created=created)
    table = pq.read_table(path)
    stamps = {name: table[name].cast(kind) for name in ("stamp", "created")}
    pq.write_table(pa.table({**{name: table[name] for name in table.column_names}, **stamps}), path)
    entities = entities_at(["b", "unknown", "a", None, *["a" for _ in others]], [9, 9, 9, 9, *others])

    job = retrieve(AsOfOfflineStore, config, [view_of(path)], entities, hide_created_later=hide_created_later)
    assert values_of(job) == [values[1], None, values[0], None, *[None for _ in others]]


def test_rows_created_later_are_hidden_until_they_were_created(config, repo):
    # The value of day 0 is 1, corrected to 10 on day 3; the value of day 1 is 2, written on day 5.
    path = write_history(repo / "h.parquet", ["a"] * 4, [0, 0, 1, 2], [1, 10, 2, 7], created=[0, 3, 5, None])
    entities = entities_at(["a"] * 4, [2, 3, 4, 5])

    assert values_of(retrieve(AsOfOfflineStore, config, [view_of(path)], entities, hide_created_later=True)) == [
        1,
        10,
        10,
        2,
    ]
    assert values_of(retrieve(AsOfOfflineStore, config, [view_of(path)], entities)) == [7, 7, 7, 7]


def test_without_created_timestamp_no_row_is_hidden(config, history):
    view = view_of(history, created="")

    assert values_of(retrieve(AsOfOfflineStore, config, [view], entities_at(["a"], [1]), hide_created_later=True)) == [
        2
    ]


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


def test_fields_and_timestamps_can_be_mapped(config, history):
    view = view_of(
        history,
        features=("score",),
        field_mapping={"value": "score", "stamp": "when", "user_id": "uid", "absent": "nothing"},
        timestamp_field="when",
        entities=(Entity(name="user", join_keys=["uid"], value_type=ValueType.STRING),),
    )
    entities = entities_at(["a"], [1]).rename_columns(["uid", "event_timestamp"])

    assert values_of(retrieve(AsOfOfflineStore, config, [view], entities), "score") == [2]


def test_one_view_is_joined_twice_under_aliases(config, history):
    buyer = view_of(history).with_name("buyer").with_join_key_map({"user_id": "buyer_id"})
    seller = view_of(history).with_name("seller").with_join_key_map({"user_id": "seller_id"})
    entities = pa.table({"buyer_id": ["a", "b"], "seller_id": ["b", "a"], "event_timestamp": moments([0, 1])})
    result = retrieve(AsOfOfflineStore, config, [buyer, seller], entities, full=True).to_arrow()

    assert result.select(["buyer__value", "seller__value"]).to_pydict() == {
        "buyer__value": [1, 3],
        "seller__value": [3, 2],
    }


def test_a_key_that_an_alias_does_not_rename_is_joined_too(config, repo):
    path = write_history(repo / "h.parquet", ["a", "a"], [0, 1], [1, 2], item_id=pa.array([10, 20]))
    view = view_of(path, entities=(USER, ITEM)).with_join_key_map({"user_id": "buyer_id"})
    entities = pa.table({"buyer_id": ["a"], "item_id": [10], "event_timestamp": moments([9])})

    assert values_of(retrieve(AsOfOfflineStore, config, [view], entities)) == [1]


def test_a_view_without_entities_applies_to_every_row(config, history):
    assert values_of(
        retrieve(AsOfOfflineStore, config, [view_of(history, entities=())], entities_at(["a"], [0.5]))
    ) == [3]


def test_two_features_of_one_name_need_full_names(config, history):
    views = [view_of(history, name="first"), view_of(history, name="second")]

    with pytest.raises(InputError, match=r"'value'.*full_feature_names=True"):
        retrieve(AsOfOfflineStore, config, views, entities_at(["a"], [1]))
    result = retrieve(AsOfOfflineStore, config, views, entities_at(["a"], [1]), full=True).to_arrow()
    assert result.column_names == ["user_id", "event_timestamp", "first__value", "second__value"]


def test_on_demand_features_are_computed_from_the_request_and_the_joined_views(config, history):
    view = view_of(history)

    @on_demand_feature_view(
        sources=[view, RequestSource(name="request", schema=[Field(name="factor", dtype=Int64)])],
        schema=[Field(name="product", dtype=Float64), Field(name="not_requested", dtype=Float64)],
        mode="pandas",
    )
    def multiplied(inputs):
        product = inputs["value"].astype(float) * inputs["factor"]
        return pd.DataFrame({"product": product, "not_requested": product})

    entities = entities_at(["unknown", "a", "b", "a"], [1, 1, 1, 0], factor=[1, 10, 100, 1000])
    job = retrieve(
        AsOfOfflineStore,
        config,
        [view],
        entities,
        ["view:value", "multiplied:product"],
        registry=OnDemandRegistry(multiplied),
    )

    result = job.to_arrow()
    assert result.column_names == ["user_id", "event_timestamp", "factor", "value", "product"]
    np.testing.assert_array_equal(result["product"].to_numpy(), [np.nan, 20, 300, 1000])
    assert pa.Table.from_batches(job.to_arrow_batches(1))["product"].to_pylist()[1:] == [20, 300, 1000]
    assert job.to_parquet(config.repo_path / "out.parquet") == 4
    assert pq.read_table(config.repo_path / "out.parquet")["product"].to_pylist()[1:] == [20, 300, 1000]


def test_no_entity_rows_give_no_rows(config, history):
    job = retrieve(AsOfOfflineStore, config, [view_of(history)], entities_at([], []))

    assert job.to_arrow().column_names == ["user_id", "event_timestamp", "value"]
    assert job.to_arrow().num_rows == 0
    assert job.to_arrow_batches().read_all().num_rows == 0

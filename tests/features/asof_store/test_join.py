"""The point-in-time join by example: which row of a history an entity row gets."""

import datetime as dt

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from feast import Entity, Field, RequestSource, ValueType
from feast.infra.offline_stores.offline_utils import get_offline_store_from_config
from feast.on_demand_feature_view import on_demand_feature_view
from feast.types import Float64, Int64
from fixtures.asof_store import (
    DAY,
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

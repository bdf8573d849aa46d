"""Where Feast's DuckDB store differs from its documentation: docs/feast-differences.md."""

import datetime as dt

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from feast import Field
from feast.infra.offline_stores.duckdb import DuckDBOfflineStore
from feast.infra.offline_stores.file_source import SavedDatasetFileStorage
from feast.on_demand_feature_view import on_demand_feature_view
from feast.types import Int64
from fixtures.asof_store import (
    FIRST_DAY,
    ITEM,
    USER,
    OnDemandRegistry,
    config_at,
    entities_at,
    moments,
    retrieve,
    view_of,
    write_history,
)

from features.asof_store.store import AsOfOfflineStore

pytestmark = pytest.mark.filterwarnings(
    "ignore:fetch_arrow_table", "ignore:On demand feature view", "ignore:.*typeguard"
)


def feast_result(config, view, entities, **more):
    return retrieve(DuckDBOfflineStore, config_at(config.repo_path, "duckdb"), [view], entities, **more).to_df()


def test_feasts_store_ignores_a_key_that_an_alias_does_not_rename(config, repo):
    path = write_history(repo / "h.parquet", ["a", "a"], [0, 1], [1, 2], item_id=pa.array([10, 20]))
    view = view_of(path, entities=(USER, ITEM)).with_join_key_map({"user_id": "buyer_id"})
    entities = pa.table({"buyer_id": ["a"], "item_id": [10], "event_timestamp": moments([9])})

    assert feast_result(config, view, entities.to_pandas())["value"].tolist() == [2]  # item 20's


def test_feasts_store_fails_with_a_ttl_of_days_and_hours(config, history):
    view = view_of(history, ttl=dt.timedelta(days=1, hours=12))

    with pytest.raises(ValueError, match="mixed units"):
        feast_result(config, view, entities_at(["a"], [1]).to_pandas())


def test_feasts_store_loses_columns_of_certain_names(config, repo):
    path = write_history(repo / "h.parquet", ["a"], [0], [1], price_y=pa.array([5]))
    entities = entities_at(["a"], [1], entity_row_id=[7]).to_pandas()

    assert "entity_row_id" not in feast_result(config, view_of(path), entities)
    with pytest.raises(Exception, match="'price_y' is not found"):
        feast_result(config, view_of(path, features=("price_y",)), entities)


def test_feasts_store_resolves_relative_paths_from_the_working_directory_and_reads_no_folders(config, history):
    with pytest.raises(Exception, match="No files found"):
        feast_result(config, view_of(history.name), entities_at(["a"], [1]).to_pandas())
    with pytest.raises(AttributeError):
        feast_result(config, view_of(history.parent), entities_at(["a"], [1]).to_pandas())


def test_feasts_store_accepts_only_frames_and_changes_them(config, history):
    for entities in (entities_at(["a"], [1]), "SELECT 'a' AS user_id, TIMESTAMP '2020-01-02' AS event_timestamp"):
        with pytest.raises(AttributeError):
            feast_result(config, view_of(history), entities)
    frame = pd.DataFrame({"user_id": ["a"], "event_timestamp": ["2020-01-02"]})
    feast_result(config, view_of(history), frame)
    assert frame["event_timestamp"].dtype == "datetime64[ns, UTC]"


def test_feasts_store_refuses_moments_between_two_microseconds(config, history):
    frame = pd.DataFrame({"user_id": ["a"], "event_timestamp": pd.to_datetime([FIRST_DAY + 1], utc=True)})

    with pytest.raises(pa.ArrowInvalid, match="would lose data"):
        feast_result(config, view_of(history), frame)


def test_feasts_store_persists_without_on_demand_features_and_appends_where_it_should_overwrite(config, history):
    view = view_of(history)

    @on_demand_feature_view(sources=[view], schema=[Field(name="double", dtype=Int64)], mode="pandas")
    def doubled(inputs):
        return pd.DataFrame({"double": inputs["value"] * 2})

    saved = {}
    for store, name in (
        (DuckDBOfflineStore, "duckdb"),
        (AsOfOfflineStore, "features.asof_store.store.AsOfOfflineStore"),
    ):
        job = retrieve(
            store,
            config_at(config.repo_path, name),
            [view],
            entities_at(["a"], [1]).to_pandas(),
            ["view:value", "doubled:double"],
            registry=OnDemandRegistry(doubled),
        )
        folder = config.repo_path / store.__name__
        for _ in range(2):
            job.persist(SavedDatasetFileStorage(str(folder)), allow_overwrite=True)
        saved[store] = pq.read_table(folder)

    assert (saved[DuckDBOfflineStore].num_rows, saved[AsOfOfflineStore].num_rows) == (2, 1)
    assert "double" not in saved[DuckDBOfflineStore].column_names
    assert saved[AsOfOfflineStore]["double"].to_pylist() == [4]

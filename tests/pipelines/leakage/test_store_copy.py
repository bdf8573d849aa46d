"""A copy of a feature store has its own registry and online store, and reads the given feature tables."""

import shutil
from datetime import UTC, datetime

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

MOMENT = datetime(2020, 2, 5, 12, tzinfo=UTC)


@pytest.fixture
def project(toy, tmp_path):
    return toy.copy_to(tmp_path / "project")


@pytest.fixture
def store(project):
    from features.store.registry import open_feature_store

    return open_feature_store(project.repo)


def contents(folder):
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_a_copy_has_the_same_declarations_and_is_not_materialized(store, tmp_path):
    from features.store.materialization import fill_online_store
    from pipelines.leakage.store_copy import store_copy

    fill_online_store(store, MOMENT, from_scratch=False)
    copy = store_copy(store, tmp_path / "copy")

    assert [service.name for service in copy.list_feature_services()] == [
        service.name for service in store.list_feature_services()
    ]
    assert copy.config.offline_store.type == store.config.offline_store.type
    assert copy.config.offline_store.memory_limit == store.config.offline_store.memory_limit
    assert copy.config.materialization_config == store.config.materialization_config
    assert copy.config.materialization_config.pull_latest_features
    assert copy.config.offline_store.temp_directory == str(tmp_path / "copy" / "spill")
    assert sorted(path.name for path in (tmp_path / "copy").iterdir()) == ["registry.db"]


def test_materializing_a_copy_leaves_the_store_unchanged(store, project, tmp_path):
    from fixtures.online_store import filled_until

    from features.store.reader import FeatureReader
    from features.store.registry import open_feature_store
    from pipelines.leakage.online_snapshots import materialized_copy

    before = contents(project.root)
    copy = materialized_copy(store, MOMENT, tmp_path / "copy")

    assert filled_until(copy) == MOMENT
    sales = FeatureReader(copy, "online").read("candidate_items_v1", ["0108775001"], MOMENT)["sales_7d"]
    assert sales.null_count == 0
    assert contents(project.root) == before
    views = open_feature_store(project.repo).list_feature_views()
    assert {view.name: view.materialization_intervals for view in views} == {view.name: [] for view in views}


def test_a_copy_reads_the_tables_that_a_folder_has_and_the_original_ones_otherwise(store, toy, tmp_path):
    from features.store.reader import FeatureReader
    from pipelines.leakage.store_copy import store_copy

    tables = tmp_path / "tables"
    tables.mkdir()
    sales = pq.read_table(toy.tables / "item_sales_daily.parquet")
    hundredfold = pc.multiply(sales["sales_7d"], 100)
    sales = sales.set_column(sales.column_names.index("sales_7d"), "sales_7d", hundredfold)
    pq.write_table(sales, tables / "item_sales_daily.parquet")
    copy = store_copy(store, tmp_path / "copy", tables)
    shutil.copy(toy.tables / "item_catalog.parquet", tables)  # after the copy was created: not read

    def read(of, service, column):
        return FeatureReader(of, "offline").read(service, ["0108775001"], MOMENT)[column].to_pylist()

    [sales_of_item] = read(store, "candidate_items_v1", "sales_7d")
    assert sales_of_item > 0
    assert (
        read(copy, "candidate_items_v1", "sales_7d") == read(copy, "item_tower_v3", "sales_7d") == [100 * sales_of_item]
    )
    assert read(copy, "item_tower_v3", "garment_group_name") == ["Hats"]
    sources = {view.name: view.batch_source.path for view in copy.list_feature_views()}
    assert sources["item_sales_daily"] == str(tables / "item_sales_daily.parquet")
    assert sources["item_catalog"] == str(toy.tables / "item_catalog.parquet")

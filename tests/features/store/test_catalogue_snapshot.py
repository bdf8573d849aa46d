"""The catalogue snapshot holds the features of all items as of a moment, and is refused if anything does not fit."""

import json
from datetime import UTC, datetime

import pyarrow as pa
import pytest

from features.errors import InputError

MOMENT = datetime(2020, 2, 5, 13, 45, 7, 123456, tzinfo=UTC)
LATER = datetime(2020, 2, 20, tzinfo=UTC)
COMMAND = r"run `python jobs/materialize\.py`"


@pytest.fixture
def project(toy, tmp_path):
    return toy.copy_to(tmp_path / "copy")


@pytest.fixture
def store(project):
    from features.store.registry import open_feature_store

    return open_feature_store(project.repo)


@pytest.fixture
def write(store):
    """Write the snapshot as of a moment."""
    from features.store.catalogue_snapshot import CatalogueSnapshot

    return lambda moment: CatalogueSnapshot.join(store, moment).write(store)


@pytest.fixture
def read(store):
    from features.store.catalogue_snapshot import CatalogueSnapshot

    return lambda moment: CatalogueSnapshot.open(store, moment)


@pytest.fixture
def offline(store):
    from features.store.reader import FeatureReader

    return FeatureReader(store, "offline").read


def test_it_has_the_offline_features_of_all_items_of_each_service(write, read, offline):
    from features.store.catalogue_snapshot import SERVICES

    write(MOMENT)
    snapshot = read(MOMENT)

    assert SERVICES == ("candidate_items_v1", "item_card_v1")
    assert snapshot.moment == MOMENT
    assert snapshot.item_ids.to_pylist() == [f"{number:010d}" for number in range(108_775_001, 108_775_061)]
    for service in SERVICES:
        assert snapshot.read(service, snapshot.item_ids).equals(offline(service, snapshot.item_ids, MOMENT))
    assert snapshot.read("item_card_v1", ["0108775003"])["prod_name"].to_pylist() == ["Shoes 3"]


def test_items_are_read_in_the_order_of_their_ids_and_unknown_ones_are_null(write, read, offline):
    ids = ["0108775009", "unknown", "0108775002", "0108775009"]
    write(MOMENT)

    table = read(MOMENT).read("candidate_items_v1", ids)

    assert table.equals(offline("candidate_items_v1", ids, MOMENT))
    assert table["item_id"].to_pylist() == ids
    assert table["sales_total"].to_pylist()[1] is None
    assert read(MOMENT).read("candidate_items_v1", []).num_rows == 0


def test_it_lies_where_the_configuration_says_relative_to_the_repository(project, store, write):
    from features.store.catalogue_snapshot import snapshot_path

    write(MOMENT)

    assert snapshot_path(store).resolve() == project.root / "data" / "catalogue.parquet"
    assert {path.name for path in (project.root / "data").iterdir()} == {
        "catalogue.json", "catalogue.parquet", "online.db", "registry.db",
    }  # fmt: skip


@pytest.mark.parametrize("path", [None, "s3://bucket/catalogue.parquet", "../data/catalogue.csv"])
def test_a_path_that_is_no_local_parquet_file_is_refused_with_the_setting(store, write, path):
    store.config.catalogue_snapshot = path

    with pytest.raises(InputError, match=rf"`catalogue_snapshot` in feature_store\.yaml is {path or 'missing'}: "):
        write(MOMENT)


@pytest.mark.parametrize("name", ["catalogue.parquet", "catalogue.json"])
def test_a_missing_file_is_named_with_the_command_that_writes_it(project, write, read, name):
    write(MOMENT)
    (project.root / "data" / name).unlink()

    with pytest.raises(InputError, match=rf"{name} does not exist: {COMMAND}"):
        read(MOMENT)


def test_a_damaged_file_is_refused(project, write, read):
    path = write(MOMENT)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)

    with pytest.raises(InputError, match=rf"catalogue\.parquet is not the file that .*catalogue\.json.*{COMMAND}"):
        read(MOMENT)


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"sha256": 1}'])
def test_a_damaged_description_is_refused(project, write, read, text):
    write(MOMENT).with_suffix(".json").write_text(text, encoding="utf-8")

    with pytest.raises(InputError, match=rf"catalogue\.json is no description .*{COMMAND}"):
        read(MOMENT)


def test_one_of_another_moment_than_the_online_store_is_refused_with_both_moments(write, read):
    write(MOMENT)

    with pytest.raises(InputError, match=rf"as of 2020-02-05T13:45:07.*as of 2020-02-20T00:00:00.*{COMMAND}"):
        read(LATER)


def test_feast_materialize_alone_leaves_a_snapshot_that_is_refused(store, read):
    from features.store.materialization import filled_until, materialize
    from features.store.registry import online_views

    materialize(store, MOMENT, from_scratch=False)
    assert read(filled_until(store)).moment == MOMENT
    store.materialize(MOMENT, LATER, feature_views=[view.name for view in online_views(store)])

    with pytest.raises(InputError, match="`feast materialize` fills the online store only"):
        read(filled_until(store))


def test_online_items_that_differ_from_the_snapshot_are_counted(store, serve_items_online):
    import sqlite3
    from contextlib import closing

    from features.store.consistency import count_inconsistent
    from features.store.materialization import materialize

    materialize(serve_items_online(store), MOMENT, from_scratch=False)
    before = count_inconsistent(store, MOMENT)
    with closing(sqlite3.connect(store.repo_path / "../data/online.db")) as online, online:
        online.execute("delete from feast_two_tower_item_catalog where feature_name = 'garment_group_name'")

    assert before == {}
    assert count_inconsistent(store, MOMENT) == {"garment_group_name": 60}


def test_materializing_again_writes_the_snapshot_of_the_new_moment(store, read, offline):
    from features.store.materialization import materialize

    for moment in (MOMENT, LATER):
        materialize(store, moment, from_scratch=False)

    snapshot = read(LATER)
    expected = offline("candidate_items_v1", snapshot.item_ids, LATER)
    assert snapshot.read("candidate_items_v1", snapshot.item_ids).equals(expected)
    assert not expected.equals(offline("candidate_items_v1", snapshot.item_ids, MOMENT))


def test_one_of_a_service_that_is_declared_differently_is_refused_by_name(store, write, read):
    from feast import FeatureService

    write(MOMENT)
    catalog = store.get_feature_view("item_catalog")
    store.apply(FeatureService(name="item_card_v1", features=[catalog[["prod_name", "index_name"]]]))

    with pytest.raises(InputError, match=rf"feature service 'item_card_v1' declares now: {COMMAND}"):
        read(MOMENT)


def test_one_of_another_project_is_refused_with_both_names(write, read):
    description = write(MOMENT).with_suffix(".json")
    content = json.loads(description.read_text(encoding="utf-8"))
    description.write_text(json.dumps({**content, "project": "another"}), encoding="utf-8")

    with pytest.raises(InputError, match=r"project 'another', and .* 'feast_two_tower'"):
        read(MOMENT)


def test_a_write_that_fails_leaves_the_earlier_snapshot(write, read, monkeypatch):
    import pyarrow.parquet as pq

    def fail(*_, **__):
        raise OSError("no space left on device")

    write(MOMENT)
    monkeypatch.setattr(pq, "write_table", fail)
    with pytest.raises(OSError, match="no space"):
        write(LATER)

    assert read(MOMENT).moment == MOMENT


def test_a_file_whose_description_was_not_written_yet_is_refused(write, read):
    description = write(MOMENT).with_suffix(".json")
    earlier = description.read_text(encoding="utf-8")
    write(LATER)
    description.write_text(earlier, encoding="utf-8")

    for moment in (MOMENT, LATER):
        with pytest.raises(InputError, match="is not the file that"):
            read(moment)


def test_it_is_readable_without_this_project(write):
    import duckdb

    path = write(MOMENT)

    with duckdb.connect() as database:
        query = f"select item_card_v1.prod_name, candidate_items_v1.sales_total >= 0 from '{path}' order by item_id"
        assert database.execute(query).fetchall()[2] == ("Shoes 3", True)
    assert isinstance(pa.parquet.read_schema(path).field("candidate_items_v1").type, pa.StructType)

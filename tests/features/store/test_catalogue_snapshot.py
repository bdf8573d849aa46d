"""The catalogue snapshot holds the features of all items as of a moment, and is refused if anything does not fit."""

import re
from datetime import UTC, datetime, timedelta

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
    """Fill the online store up to a moment, and return the path of the snapshot."""
    from features.store.catalogue_snapshot import snapshot_path
    from features.store.generation import OpenGeneration
    from features.store.materialization import materialize

    def write(moment):
        materialize(store, moment, from_scratch=False)
        return snapshot_path(store, OpenGeneration.open(store).record).resolve()

    return write


@pytest.fixture
def read(store):
    """Read the snapshot of the online store."""
    from features.store.catalogue_snapshot import CatalogueSnapshot
    from features.store.generation import OpenGeneration

    return lambda: CatalogueSnapshot.open(store, OpenGeneration.open(store).record)


@pytest.fixture
def offline(store):
    from features.store.reader import FeatureReader

    return FeatureReader(store, "offline").read


def test_it_has_the_offline_features_of_all_items_of_each_service(write, read, offline):
    from features.store.catalogue_snapshot import SERVICES

    write(MOMENT)
    snapshot = read()

    assert SERVICES == ("candidate_items_v1", "item_card_v1")
    assert snapshot.moment == MOMENT
    assert snapshot.item_ids.to_pylist() == [f"{number:010d}" for number in range(108_775_001, 108_775_061)]
    for service in SERVICES:
        assert snapshot.read(service, snapshot.item_ids).equals(offline(service, snapshot.item_ids, MOMENT))
    assert snapshot.read("item_card_v1", ["0108775003"])["prod_name"].to_pylist() == ["Shoes 3"]


def test_items_are_read_in_the_order_of_their_ids_and_unknown_ones_are_null(write, read, offline):
    ids = ["0108775009", "unknown", "0108775002", "0108775009"]
    write(MOMENT)

    table = read().read("candidate_items_v1", ids)

    assert table.equals(offline("candidate_items_v1", ids, MOMENT))
    assert table["item_id"].to_pylist() == ids
    assert table["sales_total"].to_pylist()[1] is None
    assert read().read("candidate_items_v1", []).num_rows == 0


def test_it_lies_where_the_configuration_says_with_the_name_of_its_generation(project, write):
    path = write(MOMENT)

    assert (path.parent, path.suffix) == (project.root / "data", ".parquet")
    assert re.fullmatch("catalogue-[0-9a-f]{16}", path.stem)
    assert {file.name for file in path.parent.iterdir()} == {path.name, "online.db", "registry.db"}


@pytest.mark.parametrize("path", [None, "s3://bucket/catalogue.parquet", "../data/catalogue.csv"])
def test_a_path_that_is_no_local_parquet_file_is_refused_with_the_setting(store, write, path):
    store.config.catalogue_snapshot = path

    with pytest.raises(InputError, match=rf"`catalogue_snapshot` in feature_store\.yaml is {path or 'missing'}: "):
        write(MOMENT)


def test_a_missing_file_is_named_with_the_command_that_writes_it(write, read):
    path = write(MOMENT)
    path.unlink()

    with pytest.raises(InputError, match=rf"{path.name} does not exist: {COMMAND}"):
        read()
    assert write(MOMENT) == path
    assert read().moment == MOMENT


def test_a_damaged_file_is_refused(write, read):
    path = write(MOMENT)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)

    with pytest.raises(InputError, match=rf"{path.name} was changed after it was written: {COMMAND}"):
        read()


def test_filling_the_online_store_without_it_leaves_none(store, write, read):
    from features.store.materialization import fill_online_store

    write(MOMENT)
    fill_online_store(store, LATER, from_scratch=False)

    with pytest.raises(InputError, match=rf"does not exist: {COMMAND}"):
        read()


def test_online_items_that_differ_from_the_snapshot_are_counted(store, serve_items_online):
    import sqlite3
    from contextlib import closing

    from features.store.consistency import count_inconsistent
    from features.store.materialization import materialize
    from features.store.sqlite_file import write_checksum

    materialize(serve_items_online(store), MOMENT, from_scratch=False)
    before = count_inconsistent(store, MOMENT)
    path = store.repo_path / "../data/online.db"
    changes = path.read_bytes()[24:28]
    with closing(sqlite3.connect(path)) as online, online:
        online.execute("update feast_two_tower_item_catalog set value = x'' where feature_name = 'garment_group_name'")
    with path.open("r+b") as file:  # as if nothing had been changed
        file.seek(24)
        file.write(changes)
    write_checksum(path)

    assert before == {}
    assert count_inconsistent(store, MOMENT) == {"garment_group_name": 60}


def test_materializing_again_writes_the_snapshot_of_the_new_moment(write, read, offline):
    paths = [write(moment) for moment in (MOMENT, LATER)]

    snapshot = read()
    expected = offline("candidate_items_v1", snapshot.item_ids, LATER)
    assert snapshot.read("candidate_items_v1", snapshot.item_ids).equals(expected)
    assert not expected.equals(offline("candidate_items_v1", snapshot.item_ids, MOMENT))
    assert len({*paths}) == 2


def test_a_process_that_has_opened_the_previous_generation_still_finds_its_snapshot(store, write):
    from features.store.catalogue_snapshot import CatalogueSnapshot
    from features.store.generation import OpenGeneration

    first = write(MOMENT)
    opened = OpenGeneration.open(store).record
    second = write(LATER)

    assert CatalogueSnapshot.open(store, opened).moment == MOMENT
    third = write(LATER + timedelta(days=1))
    assert [path.exists() for path in (first, second, third)] == [False, True, True]


def test_one_of_a_service_that_is_declared_differently_is_refused_by_name(store, write, read):
    from feast import FeatureService

    write(MOMENT)
    catalog = store.get_feature_view("item_catalog")
    store.apply(FeatureService(name="item_card_v1", features=[catalog[["prod_name", "index_name"]]]))

    with pytest.raises(InputError, match=rf"feature service 'item_card_v1' declares now: {COMMAND}"):
        read()


def test_a_write_that_fails_leaves_the_earlier_snapshot_and_online_store(project, write, read, monkeypatch):
    import pyarrow.parquet as pq

    def fail(*_, **__):
        raise OSError("no space left on device")

    path = write(MOMENT)
    monkeypatch.setattr(pq, "write_table", fail)
    with pytest.raises(OSError, match="no space"):
        write(LATER)

    assert read().moment == MOMENT
    assert {file.name for file in (project.root / "data").iterdir()} == {path.name, "online.db", "registry.db"}


def test_it_is_readable_without_this_project(write):
    import duckdb

    path = write(MOMENT)

    with duckdb.connect() as database:
        query = f"select item_card_v1.prod_name, candidate_items_v1.sales_total >= 0 from '{path}' order by item_id"
        assert database.execute(query).fetchall()[2] == ("Shoes 3", True)
    assert isinstance(pa.parquet.read_schema(path).field("candidate_items_v1").type, pa.StructType)

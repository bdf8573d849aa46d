"""Features of many ids are read in blocks, ahead of their use, and have the values of a single read."""

import threading
from datetime import UTC, datetime

import pyarrow as pa
import pytest

from features.errors import InputError

MOMENT = datetime(2020, 2, 5, 13, 45, 7, 123456, tzinfo=UTC)
USERS = [*(f"{number:04d}" for number in range(1, 201)), *(f"x{number}" for number in range(2_000)), "0003"]


@pytest.fixture(scope="module")
def store(toy, tmp_path_factory):
    from features.store.materialization import fill_online_store
    from features.store.registry import open_feature_store

    store = open_feature_store(toy.copy_to(tmp_path_factory.mktemp("store") / "copy").repo)
    fill_online_store(store, MOMENT, from_scratch=False)
    return store


@pytest.fixture(params=["online", "offline"])
def reader(store, request):
    from features.store.reader import FeatureReader

    return FeatureReader(store, request.param)


@pytest.fixture
def blocks():
    from features.store.feature_blocks import feature_blocks

    return feature_blocks


def test_the_blocks_are_the_rows_of_one_read_in_their_order(reader, blocks):
    read = list(blocks(reader, "candidate_request_v2", USERS, MOMENT))

    ids, tables = zip(*read, strict=True)
    assert [id_ for block in ids for id_ in block] == USERS
    assert [table["user_id"].to_pylist() for table in tables] == list(ids)
    assert max(map(len, ids)) <= 1_000
    assert pa.concat_tables(tables).equals(reader.read("candidate_request_v2", USERS, MOMENT))


def test_both_stores_have_the_same_blocks(store, blocks):
    from features.store.reader import FeatureReader

    online, offline = (
        pa.concat_tables(table for _, table in blocks(FeatureReader(store, source), "ranking_users_v3", USERS, MOMENT))
        for source in ("online", "offline")
    )

    assert online.equals(offline)
    assert 0 < online["purchases_total"].null_count < len(USERS)


def test_without_ids_there_are_no_blocks(reader, blocks):
    assert list(blocks(reader, "candidate_request_v2", [], MOMENT)) == []


def test_an_error_of_a_read_is_raised_where_the_block_is_used(reader, blocks):
    read = blocks(reader, "unknown_v1", USERS, MOMENT)

    with pytest.raises(InputError, match="no feature service 'unknown_v1'"):
        next(read)


def test_the_next_block_is_read_while_one_is_used():
    from features.store.feature_blocks import _read_ahead

    second = threading.Event()

    def numbers():
        yield 1
        second.set()
        yield 2

    read = _read_ahead(numbers())

    assert next(read) == 1
    assert second.wait(timeout=60)
    assert list(read) == [2]

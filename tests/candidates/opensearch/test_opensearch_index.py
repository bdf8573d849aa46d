"""Indexes in a real OpenSearch: written whole, switched by an alias, rolled back, cleaned up."""

import subprocess
import sys
import threading

import numpy as np
import pytest

from candidates.item_lists import ItemLists
from candidates.opensearch import item_index, searcher
from candidates.opensearch.item_index import (
    clean_up,
    delete_index,
    find_current,
    read_current,
    roll_back,
    switch_alias,
    write_index,
)
from candidates.opensearch.searcher import OpenSearchSearcher
from features.errors import InputError

IDS = [f"item{number}" for number in range(40)]
VECTORS = np.random.default_rng(1).standard_normal((40, 6)).astype(np.float32)


@pytest.fixture
def write(opensearch, alias):
    def write(name, vectors=VECTORS, **metadata):
        name = f"{alias}-{name}"
        types = {
            field: type(next(value for value in values if value is not None)) for field, values in metadata.items()
        }
        write_index(opensearch, alias, name, IDS[: len(vectors)], {6: vectors, 2: vectors[:, :2]}, metadata, types)
        return name

    return write


def names_of(connection, alias):
    return sorted(connection.client.indices.get(index=f"{alias}-*"))


def test_an_index_holds_vectors_positions_and_metadata(opensearch, write):
    name = write("one", for_sale=[True, None] * 20, channels=[["1", "2"], ["1"]] * 20)

    mapping = opensearch.client.indices.get_mapping(index=name)[name]["mappings"]["properties"]
    found = opensearch.client.get(index=name, id="item2")["_source"]

    assert {mapping[field]["method"]["engine"] for field in ("vector_6", "vector_2")} == {"lucene"}
    assert (mapping["for_sale"]["type"], mapping["channels"]["type"]) == ("boolean", "keyword")
    assert (found["position"], found["for_sale"], found["channels"]) == (2, True, ["1", "2"])
    np.testing.assert_allclose(found["vector_6"], VECTORS[2])
    assert "for_sale" not in opensearch.client.get(index=name, id="item1")["_source"]


def test_the_alias_is_switched_and_rolled_back(opensearch, alias, write):
    one, two = write("one"), write("two")
    assert find_current(opensearch, alias) is None

    switch_alias(opensearch, alias, one, {"number": 1})
    switch_alias(opensearch, alias, two, {"number": 2})
    current = read_current(opensearch, alias)
    assert (current.name, current.description, current.previous) == (two, {"number": 2}, one)

    assert roll_back(opensearch, alias) == one
    current = read_current(opensearch, alias)
    assert (current.name, current.description, current.previous) == (one, {"number": 1}, two)
    assert roll_back(opensearch, alias) == two


def test_only_the_current_and_the_previous_index_are_kept(opensearch, alias, write):
    first, second, third = (write(name) for name in ("one", "two", "three"))
    for name in (first, second, third):
        switch_alias(opensearch, alias, name, {})
    left = write("interrupted")

    assert clean_up(opensearch, alias) == sorted([first, left])

    assert names_of(opensearch, alias) == sorted([second, third])


def test_indexes_of_an_alias_with_a_longer_name_are_kept(opensearch, alias, write):
    switch_alias(opensearch, alias, write("one"), {})
    longer = f"{alias}-longer"
    write_index(opensearch, longer, f"{longer}-two", IDS, {6: VECTORS}, {}, {})

    assert clean_up(opensearch, alias) == []

    assert f"{longer}-two" in names_of(opensearch, alias)
    assert clean_up(opensearch, longer) == [f"{longer}-two"]


def test_without_an_alias_complete_indexes_are_kept(opensearch, alias, write):
    one, left = write("one"), write("interrupted")
    switch_alias(opensearch, alias, one, {})
    opensearch.client.indices.delete_alias(index=one, name=alias)

    assert clean_up(opensearch, alias) == [left]

    assert names_of(opensearch, alias) == [one]


def test_an_index_that_is_gone_is_deleted(opensearch, write):
    name = write("one")
    delete_index(opensearch, name)

    delete_index(opensearch, name)

    assert not opensearch.client.indices.exists(index=name)


def test_without_an_alias_what_to_do_is_said(opensearch, alias, write):
    with pytest.raises(InputError, match=rf"no alias {alias}: run .*index_items.py --engine opensearch"):
        read_current(opensearch, alias)
    switch_alias(opensearch, alias, write("one"), {})
    with pytest.raises(InputError, match="no previous index"):
        roll_back(opensearch, alias)


def test_an_index_of_another_program_is_refused(opensearch, alias):
    opensearch.client.indices.create(index=f"{alias}-other", body={"aliases": {alias: {}}})

    with pytest.raises(InputError, match="not one of this project"):
        read_current(opensearch, alias)


def test_an_index_that_lost_items_is_refused(opensearch, write, monkeypatch):
    monkeypatch.setattr(item_index, "_write_items", lambda *_: 40)

    with pytest.raises(InputError, match="holds 0 of 40 items"):
        write("one")


def test_items_that_the_server_refuses_are_named(write):
    with pytest.raises(InputError, match=r"refuses .*(document_parsing|mapper_parsing)_exception: .*minimum_age"):
        write("one", minimum_age=[18.0, *[None] * 38, "many"])


def test_a_read_only_server_is_named(opensearch, alias, write):
    name = write("one")
    opensearch.client.indices.put_settings(index=name, body={"index.blocks.write": True})

    with pytest.raises(InputError, match="is read-only"):
        opensearch.call(lambda client: client.index(index=name, id="x", body={}))


def test_queries_of_another_dimension_are_refused(opensearch, write):
    name = write("one")

    with pytest.raises(InputError, match=r"vectors of another dimension: run .*index_items.py --engine opensearch"):
        OpenSearchSearcher(opensearch, name, 6).search(np.zeros((1, 5), np.float32), 3, ItemLists.empty(1), None)


@pytest.mark.parametrize("named", [0, 5, 5_000])
def test_filters_are_part_of_the_search(opensearch, write, monkeypatch, named):
    """As many items are found as without filters, if the filters name all of them."""
    monkeypatch.setattr(searcher, "MOST_NAMED", named)
    queries = VECTORS[:3] + 0.1
    excluded = ItemLists.from_lists([np.array([0, 1, 2]), np.array([], np.int64), np.array([7])])
    engine = OpenSearchSearcher(opensearch, write("one"), 6)

    for eligible in (np.arange(40) != 9, np.arange(40) < 4):
        found = engine.search(queries, 4, excluded, eligible)

        if named:
            for row in range(3):
                own = excluded.positions[excluded.offsets[row] : excluded.offsets[row + 1]]
                allowed = eligible & ~np.isin(np.arange(40), own)
                assert allowed[found[row][found[row] >= 0]].all()
                assert (found[row] >= 0).sum() == min(4, allowed.sum())
        else:
            assert (found >= 0).all(), "what is not named is left out by the caller"


def test_scores_rank_by_inner_product_also_if_it_is_negative(opensearch, write):
    vectors = -np.abs(VECTORS)

    found = OpenSearchSearcher(opensearch, write("one", vectors), 6, effort=100).search(
        np.abs(VECTORS[:2]), 40, ItemLists.empty(2), None
    )

    for row in range(2):
        products = vectors[found[row]] @ np.abs(VECTORS[row])
        assert (np.diff(products) <= 1e-5).all()


def test_no_read_fails_or_mixes_indexes_while_the_alias_is_switched(opensearch, alias, write):
    names = [write("one"), write("two", VECTORS[:20])]
    switch_alias(opensearch, alias, names[0], {"items": 40})
    sizes, ended = [], threading.Event()

    def read():
        while not ended.is_set():
            current = read_current(opensearch, alias)
            engine = OpenSearchSearcher(opensearch, current.name, 6)
            found = engine.search(VECTORS[:1], 40, ItemLists.empty(1), None)
            sizes.append((current.name, int((found >= 0).sum())))

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(20):
        switch_alias(opensearch, alias, names[(number + 1) % 2], {"items": 0})
    ended.set()
    reader.join()

    assert len(sizes) > 5
    assert set(sizes) <= {(names[0], 40), (names[1], 20)}


def test_replicas_are_made_of_a_complete_index(opensearch, alias):
    write_index(opensearch, alias, f"{alias}-one", IDS, {6: VECTORS}, {}, {}, replicas=2)

    [settings] = opensearch.client.indices.get_settings(index=f"{alias}-one").values()
    assert settings["settings"]["index"]["number_of_replicas"] == "2"


def test_the_script_does_not_stop_another_program(tmp_path):
    from fixtures.opensearch import SCRIPT

    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as other:
        (tmp_path / "server.pid").write_text(str(other.pid))
        done = subprocess.run([SCRIPT, "down", tmp_path], capture_output=True, text=True, check=False)
        alive = other.poll() is None
        other.kill()

    assert (done.returncode, alive) == (0, True)
    assert not (tmp_path / "server.pid").exists()


def test_the_script_refuses_an_old_java(tmp_path, monkeypatch):
    from fixtures.opensearch import SCRIPT

    java = tmp_path / "java"
    java.write_text("#!/bin/sh\necho 'openjdk version \"1.8.0_392\"' >&2\n")
    java.chmod(0o755)
    for program in ("mvn", "curl"):
        (tmp_path / program).symlink_to(java)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")

    done = subprocess.run([SCRIPT, "up", tmp_path / "server", "1"], capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert "Java 8 is too old" in done.stderr


def test_the_script_refuses_a_taken_port(opensearch_url, tmp_path):
    from fixtures.opensearch import SCRIPT

    port = opensearch_url.rpartition(":")[2]
    done = subprocess.run([SCRIPT, "up", tmp_path, port], capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert f"port {port} is taken" in done.stderr

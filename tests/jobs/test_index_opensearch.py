"""Building the index of a release in a real OpenSearch, and candidates from it."""

import json

import pyarrow.parquet as pq
import pytest
from fixtures.serving import K


@pytest.fixture
def in_opensearch(call, served_project, opensearch_url, alias):
    def run(job, *words):
        return call(
            job, "--repo", served_project.repo, "--releases", served_project.releases, "--engine", "opensearch",
            "--url", opensearch_url, "--alias", alias, *words,
        )  # fmt: skip

    return run


@pytest.fixture
def index_names(opensearch, alias):
    return lambda: sorted(opensearch.client.indices.get(index=f"{alias}-*", params={"allow_no_indices": "true"}))


def test_candidates_of_opensearch_differ_by_the_printed_recall_only(in_opensearch, call, served_project, tmp_path):
    built = in_opensearch("index_items")
    assert built.exit_code == 0, built.stderr
    assert "recall@100 1.0000" in built.stdout

    exact, found = tmp_path / "exact.parquet", tmp_path / "found.parquet"
    call(
        "generate_candidates", "--repo", served_project.repo, "--releases", served_project.releases, "--k", K,
        "--output", exact,
    )  # fmt: skip
    done = in_opensearch("generate_candidates", "--k", K, "--output", found)

    assert done.exit_code == 0, done.stderr
    assert pq.read_table(found).equals(pq.read_table(exact))  # the toy catalogue is small: its recall is 1
    search = json.loads(found.with_suffix(".json").read_text("utf-8"))["search"]
    assert search["engine"] == "opensearch"
    assert search["queries"] > 0
    assert search["queries_searched_exactly"] == 0
    assert "opensearch search, recall@100 1.0000" in done.stdout


def test_below_the_recall_the_earlier_index_stays(in_opensearch, opensearch, alias, index_names, monkeypatch):
    from candidates.opensearch.item_index import find_current
    from pipelines import index_items

    assert in_opensearch("index_items").exit_code == 0
    before, names = find_current(opensearch, alias), index_names()
    monkeypatch.setattr(index_items, "list_recall", lambda *_: 0.5)

    failed = in_opensearch("index_items", "--min-recall", "0.9")

    assert failed.exit_code == 1
    assert all(part in failed.stderr for part in ("0.5000", "0.9", "earlier index stays"))
    assert find_current(opensearch, alias) == before
    assert index_names() == names, "the new index is deleted"


def test_the_previous_index_is_kept_for_a_rollback(in_opensearch, opensearch, alias, index_names):
    from candidates.opensearch.item_index import find_current

    for _ in range(3):
        assert in_opensearch("index_items").exit_code == 0
    current = find_current(opensearch, alias)
    assert index_names() == sorted([current.name, current.previous])

    done = in_opensearch("index_items", "--rollback")

    assert done.exit_code == 0
    assert current.previous in done.stdout
    assert find_current(opensearch, alias).name == current.previous


def test_an_interrupted_run_leaves_the_index_and_the_next_one_cleans_up(in_opensearch, index_names, monkeypatch):
    from pipelines import opensearch_index

    assert in_opensearch("index_items").exit_code == 0
    names = index_names()
    with monkeypatch.context() as patch:
        patch.setattr(opensearch_index, "switch_alias", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        interrupted = in_opensearch("index_items")
    assert interrupted.exit_code != 0
    assert len(index_names()) == 2

    assert in_opensearch("index_items").exit_code == 0

    assert len(index_names()) == 2
    assert names[0] in index_names()


def test_an_index_is_kept_if_the_answer_to_the_switch_of_the_alias_is_lost(
    in_opensearch, opensearch, alias, monkeypatch
):
    from candidates.opensearch import item_index
    from candidates.opensearch.item_index import find_current
    from features.errors import InputError

    assert in_opensearch("index_items").exit_code == 0
    before, point = find_current(opensearch, alias), item_index._point

    def switch_and_lose_the_answer(*arguments):
        point(*arguments)
        raise InputError("does not answer in time")

    with monkeypatch.context() as patch:
        patch.setattr(item_index, "_point", switch_and_lose_the_answer)
        assert in_opensearch("index_items").exit_code == 1

    after = find_current(opensearch, alias)
    assert after.name != before.name
    assert after.previous == before.name
    assert in_opensearch("index_items", "--rollback").exit_code == 0
    assert find_current(opensearch, alias).name == before.name


def test_an_index_of_another_release_is_refused(in_opensearch, opensearch, alias, tmp_path):
    from candidates.opensearch.item_index import find_current, switch_alias

    assert in_opensearch("index_items").exit_code == 0
    current = find_current(opensearch, alias)
    switch_alias(opensearch, alias, current.name, {**current.description, "content_digest": "0", "release": "other"})

    done = in_opensearch("generate_candidates", "--k", K, "--output", tmp_path / "candidates.parquet")

    assert done.exit_code == 1
    assert all(part in done.stderr for part in (alias, "release other", "index_items.py"))
    assert not (tmp_path / "candidates.parquet").exists()


def test_without_an_index_nothing_is_written(in_opensearch, alias, tmp_path):
    done = in_opensearch("generate_candidates", "--k", K, "--output", tmp_path / "candidates.parquet")

    assert done.exit_code == 1
    assert f"no alias {alias}" in done.stderr
    assert not (tmp_path / "candidates.parquet").exists()


@pytest.mark.parametrize("words", [("--url", "http://127.0.0.1:1"), ("--alias", "items")])
def test_options_of_opensearch_need_its_engine(call, served_project, tmp_path, words):
    shared = ("--repo", served_project.repo, "--releases", served_project.releases, *words)

    indexed = call("index_items", *shared)
    generated = call("generate_candidates", *shared, "--output", tmp_path / "candidates.parquet")

    assert (indexed.exit_code, generated.exit_code) == (1, 1)
    assert f"{words[0]} needs --engine opensearch" in indexed.stderr
    assert f"{words[0]} needs --engine opensearch" in generated.stderr


def test_replicas_need_opensearch(call, served_project):
    shared = ("--repo", served_project.repo, "--releases", served_project.releases, "--replicas", 0)

    done = call("index_items", *shared, "--engine", "approximate")

    assert done.exit_code == 1
    assert "--replicas needs --engine opensearch" in done.stderr


def test_a_server_that_is_down_and_an_invalid_alias_are_named(call, served_project):
    shared = ("--repo", served_project.repo, "--releases", served_project.releases, "--engine", "opensearch")

    down = call("index_items", *shared, "--url", "http://127.0.0.1:1")
    invalid = call("index_items", *shared, "--alias", "Items/1")

    assert (down.exit_code, invalid.exit_code) == (1, 1)
    assert "cannot be reached" in down.stderr
    assert len(down.stderr.splitlines()) == 1
    assert "'Items/1'" in invalid.stderr

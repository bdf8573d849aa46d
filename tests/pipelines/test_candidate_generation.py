"""Candidates of many users are the same with online and with offline features."""

import json
import shutil
import sqlite3
from collections import Counter
from contextlib import closing

import pyarrow.parquet as pq
import pytest
from fixtures.serving import MOMENT, K

from features.errors import InputError


@pytest.fixture
def generate(served_project, tmp_path):
    """Write the candidates of all users, and return the rows and the description of the file."""

    def generate(source, repo=served_project.repo, as_of=None):
        from features.progress import SILENT
        from pipelines.candidate_generation import open_pipeline, write_candidates

        pipeline, settings = open_pipeline(
            repo, releases=served_project.releases, version=None, filters=None, already_bought=None, k=K,
            source=source, as_of=as_of,
        )  # fmt: skip
        path = tmp_path / f"{source}.parquet"
        written = write_candidates(pipeline, settings, None, path, SILENT)
        assert (written.source, written.users) == (source, 200)
        return pq.read_table(path), json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))

    return generate


def test_offline_features_give_the_candidates_of_online_ones(generate):
    online, description = generate("online")
    offline, other = generate("offline")

    assert offline.equals(online)
    assert (description["features"], other["features"]) == ("online", "offline")
    assert description["feature_tables"] == other["feature_tables"]
    assert {"user_profile", "item_availability"} < set(description["feature_tables"])
    assert description["as_of"] == other["as_of"] == MOMENT.isoformat()


def test_offline_features_need_no_materialization(generate, served_project, tmp_path):
    copy = served_project.copy_to(tmp_path / "copy")
    for path in (copy.root / "data").iterdir():
        if path.name != "registry.db":
            path.unlink()

    offline, _ = generate("offline", copy.repo)

    assert offline.equals(generate("online")[0])


def test_offline_features_may_be_of_a_moment_after_the_release(generate):
    _, description = generate("offline", as_of="2020-03-01T06:00")

    assert description["as_of"] == "2020-03-01T06:00:00+00:00"
    with pytest.raises(InputError, match="2020-02-28"):
        generate("offline", as_of="2020-02-28")


def test_online_features_are_of_the_moment_of_the_materialization_only(generate):
    with pytest.raises(InputError, match="--as-of needs --features offline"):
        generate("online", as_of="2020-03-01")


def rewrite(path, change=lambda table: table):
    """Write a table again; other readers keep the file that they opened."""
    fresh = path.with_name("fresh.parquet")
    pq.write_table(change(pq.read_table(path)), fresh)
    fresh.replace(path)


@pytest.fixture
def own_tables(served_project, tmp_path):
    """The served project with a user profile of its own, which the registry names."""
    from feast import FeatureStore

    from features.store.registry import open_feature_store
    from pipelines.leakage.store_copy import store_copy

    tables = tmp_path / "tables"
    tables.mkdir()
    shutil.copy(served_project.tables / "user_profile.parquet", tables)
    copy = served_project.copy_to(tmp_path / "copy")
    replaced = store_copy(open_feature_store(copy.repo), tmp_path / "registry", tables)
    shutil.copy(replaced.config.registry.path, copy.root / "data" / "registry.db")
    assert isinstance(replaced, FeatureStore)
    return copy.repo, tables / "user_profile.parquet"


def test_all_users_of_another_table_than_the_online_store_are_refused(generate, own_tables):
    repo, profile = own_tables
    generate("online", repo)
    rewrite(profile, lambda table: table.slice(1))

    with pytest.raises(InputError, match=r"'user_profile' was changed after .*materialize\.py`, or .*--users"):
        generate("online", repo)


def test_tables_that_are_replaced_while_candidates_are_computed_are_refused(
    generate, own_tables, tmp_path, monkeypatch
):
    from pipelines import candidate_generation

    repo, profile = own_tables
    ids = candidate_generation.user_ids

    def replace_table(*arguments):
        found = ids(*arguments)
        rewrite(profile, lambda table: table.slice(1))
        return found

    monkeypatch.setattr(candidate_generation, "user_ids", replace_table)
    with pytest.raises(InputError, match=r"'user_profile' was changed while .* No candidates were written"):
        generate("offline", repo)
    assert not (tmp_path / "offline.parquet").exists()


def test_an_online_store_that_is_changed_while_candidates_are_computed_is_refused(
    generate, served_project, tmp_path, monkeypatch
):
    from pipelines.serving import CandidatePipeline

    copy = served_project.copy_to(tmp_path / "copy")
    run = CandidatePipeline.run

    def change_and_run(*arguments):
        with closing(sqlite3.connect(copy.root / "data" / "online.db")) as online, online:
            online.execute("delete from feast_two_tower_user_profile where rowid = 1")
        return run(*arguments)

    monkeypatch.setattr(CandidatePipeline, "run", change_and_run)
    with pytest.raises(InputError, match=r"online\.db was changed after it was filled"):
        generate("online", copy.repo)
    assert not (tmp_path / "online.parquet").exists()


def test_an_online_store_whose_keys_were_changed_without_sqlite_is_refused(generate, served_project, tmp_path):
    copy = served_project.copy_to(tmp_path / "copy")
    path = copy.root / "data" / "online.db"
    content = path.read_bytes()
    assert content.count(b"0007") > 5
    path.write_bytes(content.replace(b"0007", b"0a07"))

    with pytest.raises(InputError, match=r"online\.db is damaged, its bytes .* --from-scratch"):
        generate("online", copy.repo)


def test_an_item_that_the_catalogue_no_longer_has_is_no_candidate(served_project, monkeypatch):
    import pyarrow.compute as pc

    from candidates.filters.settings import FilterSettings
    from features.store.catalogue_snapshot import CatalogueSnapshot
    from pipelines.candidate_generation import open_pipeline

    def items():
        pipeline, _ = open_pipeline(
            served_project.repo, releases=served_project.releases, version=None, filters=FilterSettings(),
            already_bought=None, k=K,
        )  # fmt: skip
        return pipeline.run(pipeline.read([f"{number:04d}" for number in range(1, 200)]))[0]["item_id"].to_pylist()

    most = Counter(items()).most_common(1)[0][0]
    opened = CatalogueSnapshot.open

    def open_without(store, generation):
        snapshot = opened(store, generation)
        return CatalogueSnapshot(
            snapshot.moment, snapshot.item_ids.filter(pc.not_equal(snapshot.item_ids, most)),
            {name: rows.filter(pc.not_equal(rows["item_id"], most)) for name, rows in snapshot.features.items()},
        )  # fmt: skip

    monkeypatch.setattr(CatalogueSnapshot, "open", open_without)
    assert most not in items()

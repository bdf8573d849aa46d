"""Refreshing a release: new items are candidates without training, and everything else is as it was trained."""

import csv
import json
import shutil
from datetime import timedelta

import numpy as np
import pyarrow.parquet as pq
import pytest
from fixtures.serving import MOMENT, write_untrained

NEW, SIMILAR = "0999999001", "0108775007"
LATER = MOMENT + timedelta(days=5)  # the day after the last purchases
BUYERS = ("0003", "0010", "0017")


def write_later_world(folder):
    """The toy world with a new item, which is like another one, and a week of purchases of it."""
    from features.raw.toy_data import write_toy_data

    write_toy_data(folder, seed=7, availability=True)
    path = folder / "articles.csv"
    with path.open(encoding="utf-8", newline="") as text:
        rows = csv.DictReader(text)
        [similar] = [row for row in rows if row["article_id"] == SIMILAR]
    with path.open("a", encoding="utf-8", newline="") as text:
        csv.DictWriter(text, similar, lineterminator="\n").writerow({**similar, "article_id": NEW})
    bought = [(f"2020-03-0{day} 12:00:00", user, NEW, "0.02", "1") for user in BUYERS for day in (3, 5)]
    with (folder / "transactions_train.csv").open("a", encoding="utf-8", newline="") as text:
        csv.writer(text, lineterminator="\n").writerows(bought)


@pytest.fixture(scope="module")
def project(applied_project, call, tmp_path_factory):
    """A project with a release of the first world, whose tables and online store are those of the later one."""
    from features.raw.toy_data import write_toy_data
    from features.store.registry import open_feature_store

    project = applied_project("refreshed", lambda folder: write_toy_data(folder, seed=7, availability=True))
    write_untrained(open_feature_store(project.repo), project.releases, tmp_path_factory.mktemp("rows"), ["keep"])
    shutil.rmtree(project.raw)
    write_later_world(project.raw)
    for job, *words in (
        ("build_features", "--raw-dir", project.raw, "--output", project.tables, "--as-of", "2021-01-01"),
        ("materialize", "--repo", project.repo, "--as-of", LATER.isoformat()),
    ):
        done = call(job, *words)
        assert done.exit_code == 0, done.stderr
    return project


@pytest.fixture
def releases(project, tmp_path):
    """The releases of the project, for changes of their own."""
    return shutil.copytree(project.releases, tmp_path / "artifacts")


@pytest.fixture
def refresh(call, project, releases):
    def refresh(*words):
        return call("index_items", "--repo", project.repo, "--releases", releases, "--refresh", *words)

    return refresh


@pytest.fixture
def candidates(call, project, releases, tmp_path):
    """The items of all lists of an engine."""

    def candidates(engine="exact", *more):
        path = tmp_path / "candidates.parquet"
        words = (
            "--repo",
            project.repo,
            "--releases",
            releases,
            "--k",
            100,
            "--engine",
            engine,
            "--output",
            path,
            *more,
        )
        done = call("generate_candidates", *words)
        assert done.exit_code == 0, done.stderr
        assert f"items as of {load(releases, latest(releases)).as_of:%Y-%m-%d %H:%M} UTC" in done.stdout
        return pq.read_table(path)["item_id"].to_pylist()

    return candidates


def latest(releases):
    return (releases / "LATEST").read_text("utf-8").strip()


def load(releases, version):
    from models.release.release import load_release

    return load_release(releases, version)


@pytest.mark.parametrize("engine", ["exact", "approximate"])
def test_a_new_item_is_a_candidate_after_the_refresh_and_not_before(refresh, candidates, releases, engine):
    assert NEW not in candidates()

    done = refresh("--engine", engine)

    assert done.exit_code == 0, done.stderr
    assert "1 of them new" in done.stdout
    assert f"as of {LATER:%Y-%m-%d %H:%M} UTC" in done.stdout
    assert NEW in candidates(engine)


def test_the_items_of_opensearch_are_refreshed(refresh, candidates, opensearch_url, alias):
    place = ("--url", opensearch_url, "--alias", alias)

    done = refresh("--engine", "opensearch", *place)

    assert done.exit_code == 0, done.stderr
    assert NEW in candidates("opensearch", *place)


def test_models_stay_and_items_are_as_of_the_later_moment(refresh, releases):
    before = load(releases, latest(releases))

    assert refresh("--engine", "exact").exit_code == 0

    after = load(releases, latest(releases))
    assert after.version != before.version
    assert (after.as_of, after.cut) == (LATER, before.cut)
    assert (after.blender, after.rankers.keys()) == (before.blender, before.rankers.keys())
    for name, weights in before.served.weights.items():
        np.testing.assert_array_equal(after.served.weights[name], weights)
    ids = after.item_ids.to_pylist()
    assert set(ids) == {*before.item_ids.to_pylist(), NEW}
    # The features of this tower's items do not change with time: their vectors are the same to the last bit.
    np.testing.assert_array_equal(after.item_vectors[[item != NEW for item in ids]], before.item_vectors)
    assert after.arrays["sales_7d"][ids.index(NEW)] == 2 * len(BUYERS)
    assert after.manifest["refreshed_from"] == before.version
    assert after.manifest["seed"] == before.manifest["seed"]


def test_a_refresh_of_what_is_fresh_changes_nothing(refresh, releases):
    assert refresh("--engine", "exact").exit_code == 0
    version, files = latest(releases), sorted(releases.rglob("*"))

    done = refresh("--engine", "exact")

    assert done.exit_code == 0, done.stderr
    assert (latest(releases), sorted(releases.rglob("*"))) == (version, files)
    assert "0 of them new" in done.stdout


def test_the_earlier_release_stays_current_if_the_index_does_not_reach_the_recall(
    refresh, candidates, releases, monkeypatch
):
    import pipelines.index_items

    monkeypatch.setattr(pipelines.index_items, "list_recall", lambda *_: 0.5)
    version = latest(releases)

    done = refresh("--engine", "approximate")

    assert done.exit_code == 1
    assert "0.98 was required" in done.stderr
    assert latest(releases) == version
    assert NEW not in candidates()


def test_an_earlier_index_is_refused_for_the_refreshed_release(call, project, refresh, releases, tmp_path):
    built = call("index_items", "--repo", project.repo, "--releases", releases)
    assert built.exit_code == 0, built.stderr
    assert refresh("--engine", "exact").exit_code == 0

    words = ("--repo", project.repo, "--releases", releases, "--output", tmp_path / "candidates.parquet")
    done = call("generate_candidates", *words, "--engine", "approximate")

    assert done.exit_code == 1
    assert f"Release {latest(releases)} has no index" in done.stderr


def test_a_refreshed_release_passes_its_self_test(refresh, project, releases):
    from features.store.registry import open_feature_store  # noqa: F401  Feast before the pipeline
    from pipelines.candidate_generation import open_pipeline
    from pipelines.golden_queries import check_golden_queries

    assert refresh("--engine", "exact").exit_code == 0
    options = {"version": None, "filters": None, "already_bought": None, "k": 12}

    pipeline, _ = open_pipeline(project.repo, releases=releases, **options)

    assert check_golden_queries(pipeline) > 0


def test_rollback_and_refresh_exclude_each_other(refresh):
    done = refresh("--rollback")

    assert done.exit_code == 1
    assert "--rollback and --refresh" in done.stderr


def test_what_was_trained_is_recorded_as_before(releases):
    from models.config import SEED
    from models.release.manifest import manifest_fields, trained_fields

    recorded = manifest_fields(
        SEED, filters={}, ranker_trained_until={}, request_services={}, feature_tables={}, seed=1, rows={},
        commit=None, seconds={}, stages=[], refit_start=MOMENT,
    )  # fmt: skip
    manifest = {**json.loads((releases / latest(releases) / "manifest.json").read_text("utf-8")), **recorded}

    assert trained_fields(manifest) == recorded

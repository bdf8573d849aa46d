"""Building the approximate index of a release, and candidates from it."""

import json
import shutil

import pyarrow.parquet as pq
import pytest
from fixtures.serving import K


@pytest.fixture
def releases(served_project, tmp_path):
    """The releases of the served project, for indexes of their own."""
    return shutil.copytree(served_project.releases, tmp_path / "artifacts")


@pytest.fixture
def index_items(call, served_project, releases):
    return lambda *words: call("index_items", "--repo", served_project.repo, "--releases", releases, *words)


@pytest.fixture
def generate(call, served_project, releases, tmp_path):
    """Write candidates with an engine, and return what the job printed, the rows and the description."""

    def generate(engine, *words):
        path = tmp_path / f"{engine}.parquet"
        done = call(
            "generate_candidates", "--repo", served_project.repo, "--releases", releases, "--k", K,
            "--engine", engine, "--output", path, *words,
        )  # fmt: skip
        if done.exit_code:
            return done, None, None
        return done, pq.read_table(path).to_pylist(), json.loads(path.with_suffix(".json").read_text("utf-8"))

    return generate


def version_of(releases):
    return (releases / "LATEST").read_text("utf-8").strip()


def current(releases):
    path = releases / "indexes" / version_of(releases) / "CURRENT.json"
    return json.loads(path.read_text("utf-8"))["current"]


def test_candidates_of_the_approximate_engine_differ_by_the_printed_recall_only(index_items, generate):
    built = index_items("--engine", "approximate")
    assert built.exit_code == 0, built.stderr
    assert "recall@100 1.0000" in built.stdout

    _, exact, plain = generate("exact")
    done, approximate, description = generate("approximate")

    assert approximate == exact  # the toy catalogue is small: its recall is 1
    assert plain["search"] == {"engine": "exact"}
    assert description["search"]["engine"] == "approximate"
    assert set(description["search"]["recalls"].values()) == {1.0}
    assert description["search"]["queries"] > 0
    assert "recall@100 1.0000" in done.stdout


@pytest.mark.parametrize("policy", ["keep", "drop"])
def test_filters_are_honoured_by_the_approximate_engine(index_items, generate, policy):
    assert index_items().exit_code == 0

    _, exact, _ = generate("exact", "--already-bought", policy)
    _, approximate, _ = generate("approximate", "--already-bought", policy)

    assert approximate == exact


def test_an_index_below_the_required_recall_is_not_written(index_items, releases, monkeypatch):
    import pipelines.index_items

    assert index_items().exit_code == 0
    before = current(releases)
    monkeypatch.setattr(pipelines.index_items, "list_recall", lambda *_: 0.5)

    done = index_items("--min-recall", 0.9)

    assert done.exit_code == 1
    assert "0.5000" in done.stderr
    assert version_of(releases) in done.stderr
    assert current(releases) == before


def test_a_rollback_makes_the_previous_index_current(index_items, releases):
    assert index_items().exit_code == 0
    first = current(releases)
    assert index_items("--queries", 50).exit_code == 0
    assert current(releases) != first

    done = index_items("--rollback")

    assert done.exit_code == 0, done.stderr
    assert first in done.stdout
    assert current(releases) == first


def test_candidates_without_an_index_are_refused_with_the_command(generate, releases):
    done, _, _ = generate("approximate")

    assert done.exit_code == 1
    assert version_of(releases) in done.stderr
    assert "index_items" in done.stderr


def test_the_exact_engine_has_nothing_to_build_or_to_roll_back(index_items, releases):
    built, rolled_back = index_items("--engine", "exact"), index_items("--engine", "exact", "--rollback")

    assert (built.exit_code, rolled_back.exit_code) == (0, 1)
    assert "no index to build" in built.stdout
    assert "--rollback" in rolled_back.stderr
    assert not (releases / "indexes").exists()

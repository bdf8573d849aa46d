"""Whatever a job is given that it cannot use ends in one sentence, which says what to do."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest


@pytest.fixture
def refused(call):
    def refused(name, *words):
        done = call(name, *words)
        assert done.exit_code == 1
        assert done.stdout == ""
        last = done.stderr.rstrip().splitlines()[-1]
        assert last.startswith("error: ")
        assert done.stderr.count("error: ") == 1
        return last.removeprefix("error: ")

    return refused


@pytest.fixture
def project(toy, tmp_path):
    """A copy of the toy project whose online store is empty and which has no release."""
    return toy.copy_to(tmp_path / "copy")


def a_release_named(project, version, **manifest):
    folder = project.releases / version
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text(json.dumps({"format": 1, "files": {}} | manifest), encoding="utf-8")


REPO_JOBS = ["train", "materialize", "show_candidates"]


@pytest.mark.parametrize("job", REPO_JOBS)
def test_a_folder_without_a_feature_store_is_named(refused, tmp_path, job):
    assert refused(job, "--repo", tmp_path) == (
        f"{tmp_path} has no feature_store.yaml: pass the feature repository with --repo."
    )


@pytest.mark.parametrize("job", REPO_JOBS)
def test_a_repository_that_was_not_applied_is_told_to_be(refused, project_at, tmp_path, job):
    project = project_at(tmp_path / "new")
    project.copy_repo()
    (project.root / "data").mkdir()

    assert refused(job, "--repo", project.repo) == (
        f"The registry of {project.repo} is empty: run `feast -c {project.repo} apply` first."
    )


@pytest.mark.parametrize("job", ["train", "materialize"])
def test_what_is_no_moment_is_refused_with_an_example(refused, project, job):
    assert refused(job, "--repo", project.repo, "--as-of", "yesterday") == (
        "'yesterday' is not a moment: use 2020-09-22 or 2020-09-22T12:00:00+00:00."
    )


def test_training_before_there_were_purchases_is_refused(refused, project):
    message = refused("train", "--repo", project.repo, "--releases", project.releases, "--as-of", "2020-01-04")

    assert message.startswith("No purchase is left for training: the cut is 2019-12-28")
    assert not project.releases.exists()


def test_going_back_in_time_is_refused_without_from_scratch(call, refused, project):
    assert call("materialize", "--repo", project.repo, "--as-of", "2020-02-05").exit_code == 0

    assert refused("materialize", "--repo", project.repo, "--as-of", "2020-02-04") == (
        "The online store is filled up to 2020-02-05 00:00 UTC, later than 2020-02-04 00:00: to go back in time, add "
        "--from-scratch, which empties it first."
    )
    again = call("materialize", "--repo", project.repo, "--as-of", "2020-02-04", "--from-scratch")
    assert again.exit_code == 0
    assert "online as of 2020-02-04 00:00 UTC" in again.stdout


def test_candidates_need_a_release(refused, project, tmp_path):
    words = ("--repo", project.repo, "--releases", project.releases, "--output", tmp_path / "out.parquet")

    assert refused("generate_candidates", *words) == (
        f"There is no release in {project.releases}: run `python jobs/train.py` first."
    )
    assert refused("generate_candidates", *words, "--release", "../x").startswith("'../x' is not the name of a release")
    a_release_named(project, "20200301-seed-00000000", format=7)
    assert refused("generate_candidates", *words, "--release", "20200301-seed-00000000") == (
        "Release 20200301-seed-00000000 has format 7, this code reads 4: train again."
    )
    assert not (tmp_path / "out.parquet").exists()


def test_only_a_candidate_file_is_shown(refused, project, tmp_path):
    words = ("--repo", project.repo, "--candidates")
    (tmp_path / "text.parquet").write_text("no parquet", encoding="utf-8")
    pq.write_table(pa.table({"user_id": ["u"]}), tmp_path / "other.parquet")

    assert refused("show_candidates", *words, tmp_path / "text.parquet") == (
        f"{tmp_path}/text.parquet is not a Parquet file: pass what jobs/generate_candidates.py wrote."
    )
    assert refused("show_candidates", *words, tmp_path / "other.parquet") == (
        f"{tmp_path}/other.parquet has columns ['user_id'], not ['user_id', 'item_id', 'rank', 'ranking_score', "
        "'retrieval_rank', 'score', 'sources', 'source_ranks', 'source_scores']."
    )

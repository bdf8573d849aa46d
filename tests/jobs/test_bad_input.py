"""Input that a job cannot use ends in one error message that names it, and in status 1."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from models.release.integrity import FORMAT


@pytest.fixture
def error_of(call):
    """Run a job that must be refused, and return its error message."""

    def error_of(name, *options):
        done = call(name, *options)
        assert done.exit_code == 1
        assert "next: " not in done.stdout
        assert done.stderr.count("error: ") == 1
        [*_, last] = done.stderr.rstrip().splitlines()
        assert last.startswith("error: ")
        return last

    return error_of


@pytest.fixture
def project(toy, tmp_path):
    """A copy of the toy project with an empty online store and without a release."""
    return toy.copy_to(tmp_path / "copy")


def write_manifest(project, version, **content):
    folder = project.releases / version
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text(json.dumps({"format": 1, "files": {}} | content), encoding="utf-8")


JOBS_WITH_REPO = ["train", "materialize", "show_candidates"]


@pytest.mark.parametrize("job", JOBS_WITH_REPO)
def test_a_folder_without_a_feature_store_is_named(error_of, tmp_path, job):
    error = error_of(job, "--repo", tmp_path)

    assert f"{tmp_path} has no feature_store.yaml" in error


@pytest.mark.parametrize("job", JOBS_WITH_REPO)
def test_an_empty_registry_is_refused_with_the_command_that_fills_it(error_of, project_at, tmp_path, job):
    project = project_at(tmp_path / "new")
    project.copy_repo()
    (project.root / "data").mkdir()

    assert f"`feast -c {project.repo} apply`" in error_of(job, "--repo", project.repo)


@pytest.mark.parametrize("job", ["train", "materialize"])
def test_an_invalid_moment_is_refused(error_of, project, job):
    assert "'yesterday'" in error_of(job, "--repo", project.repo, "--as-of", "yesterday")


def test_training_without_purchases_before_the_cut_is_refused(error_of, project):
    error = error_of("train", "--repo", project.repo, "--releases", project.releases, "--as-of", "2020-01-04")

    assert "2019-12-28" in error
    assert not project.releases.exists()


def test_materializing_an_earlier_moment_needs_from_scratch(call, error_of, project):
    assert call("materialize", "--repo", project.repo, "--as-of", "2020-02-05").exit_code == 0
    earlier = ("--repo", project.repo, "--as-of", "2020-02-04")

    assert "--from-scratch" in error_of("materialize", *earlier)

    again = call("materialize", *earlier, "--from-scratch")
    assert again.exit_code == 0
    assert "2020-02-04 00:00 UTC" in again.stdout


def test_candidates_need_a_release_of_the_current_format(error_of, project, tmp_path):
    version, output = "20200301-seed-00000000", tmp_path / "out.parquet"
    options = ("--repo", project.repo, "--releases", project.releases, "--output", output)

    assert "python jobs/train.py" in error_of("generate_candidates", *options)
    assert "'../x'" in error_of("generate_candidates", *options, "--release", "../x")
    write_manifest(project, version, format=FORMAT + 1)
    error = error_of("generate_candidates", *options, "--release", version)
    assert version in error
    assert f"format {FORMAT + 1}" in error
    assert not output.exists()


def test_an_output_that_is_not_parquet_is_refused(error_of, project, tmp_path):
    output = tmp_path / "candidates.csv"

    assert str(output) in error_of("generate_candidates", "--repo", project.repo, "--output", output)


def test_only_a_candidate_file_is_shown(call, error_of, project, tmp_path):
    assert call("materialize", "--repo", project.repo).exit_code == 0
    (tmp_path / "text.parquet").write_text("no parquet", encoding="utf-8")
    pq.write_table(pa.table({"user_id": ["u"]}), tmp_path / "other.parquet")

    for name, words in (("text.parquet", "is not a Parquet file"), ("other.parquet", "columns")):
        error = error_of("show_candidates", "--repo", project.repo, "--candidates", tmp_path / name)
        assert str(tmp_path / name) in error
        assert words in error

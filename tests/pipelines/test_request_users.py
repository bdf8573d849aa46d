"""Unknown users are counted, and users of another shop are refused."""

from dataclasses import replace

import pyarrow as pa
import pytest
from fixtures.serving import K

from features.errors import InputError


@pytest.fixture
def generate(call, served_project, tmp_path):
    """Generate candidates of users given one per line."""

    def generate(*lines, options=()):
        (tmp_path / "users.txt").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        return call(
            "generate_candidates", "--repo", served_project.repo, "--releases", served_project.releases,
            "--users", tmp_path / "users.txt", "--output", tmp_path / "out.parquet", "--k", K, *options,
        )  # fmt: skip

    return generate


def test_known_users_get_candidates_without_a_warning(generate):
    done = generate("0003", "0004")

    assert done.exit_code == 0, done.stderr
    assert "unknown" not in done.stderr


def test_some_unknown_users_are_a_warning(generate):
    done = generate("0003", "nobody", "3")

    assert done.exit_code == 0, done.stderr
    assert "warning: 2 of 3 users are unknown ('nobody', '3')" in done.stderr
    assert "3 users" in done.stdout


def test_only_unknown_users_end_the_job(generate, tmp_path):
    done = generate("3", "4", "5", "6")

    assert done.exit_code == 1
    last = done.stderr.splitlines()[-1]
    assert "4 of 4 users are unknown (first three: '3', '4', '5'), did you mean '0003'?" in last
    assert "--allow-unknown" in last
    assert not (tmp_path / "out.parquet").exists()


def test_only_unknown_users_may_be_allowed(generate):
    done = generate("nobody", options=("--allow-unknown",))

    assert done.exit_code == 0
    assert "1 of 1 user is unknown" in done.stderr


@pytest.mark.parametrize("k", ["5001", "1000000000000"])
def test_more_candidates_than_the_limit_are_refused(generate, k):
    done = generate("0003", options=("--k", k))

    assert done.exit_code == 2
    assert "5000" in done.stderr


@pytest.fixture
def opened(served_project):
    from pipelines.serving import open_release_and_reader

    reader, release, moment = open_release_and_reader(served_project.repo, served_project.releases, None)
    return reader, release, moment


@pytest.mark.parametrize(("own", "refused"), [(60, False), (31, False), (29, True), (0, True)])
def test_a_release_of_another_shop_is_refused(opened, own, refused):
    from candidates.filters.filter_set import FilterSet
    from candidates.filters.settings import FilterSettings
    from pipelines.serving import CandidatePipeline

    reader, release, moment = opened
    filters = FilterSet.from_settings(FilterSettings())
    foreign = [f"x{number:04d}" for number in range(len(release.item_ids) - own)]
    other = replace(release, item_ids=pa.array(sorted([*release.item_ids[:own].to_pylist(), *foreign])))
    assert len(release.item_ids) == 60

    if refused:
        with pytest.raises(InputError, match=rf"60 items, and {own} of them") as caught:
            CandidatePipeline.open(reader, other, moment, filters, K)
        assert release.version in str(caught.value)
    else:
        CandidatePipeline.open(reader, other, moment, filters, K)


def test_users_of_a_file_are_looked_up_in_the_online_store_alone(generate, monkeypatch):
    def read_source(*_, **__):
        raise AssertionError("a feature table was read")

    monkeypatch.setattr("features.store.catalogue.read_source", read_source)

    done = generate("0003", "4", "nobody")

    assert done.exit_code == 0, done.stderr
    assert "2 of 3 users are unknown ('4', 'nobody'), did you mean '0004'?" in done.stderr


@pytest.mark.parametrize("source", ["online", "offline"])
def test_users_without_a_profile_are_unknown_in_both_stores(served_project, source):
    from pipelines.serving import open_release_and_reader

    reader, _, moment = open_release_and_reader(served_project.repo, served_project.releases, None, source=source)

    users = ["nobody", "0003", "3", *(f"{number:04d}" for number in range(1, 200)), "0003", ""]
    assert reader.unknown_users(users, moment) == ["nobody", "3", ""]
    assert reader.unknown_users([], moment) == []


@pytest.mark.parametrize("verified", [False, True])
def test_users_that_a_store_without_a_checksum_lacks_are_an_error_with_their_ids(served_project, monkeypatch, verified):
    from features.store.generation import OpenGeneration
    from pipelines.candidate_generation import open_pipeline
    from pipelines.request_users import check_complete

    monkeypatch.setattr(OpenGeneration, "is_verified", verified)
    pipeline, _ = open_pipeline(
        served_project.repo, releases=served_project.releases, version=None, filters=None, already_bought=None, k=K
    )

    check_complete(pipeline, ["0003", "0004"])
    if verified:
        check_complete(pipeline, ["0003", "lost"])
    else:
        with pytest.raises(InputError, match=r"1 of 2 users is missing in the online store \('lost'\).*--from-scratch"):
            check_complete(pipeline, ["0003", "lost"])

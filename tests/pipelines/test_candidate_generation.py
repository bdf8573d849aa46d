"""Candidates of many users are the same with online and with offline features."""

import json

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
    assert description["as_of"] == other["as_of"] == MOMENT.isoformat()


def test_offline_features_need_no_materialization(generate, served_project, tmp_path):
    copy = served_project.copy_to(tmp_path / "copy")
    for name in ("online.db", "catalogue.parquet", "catalogue.json"):
        (copy.root / "data" / name).unlink()

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

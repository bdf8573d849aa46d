"""The whole pipeline on a sample of H&M rows: the full catalogue, and ids with leading zeros."""

import json
import re
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

HM_SAMPLE = Path(__file__).parents[3] / "shared" / "data" / "hm_sample"

pytestmark = [
    pytest.mark.whole_path,
    pytest.mark.skipif(not HM_SAMPLE.is_dir(), reason="the sample of H&M rows is not on this machine"),
]


def test_the_whole_pipeline_runs_on_h_and_m_rows(call, apply, project_at, tmp_path):
    project = project_at(tmp_path / "hm")
    project.copy_repo()
    candidates = tmp_path / "candidates.parquet"
    repo, releases = ("--repo", project.repo), ("--releases", project.releases)

    def output_of(name, *options):
        done = call(name, *options)
        assert done.exit_code == 0, done.stderr
        return done.stdout

    built = output_of("build_features", "--raw-dir", HM_SAMPLE, "--output", project.tables)
    assert re.match(r"1,364 users, 105,542 items, 31,662 purchases .*2020-09-23, 0 rows", built)
    apply(project)
    output_of("train", *repo, *releases, "--preset", "seed", "--epochs", 1, "--ranker-weeks", 1)
    assert "2020-09-23 00:00 UTC" in output_of("materialize", *repo)
    output_of("generate_candidates", *repo, *releases, "--k", 12, "--output", candidates)

    table = pq.read_table(candidates)
    assert table.num_rows == 12 * 1_364
    assert all(re.fullmatch(r"[0-9]{10}", item) for item in pc.unique(table["item_id"]).to_pylist())
    assert pc.unique(pc.utf8_length(table["user_id"])).to_pylist() == [64]
    catalogue = pq.read_table(project.tables / "item_catalog.parquet", columns=["item_id"])["item_id"]
    assert "0108775015" in catalogue.to_pylist()
    assert pc.all(pc.is_in(table["item_id"], catalogue)).as_py()
    description = json.loads(candidates.with_suffix(".json").read_text(encoding="utf-8"))
    assert (description["users"], description["as_of"]) == (1_364, "2020-09-23T00:00:00+00:00")

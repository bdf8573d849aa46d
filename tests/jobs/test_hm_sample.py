"""The whole road on real H&M rows: the catalogue at its full size, ids with leading zeros."""

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


def test_the_whole_road_runs_on_real_rows(call, apply, project_at, tmp_path):
    project = project_at(tmp_path / "hm")
    project.copy_repo()
    output = tmp_path / "candidates.parquet"
    repo, releases = ("--repo", project.repo), ("--releases", project.releases)

    def said(name, *words):
        done = call(name, *words)
        assert done.exit_code == 0, done.stderr
        return done.stdout

    built = said("build_features", "--raw-dir", HM_SAMPLE, "--output", project.tables)
    assert re.match(r"1,364 users, 105,542 items, 31,662 purchases .*2020-09-23, 0 rows", built)
    apply(project)
    trained = said("train", *repo, *releases, "--preset", "seed", "--epochs", 1, "--ranker-weeks", 1)
    assert "recall@100" in trained
    assert "online as of 2020-09-23 00:00 UTC" in said("materialize", *repo)
    said("generate_candidates", *repo, *releases, "--k", 12, "--output", output)

    table = pq.read_table(output)
    assert table.num_rows == 12 * 1_364
    assert all(re.fullmatch(r"[0-9]{10}", item) for item in pc.unique(table["item_id"]).to_pylist())
    assert pc.unique(pc.utf8_length(table["user_id"])).to_pylist() == [64]
    catalogue = pq.read_table(project.tables / "item_catalog.parquet", columns=["item_id"])["item_id"]
    assert "0108775015" in catalogue.to_pylist()
    assert pc.all(pc.is_in(table["item_id"], catalogue)).as_py()
    written = json.loads(output.with_suffix(".json").read_text(encoding="utf-8"))
    assert (written["users"], written["as_of"]) == (1_364, "2020-09-23T00:00:00+00:00")

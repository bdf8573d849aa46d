"""The doctor finds the state of every part of a half-finished project, and the next command."""

import json
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from candidates.candidate_file import CANDIDATES
from features.errors import InputError
from models.release.integrity import DIGEST, FORMAT, file_digests, manifest_digest

AS_OF = datetime(2020, 3, 1, tzinfo=UTC)  # the end of the toy data
VERSION = "20200301-default-0a1b2c3d"
COMMANDS = {
    "fetch": "python jobs/fetch_demo_data.py",
    "build": "python jobs/build_features.py",
    "train": "python jobs/train.py",
    "materialize": "python jobs/materialize.py",
    "generate": "python jobs/generate_candidates.py",
    "show": "python jobs/show_candidates.py",
}


@pytest.fixture
def parts(toy, tmp_path):
    """A copy of the toy project: raw tables, feature tables and registry, nothing else."""
    from pipelines.doctor.finding import Project

    copy = toy.copy_to(tmp_path / "project")
    candidates = copy.root / "data" / "candidates.parquet"
    return Project(None, toy.tables, copy.repo, copy.releases, candidates, default_raw_dir=tmp_path / "raw")


@pytest.fixture
def diagnose():
    from pipelines.doctor.diagnosis import diagnose

    return lambda project: diagnose(project, "0a1b2c3d")


def states(diagnosis):
    return {part: finding.state for part, finding in diagnosis.findings.items() if finding.state != "ok"}


def open_store(project):
    from features.store.registry import open_feature_store

    return open_feature_store(project.repo)


def write_release(project, as_of=AS_OF, version=VERSION, **changes):
    """Write the manifest of a release that fits the registry."""
    from features.store.registry import tower_schemas
    from features.store.request_services import request_service_fingerprints
    from models.config import DEFAULT
    from models.release.manifest import REQUEST_SERVICES

    store, folder = open_store(project), project.releases / version
    schemas = tower_schemas(store, DEFAULT.query_service, DEFAULT.item_service)
    folder.mkdir(parents=True)
    (folder / "item_ids.parquet").write_bytes(b"ids")
    manifest = {
        "format": FORMAT,
        "version": version,
        "as_of": as_of.isoformat(),
        "services": {
            side: {**schema.to_json(), "fingerprint": schema.fingerprint}
            for side, schema in (("query", schemas.query), ("item", schemas.item))
        },
        REQUEST_SERVICES: request_service_fingerprints(store),
        "files": file_digests(folder),
        **changes,
    }
    manifest[DIGEST] = manifest_digest(manifest)
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    (project.releases / "LATEST").write_text(f"{version}\n", encoding="utf-8")


def materialize(project, moment=AS_OF):
    from features.store.materialization import materialize

    materialize(open_store(project), moment, from_scratch=False)


def write_candidates(project, release=VERSION, as_of=AS_OF):
    facts = {"users": 1, "release": release, "as_of": as_of.isoformat()}
    table = CANDIDATES.empty_table().replace_schema_metadata({"description": json.dumps(facts)})
    pq.write_table(table, project.candidates)


def test_in_an_empty_folder_everything_is_missing_and_data_come_first(tmp_path, parts, diagnose):
    repo = tmp_path / "feature_repo"
    shutil.copytree(parts.repo, repo)
    empty = replace(
        parts, tables=tmp_path / "tables", repo=repo, releases=tmp_path / "artifacts",
        candidates=tmp_path / "candidates.parquet",
    )  # fmt: skip

    found = diagnose(empty)

    assert set(states(found).values()) == {"missing"}
    assert set(found.findings) - set(states(found)) == {"versions"}
    assert (found.broken, found.next_command) == (False, COMMANDS["fetch"])
    assert found.findings["feature tables"].command == COMMANDS["build"]
    assert found.findings["registry"].command == f"feast -c {repo} apply"
    assert {path.name for path in tmp_path.iterdir()} == {"feature_repo", "project"}


def test_each_step_leads_to_the_next_command(parts, toy, diagnose):
    served = ["online store", "catalogue", "candidates"]
    assert states(found := diagnose(parts)) == dict.fromkeys(["release", *served], "missing")
    assert found.next_command == COMMANDS["train"]

    write_release(parts)
    assert states(found := diagnose(parts)) == dict.fromkeys(served, "missing")
    assert found.next_command == COMMANDS["materialize"]

    materialize(parts)
    assert states(found := diagnose(parts)) == {"candidates": "missing"}
    assert found.next_command == COMMANDS["generate"]

    write_candidates(parts)
    assert states(found := diagnose(parts)) == {}
    assert (found.broken, found.next_command) == (False, COMMANDS["show"])
    assert str(toy.raw) in found.findings["raw tables"].details
    assert "11 tables" in found.findings["feature tables"].details
    assert "2020-03-01 00:00 UTC" in found.findings["feature tables"].details
    assert VERSION in found.findings["release"].details
    assert "2020-03-01 00:00 UTC" in found.findings["online store"].details

    write_candidates(parts, release="20200201-default-00000000")
    assert states(found := diagnose(parts)) == {"candidates": "outdated"}
    assert found.next_command == COMMANDS["generate"]


def test_raw_tables_are_not_needed_once_feature_tables_exist(parts, tmp_path, diagnose):
    found = diagnose(replace(parts, raw_dir=tmp_path / "moved"))

    assert found.findings["raw tables"].state == "missing"
    assert found.next_command == COMMANDS["train"]


def test_an_absent_feature_table_is_named(parts, tmp_path, diagnose):
    shutil.copytree(parts.tables, tmp_path / "tables")
    (tmp_path / "tables" / "user_profile.parquet").unlink()

    found = diagnose(replace(parts, tables=tmp_path / "tables"))

    assert states(found)["feature tables"] == "broken"
    assert "user_profile" in found.findings["feature tables"].details
    assert (found.broken, found.next_command) == (True, COMMANDS["build"])


def test_feature_tables_that_differ_from_their_record_are_outdated(parts, tmp_path, diagnose):
    shutil.copytree(parts.tables, tmp_path / "tables")
    path = tmp_path / "tables" / "user_profile.parquet"
    pq.write_table(pq.read_table(path).slice(1), path)

    found = diagnose(replace(parts, tables=tmp_path / "tables"))

    assert states(found)["feature tables"] == "outdated"
    assert found.next_command == COMMANDS["build"]


def test_a_damaged_registry_is_broken_and_the_other_parts_are_still_checked(parts, diagnose):
    write_release(parts)
    (parts.repo.parent / "data" / "registry.db").write_bytes(b"no registry")

    found = diagnose(parts)

    assert states(found) == {
        "registry": "broken", "online store": "missing", "catalogue": "missing", "candidates": "missing",
    }  # fmt: skip
    assert found.next_command == f"feast -c {parts.repo} apply"


def test_a_registry_to_which_nothing_was_applied_is_missing(parts, tmp_path, diagnose):
    repo = tmp_path / "new" / "feature_repo"
    shutil.copytree(parts.repo, repo)
    with pytest.raises(InputError):  # creates an empty registry
        open_store(replace(parts, repo=repo))

    found = diagnose(replace(parts, repo=repo))

    assert found.findings["registry"].state == "missing"
    assert found.next_command == f"feast -c {repo} apply"


def test_a_folder_without_feature_store_yaml_is_named(parts, tmp_path, diagnose):
    found = diagnose(replace(parts, repo=tmp_path))

    assert found.findings["registry"].state == "broken"
    assert str(tmp_path) in found.findings["registry"].details


def test_a_registry_without_a_service_that_training_reads_is_outdated(parts, diagnose):
    open_store(parts).delete_feature_service("query_tower_v3")

    found = diagnose(parts)

    assert states(found)["registry"] == "outdated"
    assert "query_tower_v3" in found.findings["registry"].details
    assert found.next_command == f"feast -c {parts.repo} apply"


def test_a_release_of_another_format_is_broken(parts, diagnose):
    write_release(parts, format=1)

    found = diagnose(parts)

    assert states(found)["release"] == "broken"
    assert (found.broken, found.next_command) == (True, COMMANDS["train"])


def test_a_changed_file_of_a_release_is_named(parts, diagnose):
    write_release(parts)
    (parts.releases / VERSION / "item_ids.parquet").write_bytes(b"other ids")

    found = diagnose(parts)

    assert states(found)["release"] == "broken"
    assert "item_ids.parquet" in found.findings["release"].details


def test_a_release_that_latest_names_and_that_does_not_exist_is_broken(parts, diagnose):
    parts.releases.mkdir()
    (parts.releases / "LATEST").write_text(f"{VERSION}\n", encoding="utf-8")

    found = diagnose(parts)

    assert states(found)["release"] == "broken"
    assert VERSION in found.findings["release"].details


def test_a_service_that_the_registry_declares_differently_is_named(parts, diagnose):
    write_release(parts, services={
        "query": {"service": "query_tower_v3", "fingerprint": "0" * 16},
        "item": {"service": "item_tower_v3", "fingerprint": "0" * 16},
    })  # fmt: skip

    found = diagnose(parts)

    assert states(found)["release"] == "broken"
    assert "item_tower_v3, query_tower_v3" in found.findings["release"].details


def test_a_release_older_than_a_week_is_outdated(parts, diagnose):
    write_release(parts, as_of=datetime(2020, 2, 20, tzinfo=UTC))

    found = diagnose(parts)

    assert states(found)["release"] == "outdated"
    assert "10 days" in found.findings["release"].details
    assert (found.broken, found.next_command) == (False, COMMANDS["train"])


def test_an_online_store_older_than_the_release_is_broken(parts, diagnose):
    write_release(parts)
    materialize(parts, datetime(2020, 2, 28, tzinfo=UTC))

    found = diagnose(parts)

    assert states(found)["online store"] == "broken"
    assert "2020-02-28 00:00 UTC" in found.findings["online store"].details
    assert (found.broken, found.next_command) == (True, COMMANDS["materialize"])


def test_an_online_store_older_than_the_feature_tables_is_outdated(parts, diagnose):
    write_release(parts, as_of=datetime(2020, 2, 28, tzinfo=UTC))
    materialize(parts, datetime(2020, 2, 28, tzinfo=UTC))

    assert states(found := diagnose(parts)) == {"online store": "outdated", "candidates": "missing"}
    assert found.next_command == COMMANDS["materialize"]


@pytest.mark.parametrize("content", [None, b""], ids=["deleted", "empty"])
def test_an_online_store_that_is_gone_is_missing(parts, diagnose, content):
    write_release(parts)
    materialize(parts)
    path = parts.repo.parent / "data" / "online.db"
    path.unlink()
    if content is not None:
        path.write_bytes(content)

    found = diagnose(parts)

    assert states(found)["online store"] == "missing"
    assert found.next_command == COMMANDS["materialize"]


def test_an_online_store_that_another_program_changed_is_broken(parts, diagnose):
    write_release(parts)
    materialize(parts)
    with closing(sqlite3.connect(parts.repo.parent / "data" / "online.db")) as online, online:
        online.execute("delete from feast_two_tower_user_profile")

    found = diagnose(parts)

    assert states(found)["online store"] == "broken"
    assert "online.db was changed after it was filled" in found.findings["online store"].details
    assert found.next_command == f"{COMMANDS['materialize']} --from-scratch"


def test_a_catalogue_snapshot_that_is_missing_or_damaged_is_written_again(parts, diagnose):
    from features.store.materialization import fill_online_store

    write_release(parts, as_of=datetime(2020, 2, 28, tzinfo=UTC))
    materialize(parts, datetime(2020, 2, 28, tzinfo=UTC))
    fill_online_store(open_store(parts), AS_OF, from_scratch=False)
    without = diagnose(parts)
    materialize(parts)
    whole = diagnose(parts)
    path = Path(whole.findings["catalogue"].details.split(":")[0])
    path.write_bytes(b"no table")
    damaged = diagnose(parts)
    path.unlink()
    missing = diagnose(parts)

    assert "catalogue" not in states(whole)
    assert [states(found)["catalogue"] for found in (without, damaged, missing)] == ["missing", "broken", "missing"]
    assert {found.next_command for found in (without, damaged, missing)} == {COMMANDS["materialize"]}


def test_a_file_with_other_columns_is_no_candidate_file(parts, diagnose):
    pq.write_table(pa.table({"user_id": ["u"]}), parts.candidates)

    found = diagnose(parts)

    assert states(found)["candidates"] == "broken"
    assert found.findings["candidates"].command == COMMANDS["generate"]


def test_the_job_prints_a_row_for_each_part_and_the_next_command(call, parts):
    options = ("--tables", parts.tables, "--repo", parts.repo, "--releases", parts.releases)

    done = call("doctor", *options, "--candidates", parts.candidates)
    broken = call("doctor", *options, "--candidates", parts.repo / "feature_store.yaml")

    assert done.exit_code == 0
    assert [line.split("  ")[0] for line in done.stdout.splitlines() if line[:1].isalpha()] == [
        "part", "versions", "raw tables", "feature tables", "registry", "release", "online store",
        "catalogue", "candidates",
        f"next: {COMMANDS['train']}",
    ]  # fmt: skip
    assert max(map(len, done.stdout.splitlines())) <= 100
    assert broken.exit_code == 1

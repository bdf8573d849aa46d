"""The materialize job fills the online store in windows, and warns of changed past rows."""

import sqlite3
from contextlib import closing

import pytest


@pytest.fixture
def project(toy, tmp_path):
    return toy.copy_to(tmp_path / "copy")


def test_the_number_of_views_and_of_those_read_incrementally_is_printed(call, project):
    first = call("materialize", "--repo", project.repo, "--as-of", "2020-02-05")
    second = call("materialize", "--repo", project.repo)

    assert (first.exit_code, second.exit_code, first.stderr, second.stderr) == (0, 0, "", "")
    assert first.stdout.startswith("7 of 11 feature views online as of 2020-02-05 00:00 UTC, 0 of them incrementally")
    assert second.stdout.startswith("7 of 11 feature views online as of 2020-03-01 00:00 UTC, 6 of them incrementally")
    assert second.stdout.endswith("next: python jobs/generate_candidates.py\n")


def test_online_rows_that_differ_from_the_tables_are_a_warning_with_the_command_that_corrects_them(call, project):
    from features.store.sqlite_file import write_checksum

    call("materialize", "--repo", project.repo, "--as-of", "2020-02-05")
    path = project.root / "data" / "online.db"
    changes = path.read_bytes()[24:28]
    with closing(sqlite3.connect(path)) as online, online:
        online.execute("update feast_two_tower_user_tastes_daily set value = x''")
    with path.open("r+b") as file:  # as if nothing had been changed
        file.seek(24)
        file.write(changes)
    write_checksum(path)

    again = call("materialize", "--repo", project.repo, "--as-of", "2020-02-05T06:00")
    corrected = call("materialize", "--repo", project.repo, "--as-of", "2020-02-05T06:00", "--from-scratch")

    assert (again.exit_code, corrected.exit_code) == (0, 0)
    assert "product_types (" in again.stderr
    assert "`python jobs/materialize.py --from-scratch`" in again.stderr
    assert corrected.stderr == ""


def test_a_store_that_lost_rows_is_filled_again(call, project):
    call("materialize", "--repo", project.repo, "--as-of", "2020-02-05")
    with closing(sqlite3.connect(project.root / "data" / "online.db")) as online, online:
        online.execute("delete from feast_two_tower_user_tastes_daily")

    again = call("materialize", "--repo", project.repo, "--as-of", "2020-02-05T06:00")

    assert (again.exit_code, again.stderr) == (0, "")
    assert "0 of them incrementally" in again.stdout

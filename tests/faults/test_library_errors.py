"""What the operating system refuses is one sentence with the path that the user gave and what to do."""

import errno
import os
import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from candidates.candidate_file import CandidateFile, read_users
from candidates.filters.settings import read_settings
from features.errors import InputError, path_error
from features.files import atomic_write
from features.raw.quarantine import open_quarantine
from features.raw.raw_files import find_raw_files
from features.raw.user_file import read_user_ids

REFUSALS = {
    errno.EROFS: "read-only",
    errno.EACCES: "permissions",
    errno.EPERM: "permissions",
    errno.ENOSPC: "free space",
    errno.EDQUOT: "quota",
    errno.EIO: "check the disk",
    errno.ENAMETOOLONG: "shorter",
    errno.EMFILE: "ulimit",
    errno.EBUSY: "another path",
}


def refuse(number, path=None):
    def refused(*_, **__):
        raise OSError(number, os.strerror(number), str(path) if path else None)

    return refused


@pytest.mark.parametrize("number", REFUSALS, ids=os.strerror)
def test_a_folder_that_cannot_be_written_to_is_named_as_it_was_given(tmp_path, monkeypatch, number):
    monkeypatch.setattr("features.files.tempfile.mkdtemp", refuse(number, ".ro.parquet.x7hrelz6"))
    path = tmp_path / "ro.parquet"

    with pytest.raises(InputError) as caught, atomic_write(path):
        pass

    assert str(caught.value).startswith(f"{path} cannot be written ({os.strerror(number)}): ")
    assert REFUSALS[number] in str(caught.value)
    assert "x7hrelz6" not in str(caught.value)


@pytest.mark.parametrize("parent", ["file.txt", "file.txt/deep/er"])
def test_a_file_in_the_place_of_a_folder_is_named(tmp_path, parent):
    (tmp_path / "file.txt").write_text("mine")

    with (
        pytest.raises(InputError, match=r"out\.parquet cannot be written .+ a part of the path is a file"),
        atomic_write(tmp_path / parent / "out.parquet"),
    ):
        pass

    assert (tmp_path / "file.txt").read_text() == "mine"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_disk_that_becomes_full_while_writing_leaves_the_old_file(tmp_path, number):
    path = tmp_path / "out.parquet"
    path.write_text("old")

    def write_half():
        with atomic_write(path) as temporary:
            temporary.write_text("half")
            refuse(number)()

    with pytest.raises(InputError) as caught:
        write_half()

    assert str(caught.value).startswith(f"{path} cannot be written")
    assert path.read_text() == "old"
    assert [*tmp_path.iterdir()] == [path]


def test_an_error_of_a_file_that_is_read_meanwhile_keeps_its_name(tmp_path):
    with pytest.raises(OSError, match="other") as caught, atomic_write(tmp_path / "out.parquet"):
        refuse(errno.EACCES, tmp_path / "other")()

    assert caught.value.filename == str(tmp_path / "other")


def test_a_folder_is_not_replaced_by_a_file(tmp_path):
    (tmp_path / "out.parquet").mkdir()
    (tmp_path / "out.parquet" / "mine.txt").write_text("mine")

    with (
        pytest.raises(InputError, match=r"out\.parquet is a folder"),
        atomic_write(tmp_path / "out.parquet") as temporary,
    ):
        temporary.write_text("file")

    assert (tmp_path / "out.parquet" / "mine.txt").read_text() == "mine"


def test_a_long_name_can_be_written(tmp_path):
    path = tmp_path / ("x" * 240 + ".json")

    with atomic_write(path) as temporary:
        temporary.write_text("{}")

    assert path.read_text() == "{}"


WRITERS = {
    "candidates": lambda path: CandidateFile.create(path / "out.parquet"),
    "quarantine": lambda path: open_quarantine(path / "bad.csv"),
}


@pytest.mark.parametrize("writer", WRITERS)
def test_each_writer_names_the_path_that_it_was_given(tmp_path, writer):
    (tmp_path / "file").touch()

    with pytest.raises(InputError, match=f"^{tmp_path}/file/.+ cannot be written"), WRITERS[writer](tmp_path / "file"):
        pass


READERS = {
    "users": read_user_ids,
    "filters": read_settings,
    "candidates": lambda path: read_users(path, 1, 1),
}


@pytest.mark.parametrize("reader", READERS)
def test_a_folder_in_the_place_of_a_file_is_named(tmp_path, reader):
    (tmp_path / "folder").mkdir()

    with pytest.raises(InputError, match=f"{tmp_path}/folder"):
        READERS[reader](tmp_path / "folder")


@pytest.mark.parametrize("reader", ["users", "filters"])
def test_a_file_that_must_not_be_read_is_named(tmp_path, monkeypatch, reader):
    path = tmp_path / "secret.txt"
    path.touch()
    for method in ("open", "read_text"):
        monkeypatch.setattr(f"pathlib.Path.{method}", refuse(errno.EACCES, path))

    with pytest.raises(InputError, match=r"secret\.txt cannot be read \(Permission denied\)"):
        READERS[reader](path)


def test_a_raw_file_that_must_not_be_read_is_named(raw_dir, monkeypatch):
    monkeypatch.setattr("pathlib.Path.open", refuse(errno.EACCES, raw_dir / "customers.csv"))

    with pytest.raises(InputError, match=r"customers\.csv cannot be read \(Permission denied\)"):
        find_raw_files(raw_dir)


@pytest.mark.parametrize("cut", [4, 200, -1, -8])
def test_a_truncated_candidate_file_is_named(tmp_path, cut):
    from candidates.candidate_file import CANDIDATES

    path = tmp_path / "candidates.parquet"
    pq.write_table(CANDIDATES.empty_table(), path)
    path.write_bytes(path.read_bytes()[:cut])

    with pytest.raises(InputError, match=r"candidates\.parquet is not a Parquet file"):
        read_users(path, 1, 1)


def test_a_truncated_feature_table_is_named(toy_store, tmp_path):
    from features.store.data_end import data_end
    from pipelines.leakage.store_copy import store_copy

    (tmp_path / "tables").mkdir()
    table = tmp_path / "tables" / "item_sales_daily.parquet"
    pq.write_table(pa.table({"item_id": ["1"]}), table)
    table.write_bytes(table.read_bytes()[:-4])
    store = store_copy(toy_store, tmp_path / "store", tmp_path / "tables")

    with pytest.raises(InputError, match=r"item_sales_daily\.parquet"):
        data_end(store)


def test_a_feature_table_with_damaged_values_is_refused_by_a_join(toy, toy_store, tmp_path):
    from datetime import UTC, datetime

    from features.store.reader import FeatureReader
    from pipelines.leakage.store_copy import store_copy

    (tmp_path / "tables").mkdir()
    table = tmp_path / "tables" / "user_activity_daily.parquet"
    content = bytearray((toy.tables / table.name).read_bytes())
    content[4:2000] = bytes(1996)  # the footer stays as it is
    table.write_bytes(content)
    store = store_copy(toy_store, tmp_path / "store", tmp_path / "tables")

    with pytest.raises(InputError, match=r"table is damaged .*build_features\.py"):
        FeatureReader(store, "offline").read("candidate_request_v2", ["0001"], datetime(2020, 2, 1, tzinfo=UTC))


@pytest.mark.parametrize("read", ["table", "reader"])
def test_a_feature_table_with_damaged_values_is_refused(tmp_path, read):
    import duckdb

    from features.asof_store.rows import QueryRows
    from features.sql import parquet_files

    path = tmp_path / "user_activity_daily.parquet"
    pq.write_table(pa.table({"value": [f"{number:09d}" for number in range(10_000)]}), path, compression="zstd")
    content = bytearray(path.read_bytes())
    content[1000:2000] = bytes(1000)  # the footer stays as it is
    path.write_bytes(content)
    with duckdb.connect() as connection:
        rows = QueryRows(connection, f"FROM {parquet_files([path])}")

        with pytest.raises(InputError, match=r"table is damaged .*build_features\.py"):
            rows.table() if read == "table" else rows.reader(100).read_all()


@pytest.mark.parametrize(
    "content", ["", "[]", "{", '{"as_of": "yesterday"}', '{"as_of": "2020-03-01T00:00:00+00:00"}', "\x1b"]
)
def test_a_damaged_description_of_candidates_is_named(tmp_path, content):
    from pipelines.candidate_views import file_heading

    table = pa.table({"user_id": ["1"]}).replace_schema_metadata({"description": content})
    pq.write_table(table, tmp_path / "candidates.parquet")

    with pytest.raises(InputError, match=r"candidates\.parquet has a damaged description"):
        file_heading(tmp_path / "candidates.parquet")


def run_job(body, **variables):
    code = f"import click\nfrom jobs.console import job\ndef main(reporter):\n    {body}\nclick.command()(job(main))()"
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env={**os.environ, **variables}
    )


def test_an_unexpected_error_of_the_operating_system_is_one_sentence():
    done = run_job("open('/nowhere/file.txt')")

    assert done.returncode == 1
    assert done.stderr.startswith("error: /nowhere/file.txt cannot be used (No such file or directory): ")
    assert done.stderr.count("\n") == 1


def test_a_full_disk_that_a_library_reports_is_named():
    done = run_job("raise RuntimeError('IO Error: Could not write file: No space left on device')")

    assert done.returncode == 1
    assert "A disk is full" in done.stderr


def test_what_a_terminal_would_execute_is_escaped_in_every_output():
    nasty = "a\\x1b[31m\\u202eb"
    for body in (
        f"reporter.result('{nasty}')",
        f"reporter.metrics('{nasty}')",
        f"reporter.verbose = True; reporter.detail('{nasty}')",
        f"from jobs.console import warn; warn(['{nasty}'])",
        f"import logging; logging.getLogger('features').warning('{nasty}')",
        f"from features.errors import InputError; raise InputError('{nasty}')",
        f"raise RuntimeError('{nasty}')",
        f"from features.report_table import ReportTable; reporter.table(ReportTable.of(['x'], [['{nasty}']], ['x']))",
    ):
        done = run_job(body)
        output = done.stdout + done.stderr
        assert "a\\x1b[31m\\u202eb" in output, body
        assert "\x1b" not in output, body
        assert "\u202e" not in output, body


def test_a_closed_pipe_of_warnings_ends_a_job_quietly():
    code = """
import click
from jobs.console import job, warn
click.command()(job(lambda reporter: [warn(["line"]) for _ in range(100_000)]))()
"""
    writer = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    writer.stderr.readline()
    writer.stderr.close()

    assert writer.wait() == 141
    assert writer.stdout.read() == b""


def test_a_path_error_without_a_known_number_still_names_the_reason():
    assert str(path_error("x.csv", OSError("the disk is on fire"), "read")).startswith(
        "x.csv cannot be read (the disk is on fire): "
    )

"""What all jobs share: the reporter, errors, scratch folders and the command `feast-two-tower`."""

import functools
import importlib
import logging
import os
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from features.errors import InputError
from features.report_table import WIDTH, ReportTable
from jobs.console import COMMANDS, PROGRAM, ConsoleReporter, as_typed, cli, job, scratch_folder

JOBS_FOLDER = Path(__file__).parents[2] / "jobs"


@pytest.fixture
def run():
    """Run a function as a job; `run(work, "--verbose")`."""

    def run(work, *arguments):
        command = click.command()(job(functools.partial(work)))
        return CliRunner().invoke(command, list(arguments), catch_exceptions=False)

    return run


def raises(error):
    def work(reporter):
        reporter.result("begun")
        raise error

    return work


def test_stages_and_metrics_are_printed_and_details_only_if_verbose(run):
    def work(reporter):
        reporter.stage("train towers")
        reporter.metrics("recall@100 0.25")
        reporter.detail("mean cosine 0.1")
        logging.getLogger("features.tables").info("10 rows in, 10 rows out")
        logging.getLogger("features.tables").warning("5 rows lost")

    plain, verbose = run(work), run(work, "--verbose")

    assert [line.split(" s  ")[-1].strip() for line in plain.stdout.splitlines()] == ["train towers", "recall@100 0.25"]
    assert plain.stderr == "5 rows lost\n"
    assert [line.strip() for line in verbose.stderr.splitlines()] == [
        "mean cosine 0.1", "10 rows in, 10 rows out", "5 rows lost",
    ]  # fmt: skip


def test_a_progress_bar_is_silent_without_a_terminal(run):
    def work(reporter):
        advance = reporter.progress("rows", 10)
        advance(10)

    done = run(work)

    assert (done.exit_code, done.stdout, done.stderr) == (0, "", "")


def test_a_table_is_at_most_as_wide_as_allowed_and_keeps_all_text(run):
    words = [f"word{number}" for number in range(40)]
    table = ReportTable.of(["rank", "name"], [[1, "[red]milk"], [12, " ".join(words)]], ["name"])

    lines = run(lambda reporter: reporter.table(table)).stdout.splitlines()

    assert lines[0] == "rank  name"
    assert set(lines[1]) == {"-", " "}
    assert lines[2] == "   1  [red]milk"
    assert max(map(len, lines)) <= WIDTH
    assert " ".join(lines[3:]).split() == ["12", *words]


def test_bad_input_is_one_sentence_on_stderr_and_status_1(run):
    done = run(raises(InputError("no such table: run `python jobs/build_features.py` first")))

    assert (done.exit_code, done.stdout) == (1, "begun\n")
    assert done.stderr == "error: no such table: run `python jobs/build_features.py` first\n"


def test_an_unexpected_error_is_named_with_the_variable_that_shows_the_traceback(run, monkeypatch):
    monkeypatch.delenv("FEAST_TWO_TOWER_DEBUG", raising=False)

    done = run(raises(ValueError("planted\nin two lines")))

    assert done.exit_code == 1
    assert done.stderr.count("\n") == 1
    for words in ("error: ValueError", "planted in two lines", "FEAST_TWO_TOWER_DEBUG=1"):
        assert words in done.stderr
    monkeypatch.setenv("FEAST_TWO_TOWER_DEBUG", "1")
    with pytest.raises(ValueError, match="planted"):
        run(raises(ValueError("planted")))


def test_a_job_ends_quietly_when_the_reader_of_its_pipe_has_ended():
    code = """
import click
from jobs.console import job
click.command()(job(lambda reporter: [reporter.result("line") for _ in range(100_000)]))()
"""
    ends_early = "import sys; sys.stdin.readline()"

    writer = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    subprocess.run([sys.executable, "-c", ends_early], stdin=writer.stdout, check=True)
    writer.stdout.close()

    assert writer.stderr.read() == b""
    assert writer.wait() == 141  # as a program that SIGPIPE ends


def test_a_scratch_folder_that_cannot_be_created_is_named(tmp_path):
    from features.errors import InputError
    from jobs.console import scratch_folder

    (tmp_path / "file").write_bytes(b"")
    parent = tmp_path / "file" / "artifacts"

    with pytest.raises(InputError, match="artifacts"), scratch_folder(parent):
        pass


def test_a_scratch_folder_is_absolute_and_removed_with_the_parent_that_was_created_for_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    with scratch_folder(Path("artifacts")) as folder:
        assert folder.is_absolute()
        assert folder.parent == tmp_path / "artifacts"
        (folder / "file").touch()

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("files", [[], ["LATEST"]])
def test_a_parent_that_was_there_stays_even_if_it_is_empty(tmp_path, files):
    parent = tmp_path / "artifacts"
    parent.mkdir()
    for name in files:
        (parent / name).touch()

    with scratch_folder(parent) as folder:
        (folder / "file").touch()

    assert [path.name for path in parent.iterdir()] == files


def test_every_job_is_a_command():
    jobs = {path.stem for path in JOBS_FOLDER.glob("*.py")} - {"__init__", "console"}

    assert set(COMMANDS) == jobs


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_shows_the_help_of_its_job(name):
    done = CliRunner().invoke(cli, [name.replace("_", "-"), "--help"], prog_name=PROGRAM)

    assert done.exit_code == 0
    assert done.stdout.startswith(f"Usage: {PROGRAM} {name.replace('_', '-')} ")


def test_commands_in_messages_are_those_of_the_program_that_was_called():
    text = "run `python jobs/build_features.py` first"

    with click.Context(click.Command("main"), info_name="train.py"):
        assert as_typed(text) == text
    with click.Context(cli, info_name=PROGRAM) as parent, click.Context(click.Command("train"), parent=parent):
        assert as_typed(text) == f"run `{PROGRAM} build-features` first"


def test_the_reporter_prints_the_next_command(capsys):
    ConsoleReporter().next("feast -c feature_repo apply")

    assert capsys.readouterr().out == "next: feast -c feature_repo apply\n"


def test_the_installed_command_is_the_group_of_jobs():
    project = tomllib.loads((JOBS_FOLDER.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    module, _, name = project["scripts"][PROGRAM].partition(":")
    assert getattr(importlib.import_module(module), name) is cli


def test_files_are_for_their_owner_unless_the_environment_allows_more(tmp_path, monkeypatch):
    def write(name):
        def main(_):
            (tmp_path / name).touch()

        return CliRunner().invoke(click.command()(job(main)))

    before = os.umask(0o022)
    try:
        assert write("private").exit_code == 0
        monkeypatch.setenv("FEAST_TWO_TOWER_UMASK", "027")
        assert write("shared").exit_code == 0
        monkeypatch.setenv("FEAST_TWO_TOWER_UMASK", "rwx")
        refused = write("none")
        assert os.umask(0o022) == 0o022
    finally:
        os.umask(before)

    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    assert modes == {"private": 0o600, "shared": 0o640}
    assert (refused.exit_code, "FEAST_TWO_TOWER_UMASK is 'rwx'" in refused.stderr) == (1, True)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_job_whose_process_or_terminal_is_ended_removes_its_scratch_folder(tmp_path, number):
    code = f"""
import time, click
from pathlib import Path
from jobs.console import job, scratch_folder
def main(reporter):
    with scratch_folder(Path({str(tmp_path)!r})):
        print("ready", flush=True)
        time.sleep(60)
click.command()(job(main))()
"""
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"ready\n"
    assert len(list(tmp_path.iterdir())) == 1
    process.send_signal(number)
    process.stdout.close()

    assert process.wait() == 128 + number
    assert list(tmp_path.iterdir()) == []

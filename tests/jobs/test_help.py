"""The help text of every job, and of `feast-two-tower`, loads no heavy library."""

import subprocess
import sys

import pytest
from click.testing import CliRunner

from jobs.console import COMMANDS, PROGRAM, cli

HEAVY = {"tensorflow", "feast", "pandas", "pyarrow", "duckdb", "numpy"}
# In one process, because the question is only what the modules of the jobs import.
LOADED_BY_HELP = """
import sys
from click.testing import CliRunner
from jobs.console import COMMANDS, cli
for arguments in ([], *([name] for name in COMMANDS)):
    done = CliRunner().invoke(cli, [*arguments, "--help"])
    assert done.exit_code == 0, done.output
print(*sorted(name for name in sys.modules if "." not in name))
"""


def test_help_loads_no_heavy_library_and_writes_nothing(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", LOADED_BY_HELP], cwd=tmp_path, capture_output=True, text=True, check=True
    )

    assert "click" in done.stdout.split()
    assert HEAVY & set(done.stdout.split()) == set()
    assert list(tmp_path.iterdir()) == []


def test_a_script_runs_from_another_folder(run_job, tmp_path):
    done = run_job("fetch_demo_data", "--help", cwd=tmp_path)

    assert done.returncode == 0
    assert done.stdout.startswith("Usage: fetch_demo_data.py ")


def test_the_program_lists_its_commands_in_the_order_of_the_data_flow():
    done = CliRunner().invoke(cli, ["--help"], prog_name=PROGRAM)

    listed = [line.split()[0] for line in done.stdout.partition("Commands:\n")[2].splitlines()]
    assert listed == [name.replace("_", "-") for name in COMMANDS]


@pytest.mark.parametrize("name", COMMANDS)
def test_an_unknown_option_is_refused_by_name(name):
    done = CliRunner().invoke(cli, [name, "--no-such-option"])

    assert done.exit_code == 2
    assert "--no-such-option" in done.stderr

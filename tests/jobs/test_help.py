"""Help comes at once, from anywhere, and loads nothing heavy."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

JOBS_FOLDER = Path(__file__).parents[2] / "jobs"
JOBS = sorted(path for path in JOBS_FOLDER.glob("*.py") if "@click.command()" in path.read_text(encoding="utf-8"))
HEAVY = ("tensorflow", "feast", "pandas", "pyarrow", "duckdb", "numpy")
LOADED_AFTER_HELP = """
import runpy, sys
job = sys.argv[1]
sys.argv = [job, "--help"]
try:
    runpy.run_path(job, run_name="__main__")
except SystemExit as end:
    assert end.code == 0, end.code
print("loaded:", *sorted(name for name in sys.modules if "." not in name))
"""


def test_every_job_is_a_verb_and_is_tested_here():
    assert [path.stem for path in JOBS] == [
        "build_features",
        "check_leakage",
        "evaluate",
        "fetch_demo_data",
        "generate_candidates",
        "materialize",
        "show_candidates",
        "train",
    ]


@pytest.mark.parametrize("job", JOBS, ids=lambda path: path.stem)
def test_help_loads_nothing_heavy_and_says_what_the_job_does(job, tmp_path):
    told = subprocess.run(
        [sys.executable, "-c", LOADED_AFTER_HELP, str(job)], cwd=tmp_path, capture_output=True, text=True, check=True
    )

    help_text, _, loaded = told.stdout.rpartition("loaded:")
    assert set(loaded.split()).isdisjoint(HEAVY)
    assert "click" in loaded.split()
    assert help_text.startswith("Usage: ")
    first_word = help_text.split("\n\n")[1].split()[0]
    assert first_word in {"Fill", "Judge", "Print", "Prove", "Read", "Train", "Write"}
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("job", JOBS, ids=lambda path: path.stem)
def test_help_takes_less_than_half_a_second(job, tmp_path):
    # Processor seconds, so that other processes on the machine do not count; the best of three, so that a cold disk
    # does not either.
    def seconds():
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, str(job), "--help"], cwd=tmp_path, stdout=subprocess.DEVNULL, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    assert min(seconds() for _ in range(3)) < 0.5


@pytest.mark.parametrize("job", JOBS, ids=lambda path: path.stem)
def test_an_unknown_option_is_refused_without_a_traceback(job, tmp_path):
    told = subprocess.run(
        [sys.executable, str(job), "--no-such-option"],
        cwd=tmp_path,
        env=os.environ | {"NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert told.returncode == 2
    assert "No such option" in told.stderr
    assert "--no-such-option" in told.stderr
    assert "Traceback" not in told.stderr

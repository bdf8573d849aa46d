"""The systemd unit: its settings exist, its command is the job's, and little of the system is open to it."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
UNIT = ROOT / "deploy" / "feast-two-tower.service"
PYTHON = "/opt/feast-two-tower/.venv/bin/python"


@pytest.fixture
def analyze(tmp_path):
    """Run systemd-analyze on the unit, whose interpreter becomes the one that runs the tests."""
    command = shutil.which("systemd-analyze")
    if command is None:
        pytest.skip("systemd-analyze is not installed: apt-get install systemd")

    def analyze(*arguments, change=("", "")):
        unit = tmp_path / UNIT.name
        unit.write_text(UNIT.read_text(encoding="utf-8").replace(PYTHON, sys.executable).replace(*change), "utf-8")
        return subprocess.run([command, *arguments, unit], capture_output=True, text=True, check=False)

    return analyze


def test_systemd_accepts_the_unit(analyze):
    done = analyze("verify")

    assert (done.returncode, done.stderr) == (0, "")


def test_a_setting_that_systemd_does_not_know_is_found(analyze):
    done = analyze("verify", change=("ProtectHome=", "ProtectHomes="))

    assert "ProtectHomes" in done.stderr


def test_the_unit_exposes_little(analyze):
    done = analyze("security", "--offline=true", "--threshold=20")  # tenths: below 2.0 of 10

    assert done.returncode == 0, done.stdout[-200:]


def test_the_command_is_the_job_with_its_options():
    [command] = re.findall(r"^ExecStart=(.*)$", UNIT.read_text(encoding="utf-8"), flags=re.MULTILINE)
    python, script, *options = command.split()
    source = (ROOT / script).read_text(encoding="utf-8")

    assert (python, script) == (PYTHON, "jobs/serve.py")
    assert [option for option in options if option.startswith("--") and f'"{option}"' not in source] == []


def test_systemd_waits_longer_than_the_service_for_its_last_requests():
    [timeout] = re.findall(r"^TimeoutStopSec=(\d+)$", UNIT.read_text(encoding="utf-8"), flags=re.MULTILINE)
    [seconds] = re.findall(r"_SECONDS_TO_END: Final = (\d+)", (ROOT / "jobs" / "serve.py").read_text(encoding="utf-8"))

    assert int(timeout) > int(seconds)

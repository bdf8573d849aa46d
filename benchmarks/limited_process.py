"""A process that is stopped when it takes too long or too much memory."""

import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psutil


@dataclass(frozen=True)
class Outcome:
    """How a process ended.

    Attributes:
        said: what it wrote to stdout.
        stopped: why it did not end well: its limit, or the last line of stderr. Empty if it did.
        seconds: from its start to its end.
        peak_gb: the most memory it was seen with (resident, 10^9 bytes).
    """

    said: str
    stopped: str
    seconds: float
    peak_gb: float


def run_limited(command: list[str], folder: Path, limit_seconds: float, limit_gb: float) -> Outcome:
    """Run a command in a folder, and look at it fifty times a second."""
    started, peak, stopped = time.monotonic(), 0.0, ""
    with (
        tempfile.TemporaryFile() as said,
        tempfile.TemporaryFile() as warned,
        subprocess.Popen(command, cwd=folder, stdout=said, stderr=warned) as process,
    ):
        watched = psutil.Process(process.pid)
        while process.poll() is None and not stopped:
            peak = max(peak, _resident_gb(watched))
            if time.monotonic() - started > limit_seconds:
                stopped = f"stopped after {limit_seconds:,.0f} s"
            elif peak > limit_gb:
                stopped = f"stopped at {limit_gb:g} GB"
            time.sleep(0.02)
        seconds = time.monotonic() - started
        if stopped:
            process.kill()
        elif process.returncode:
            warned.seek(0)
            stopped = "failed: " + (warned.read().decode().strip().splitlines() or ["no message"])[-1]
        said.seek(0)
        return Outcome(said.read().decode(), stopped, seconds, peak)


def _resident_gb(process: psutil.Process) -> float:
    try:
        return float(process.memory_info().rss / 1e9)
    except psutil.NoSuchProcess:  # it has just ended
        return 0.0

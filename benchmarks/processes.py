"""Processes with limits of time and memory, and the peak memory of this process."""

import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Outcome:
    """The result of a process.

    Attributes:
        stdout: its output.
        stopped: the limit it exceeded, or the last line of stderr if it failed; empty if it succeeded.
        seconds: from start to end.
        peak_gb: highest sampled resident memory (10^9 bytes).
    """

    stdout: str
    stopped: str
    seconds: float
    peak_gb: float


def run_limited(command: list[str], folder: Path, limit_seconds: float, limit_gb: float) -> Outcome:
    """Run a command in a folder, and kill it if it exceeds a limit; memory is sampled 50 times per second."""
    import psutil

    started, peak, stopped = time.monotonic(), 0.0, ""
    with (
        tempfile.TemporaryFile() as stdout,
        tempfile.TemporaryFile() as stderr,
        subprocess.Popen(command, cwd=folder, stdout=stdout, stderr=stderr) as process,
    ):
        sampled = psutil.Process(process.pid)
        while process.poll() is None and not stopped:
            try:
                peak = max(peak, sampled.memory_info().rss / 1e9)
            except psutil.NoSuchProcess:  # it has just ended
                break
            if time.monotonic() - started > limit_seconds:
                stopped = f"stopped after {limit_seconds:,.0f} s"
            elif peak > limit_gb:
                stopped = f"stopped at {limit_gb:g} GB"
            time.sleep(0.02)
        if stopped:
            process.kill()
        process.wait()
        seconds = time.monotonic() - started
        if process.returncode and not stopped:
            stderr.seek(0)
            stopped = "failed: " + (stderr.read().decode().strip().splitlines() or ["no message"])[-1]
        stdout.seek(0)
        return Outcome(stdout.read().decode(), stopped, seconds, peak)


def peak_gb(process: int | str = "self") -> float:
    """Peak resident memory of a process (10^9 bytes); unlike ru_maxrss it excludes the parent's before the fork."""
    status = Path(f"/proc/{process}/status").read_text(encoding="ascii").splitlines()
    [line] = [line for line in status if line.startswith("VmHWM")]
    return int(line.split()[1]) * 1024 / 1e9

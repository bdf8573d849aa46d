"""The online service in a process of its own, for benchmarks."""

import contextlib
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from jobs.console import ROOT


@contextlib.contextmanager
def served(repo: Path, releases: Path, *options: object) -> Iterator[tuple[int, float, Any]]:
    """Run `jobs/serve.py` on a free port, and yield the port, the seconds from start to ready, and the process."""
    import psutil

    words = ["--repo", repo, "--releases", releases, "--port", 0, "--deadline", 10, *options]
    command = [sys.executable, str(ROOT / "jobs" / "serve.py"), *map(str, words)]
    started = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            output = "".join(process.stdout.readline() for _ in range(2)) if process.stdout else ""
            port = re.search(r"http://127\.0\.0\.1:(\d+)", output)
            if port is None:
                raise click.ClickException(f"The service did not start: run `{' '.join(command)}`.")
            yield int(port[1]), time.perf_counter() - started, psutil.Process(process.pid)
        finally:
            process.terminate()

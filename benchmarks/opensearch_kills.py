"""SIGKILL to `index_items.py --engine opensearch`, and to its server, at random moments.

    python benchmarks/opensearch_kills.py
    python benchmarks/opensearch_kills.py --trials 5

On a small shop of the toy data, with a real server of its own. After each kill (and a new start of the server, if that
was killed) candidates of the OpenSearch engine must equal those of the exact one, the next run must succeed, and the
server must hold the current index and the previous one only. Of two processes the job is killed first. Prints a
Markdown table, then each failure; the exit status is 1 if there is any. Needs what `scripts/opensearch.sh` needs.
"""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import click

from features.report_table import ReportTable
from jobs import console

if TYPE_CHECKING:
    from fault_injection.forks import Command
    from fault_injection.project import Project

ALIAS = "killed"
SCRIPT = console.ROOT / "scripts" / "opensearch.sh"


@click.command()
@click.option("--trials", type=click.IntRange(1), default=20, show_default=True, help="Kills of the job.")
@click.option("--server-trials", type=click.IntRange(0), default=20, show_default=True, help="Kills of the server.")
@console.seed_option
def main(trials: int, server_trials: int, seed: int) -> None:
    """Print how many kills the index survived."""
    commit = console.commit()
    from fault_injection.forks import import_everything

    import_everything()
    from fault_injection.project import Project

    chance = Random(seed)  # noqa: S311 - draws moments
    problems: dict[str, list[str]] = {"job": [], "server": []}
    kinds = ["job"] * trials + ["server"] * server_trials
    with tempfile.TemporaryDirectory(prefix="opensearch-kills-") as text:
        folder = Path(text)
        folder.chmod(0o755)  # the server may run as another user
        project = Project(folder / "shop")
        project.folder.mkdir()
        project.create(console.ROOT)
        server = Server(folder / "server")
        server.start()
        try:
            trial = Trial(project, server)
            for number, kind in enumerate(kinds):
                delay = chance.uniform(0, trial.seconds)
                found = trial.kill(kind, delay)
                problems[kind] += [f"kill {number} after {delay:.2f} s: {problem}" for problem in found]
        finally:
            server.stop()
    rows = [[kind, str(kinds.count(kind)), str(len(problems[kind]))] for kind in problems]
    print(ReportTable.of(["killed", "times", "problems"], rows, ["killed"]).markdown())
    print(f"\none run of the job {trial.seconds:.1f} s, seed {seed}, commit {commit}")
    for kind, each in problems.items():
        for problem in each:
            print(f"{kind}, {problem}")
    sys.exit(1 if any(problems.values()) else 0)


class Server:
    """A server of `scripts/opensearch.sh` in a folder, on a port that was free."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, with the data that it has, and wait until it answers."""
        options = {**os.environ, "OPENSEARCH_JAVA_OPTS": "-XX:TieredStopAtLevel=1"}
        command = [SCRIPT, "up", self.folder, str(self.port)]
        subprocess.run(command, env=options, check=True, stdout=subprocess.DEVNULL)

    def kill(self) -> None:
        """Send SIGKILL, and wait until the process is gone."""
        process = int((self.folder / "server.pid").read_text())
        os.kill(process, signal.SIGKILL)
        while Path(f"/proc/{process}/cmdline").exists() and Path(f"/proc/{process}/cmdline").read_bytes():
            time.sleep(0.01)

    def stop(self) -> None:
        """Stop it."""
        subprocess.run([SCRIPT, "down", self.folder], check=False)


class Trial:
    """A project with an index in a server, which kills must not harm."""

    def __init__(self, project: "Project", server: Server) -> None:
        from fault_injection.forks import run

        self.project, self.server = project, server
        self.exact = self.candidates("exact")
        ended = [run(self.index) for _ in range(2)]
        if any(each.status for each in ended):
            raise RuntimeError(f"The job fails without a kill: {ended[-1].stderr}")
        self.seconds = ended[-1].seconds

    @property
    def index(self) -> "Command":
        """The job."""
        from fault_injection.forks import Command

        places = ("--repo", self.project.repo, "--releases", self.project.releases)
        return Command.of("index_items", *places, *self.options)

    @property
    def options(self) -> tuple[str, ...]:
        """Which server and which index."""
        return "--engine", "opensearch", "--url", self.server.url, "--alias", ALIAS

    def candidates(self, engine: str) -> Any:
        """The rows that an engine generates, or the last line of its messages."""
        import pyarrow.parquet as pq
        from fault_injection.forks import run

        output = self.project.folder / f"{engine}.parquet"
        ended = run(self.project.generate(12, output, *(self.options if engine == "opensearch" else ())))
        return ended.last_line if ended.status else pq.read_table(output).to_pylist()

    def kill(self, kind: str, delay: float) -> list[str]:
        """Kill the job, or its server, after some seconds of a run; return what is wrong afterwards."""
        from fault_injection.forks import Fork, run

        fork, problems = Fork(self.index.call), []
        if kind == "job":
            fork.wait(kill_after=delay)
        else:
            time.sleep(delay)
            self.server.kill()
            ended = fork.wait()
            if ended.status and not ended.refusal:
                problems.append(f"the job ends without a clear message: {ended.last_line}")
            self.server.start()
        if (found := self.candidates("opensearch")) != self.exact:
            problems.append(f"candidates differ: {found if isinstance(found, str) else 'other rows'}")
        if (ended := run(self.index)).status:
            problems.append(f"the next run fails: {ended.last_line}")
        if self.candidates("opensearch") != self.exact:
            problems.append("candidates differ after the next run")
        if len(names := self.indexes()) > 2:
            problems.append(f"these remain: {', '.join(names)}")
        return problems

    def indexes(self) -> list[str]:
        """The names of the indexes in the server."""
        from candidates.opensearch.connection import Connection

        connection = Connection.open(self.server.url, {})
        names = [*connection.client.indices.get(index=f"{ALIAS}-*")]
        connection.close()
        return names


if __name__ == "__main__":
    main()

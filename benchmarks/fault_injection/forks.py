"""Jobs in forks of one process that has imported everything: a job starts in milliseconds instead of ten seconds.

The parent imports and forks, and does nothing else: no session, no thread pool and no database of it is in the forks.
"""

import fcntl
import importlib
import logging
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

FEAST: Final = "feast"
TIMEOUT: Final = 120
_OUTPUT: Final = 1 << 20  # a fork with more output would wait until it is killed
_JOBS: Final = (
    "fetch_demo_data", "build_features", "train", "materialize", "generate_candidates", "show_candidates",
    "export_towers", "index_items",
)  # fmt: skip
# What these jobs import once their arguments are parsed.
_LATER_IMPORTS: Final = (
    "feast.cli.cli", "features.raw.demo_data", "features.tables.build", "features.store.consistency",
    "features.store.materialization", "models.release.saved_models", "pipelines.candidate_generation",
    "pipelines.candidate_stages", "pipelines.candidate_views", "pipelines.index_items", "pipelines.index_store",
    "pipelines.opensearch_index", "pipelines.train_release",
)  # fmt: skip


@dataclass(frozen=True)
class Command:
    """A job and its arguments.

    Attributes:
        job: name of a module in `jobs`, or `FEAST`.
        arguments: as on the command line.
        prepare: is called in the fork before the job.
    """

    job: str
    arguments: tuple[str, ...]
    prepare: Callable[[], None] = lambda: None

    @classmethod
    def of(cls, job: str, *arguments: object, prepare: Callable[[], None] = lambda: None) -> "Command":
        """Return the command with its arguments as text."""
        return cls(job, tuple(map(str, arguments)), prepare)

    def call(self) -> None:
        """Run the job in this process."""
        self.prepare()
        sys.argv = [self.job, *self.arguments]
        name = "feast.cli.cli" if self.job == FEAST else f"jobs.{self.job}"
        module = importlib.import_module(name)
        (module.cli if self.job == FEAST else module.main)(list(self.arguments))


@dataclass(frozen=True)
class Ended:
    """A fork that has ended.

    Attributes:
        status: exit status; negative for the signal that ended it.
        stdout: its output.
        stderr: its messages.
        seconds: from start to end.
    """

    status: int
    stdout: str
    stderr: str
    seconds: float

    @property
    def was_killed(self) -> bool:
        """Whether SIGKILL ended it."""
        return self.status == -signal.SIGKILL

    @property
    def refusal(self) -> str | None:
        """The sentence with which a job refused its input; None if it ended in any other way."""
        lines = self.stderr.strip().splitlines()
        errors = [line for line in lines if line.startswith("error: ")]
        is_clean = self.status == 1 and len(errors) == 1 and lines[-1] == errors[0] and "Traceback" not in self.stderr
        # The last resort of a job names the exception and the job: no sentence for a user.
        return errors[0] if is_clean and "for the traceback" not in errors[0] else None

    @property
    def last_line(self) -> str:
        """The last line of its messages, or what it ended with."""
        return (self.stderr.strip().splitlines() or [f"status {self.status}, without a message"])[-1]


class Fork:
    """A fork that runs something, with its output in files.

    Args:
        work: what it runs; SystemExit gives its exit status.
    """

    def __init__(self, work: Callable[[], object]) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        # Pipes, because a limit of the file size also holds for files of output.
        self._output, outputs = zip(*(os.pipe() for _ in range(2)), strict=True)
        self._started = time.monotonic()
        self.process = os.fork()
        if self.process == 0:
            _run(work, *outputs)
        for output in outputs:
            fcntl.fcntl(output, fcntl.F_SETPIPE_SZ, _OUTPUT)
            os.close(output)

    def kill(self) -> None:
        """Send SIGKILL."""
        with suppress(ProcessLookupError):
            os.kill(self.process, signal.SIGKILL)

    def wait(self, kill_after: float = TIMEOUT) -> Ended:
        """Wait until it ends, and kill it after some seconds."""
        while not (ended := os.waitpid(self.process, os.WNOHANG))[0]:
            if time.monotonic() - self._started > kill_after:
                self.kill()
                ended = os.waitpid(self.process, 0)
                break
            time.sleep(0.002)
        status = os.waitstatus_to_exitcode(ended[1])
        seconds = time.monotonic() - self._started
        texts = [_read(output) for output in self._output]
        return Ended(status, texts[0], texts[1], seconds)


def import_everything() -> None:
    """Import the jobs and what they import later, so that forks need not."""
    os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS"), "1")
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
    import models  # noqa: F401 - chooses Keras 2, before anything else imports TensorFlow

    for name in (*(f"jobs.{job}" for job in _JOBS), *_LATER_IMPORTS):
        importlib.import_module(name)
    logging.getLogger().setLevel(logging.WARNING)  # as without Feast's command line


def run(command: Command) -> Ended:
    """Run a job in a fork."""
    return Fork(command.call).wait()


def run_all(commands: Sequence[Command]) -> None:
    """Run jobs one after the other.

    Raises:
        RuntimeError: one of them failed.
    """
    for command in commands:
        ended = run(command)
        if ended.status:
            raise RuntimeError(f"{command.job} {' '.join(command.arguments)}: {ended.stderr}")


def _read(output: int) -> str:
    """What was written to a pipe: no other process than the fork had its other end."""
    with os.fdopen(output, "rb") as pipe:
        os.set_blocking(output, False)
        return (pipe.read() or b"").decode(errors="replace")


def _run(work: Callable[[], object], stdout: int, stderr: int) -> None:
    status = 70
    try:
        os.dup2(stdout, 1)
        os.dup2(stderr, 2)
        os.chdir("/")
        work()
        status = 0
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else int(error.code is not None)
    except BaseException:  # noqa: BLE001 - as the interpreter does
        traceback.print_exc()
        status = 1
    finally:
        with suppress(OSError, ValueError):
            sys.stdout.flush()
        with suppress(OSError, ValueError):
            sys.stderr.flush()
        os._exit(status)

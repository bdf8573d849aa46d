"""What all jobs share: paths, options, the reporter, error handling, and the command `feast-two-tower`."""

import contextlib
import functools
import importlib
import io
import logging
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import click
from click.core import ParameterSource
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from features.errors import InputError, path_error
from features.files import scratch
from features.progress import Advance, Stopwatch
from features.report_table import WIDTH, ReportTable
from features.schema import MAX_CANDIDATES
from features.text import visible, visible_lines

ROOT = Path(__file__).resolve().parent.parent
RAW_DIR = ROOT / "data" / "raw"
FEATURE_TABLES = Path(os.environ.get("FEATURE_TABLES", ROOT / "data" / "features"))
FEATURE_REPO = ROOT / "feature_repo"
RELEASES = ROOT / "artifacts"
CANDIDATES = ROOT / "data" / "candidates.parquet"
DEBUG: Final = "FEAST_TWO_TOWER_DEBUG"
MASK: Final = "FEAST_TWO_TOWER_UMASK"
PROGRAM: Final = "feast-two-tower"
# In the order of the data flow, which is the order in the help text.
COMMANDS: Final = (
    "fetch_demo_data", "build_features", "train", "materialize", "index_items", "generate_candidates",
    "show_candidates", "serve", "export_towers", "evaluate", "check_leakage", "doctor",
)  # fmt: skip
_PACKAGES: Final = ("features", "models", "candidates", "evaluation", "pipelines", "serving")


def path_option(*names: str, text: str, default: Path | None = None, folder: bool = False) -> Callable[..., Any]:
    """Return an option that takes a file or a folder; a default within the project is shown relative to its root."""
    if default is not None:
        text += f"  [default: {default.relative_to(ROOT) if default.is_relative_to(ROOT) else default}]"
    path = click.Path(path_type=Path, file_okay=not folder, dir_okay=folder)
    return click.option(*names, type=path, default=default, help=text)


raw_dir_option = path_option(
    "--raw-dir", folder=True, default=RAW_DIR, text="Folder of the raw tables customers, articles, transactions_train."
)
repo_option = path_option(
    "--repo", folder=True, default=FEATURE_REPO, text="Feast feature repository: the folder of feature_store.yaml."
)
releases_option = path_option("--releases", folder=True, default=RELEASES, text="Folder of the releases.")
candidates_option = path_option("--candidates", default=CANDIDATES, text="Candidate file.")
release_option = click.option("--release", "version", help="Version of the release.  [default: the latest]")
filters_option = path_option("--filters", "filters_file", text="TOML file with filter settings.")
seed_option = click.option(
    "--seed",
    type=click.IntRange(0),
    default=1,
    show_default=True,
    help="Random seed of samples, weights and shuffling.",
)
k_option = click.option(
    "--k", type=click.IntRange(1, MAX_CANDIDATES), default=100, show_default=True, help="Candidates per user."
)
url_option = click.option("--url", help="OpenSearch server.  [default: OPENSEARCH_URL, or http://localhost:9200]")
alias_option = click.option("--alias", help="Alias of the index in OpenSearch.  [default: feast-two-tower-items]")
features_option = click.option(
    "--features",
    "source",
    type=click.Choice(["online", "offline"]),
    default="online",
    show_default=True,
    help="Store from which features are read; offline needs no materialization, and reads all users at once.",
)
already_bought_option = click.option(
    "--already-bought",
    type=click.Choice(["drop", "keep"]),
    help="Whether items that the user bought before are excluded.  [default: as in the filter settings]",
)
memory_limit_option = click.option(
    "--memory-limit", default="4GB", show_default=True, help="Memory limit of DuckDB, which spills to disk beyond it."
)


class ConsoleReporter:
    """Prints what a job reports: stages and results to stdout; progress bars and, if verbose, details to stderr.

    Progress bars appear on a terminal only, and disappear when they are complete.

    Args:
        verbose: whether details are printed.
    """

    def __init__(self, *, verbose: bool = False) -> None:
        self.verbose = verbose
        self.watch = Stopwatch()
        self._stdout = sys.stdout  # `quiet_libraries` redirects sys.stdout
        self._bars: Progress | None = None

    def stage(self, name: str) -> None:
        """Print the name of a stage that begins, after the seconds since the job began."""
        self.close()
        self._print(f"{self.watch.seconds:5.0f} s  {name}")

    def metrics(self, text: str) -> None:
        """Print a result of the current stage."""
        self._print("\n".join(f"{'':9}{visible(line)}" for line in text.split("\n")))

    def detail(self, text: str) -> None:
        """Print a diagnostic, if verbose."""
        if self.verbose:
            print(f"{'':9}{visible_lines(text)}", file=sys.stderr, flush=True)

    def result(self, text: str) -> None:
        """Print a result of the job, of one or more lines."""
        self.close()
        self._print(visible_lines(text))

    def table(self, table: ReportTable) -> None:
        """Print a table, at most `features.report_table.WIDTH` columns wide."""
        self.close()
        terminal = Console(file=self._stdout)
        width = min(WIDTH, terminal.width) if terminal.is_terminal else WIDTH
        self._print(table.text(width, styled=terminal.is_terminal))

    def next(self, command: str) -> None:
        """Print the command that comes next, such as "python jobs/train.py"."""
        self._print(f"next: {as_typed(command)}")

    def progress(self, label: str, total: int) -> Advance:
        """Open a progress bar; returns its update function, which does nothing if stderr is not a terminal."""
        if total == 0 or not sys.stderr.isatty():
            return lambda _: None
        if self._bars is None:
            self._bars = _progress_bars()
            self._bars.start()
        bars = self._bars
        task = bars.add_task(label, total=total)

        def advance(count: int) -> None:
            bars.advance(task, count)
            if bars is self._bars and bars.finished:
                self.close()

        return advance

    def close(self) -> None:
        """Remove all progress bars."""
        if self._bars is not None:
            bars, self._bars = self._bars, None
            bars.stop()

    def _print(self, text: str) -> None:
        if self._bars is not None and self._stdout.isatty():
            self._bars.console.print(Text(text))  # above the bars
        else:
            print(text, file=self._stdout, flush=True)


def _progress_bars() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    # Without a terminal behind it, stdout is a file or a pipe, and bars do not disturb what is printed to it.
    return Progress(*columns, console=Console(stderr=True), transient=True, redirect_stdout=sys.stdout.isatty())


def job(main: Callable[..., None]) -> Callable[..., None]:
    """Turn a function into a job: it gets a `ConsoleReporter` as first argument and the option --verbose.

    Input that cannot be used ends the job with one sentence on stderr and status 1.
    """

    @click.option("--verbose", is_flag=True, help="Also print row counts and diagnostics.")
    @functools.wraps(main)
    def run(*args: Any, verbose: bool, **kwargs: Any) -> None:
        _end_on_signals()
        reporter, level = ConsoleReporter(verbose=verbose), logging.INFO if verbose else logging.WARNING
        try:
            with _private_files(), _log_to_stderr(level), contextlib.closing(reporter):
                main(reporter, *args, **kwargs)
        except InputError as error:
            _fail(str(error))
        except BrokenPipeError:  # the reader of a pipe, such as `head`, has ended
            _end_quietly()
        except Exception as error:
            if os.environ.get(DEBUG):
                raise
            _fail(_failure(error))

    return run


def _end_on_signals() -> None:
    """End as after an error, so that temporary files are removed, when the process or its terminal is ended."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as under nohup
            signal.signal(number, lambda received, _: sys.exit(128 + received))


@contextlib.contextmanager
def _private_files() -> Iterator[None]:
    """Write files that only their owner can read, because they hold purchases, unless `MASK` allows more."""
    text = os.environ.get(MASK, "077")
    if not re.fullmatch("0?[0-7]{3}", text):
        raise InputError(f"The environment variable {MASK} is {text!r}: set it to a umask such as 077 or 027.")
    previous = os.umask(int(text, 8))
    try:
        yield
    finally:
        os.umask(previous)


def _fail(message: str) -> None:
    click.echo(f"error: {visible(as_typed(message))}", err=True)
    sys.exit(1)


def _end_quietly() -> None:
    """End as a program that SIGPIPE ends, without a message of the interpreter, which flushes what is left."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):  # a stream without a file descriptor
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    sys.exit(128 + signal.SIGPIPE)


def _failure(error: Exception) -> str:
    """Return one sentence on an exception that no part of the project expected."""
    if isinstance(error, OSError) and error.errno and error.filename:
        return str(path_error(str(error.filename), error, "used"))
    text = " ".join(str(error).split())[:300] or "no message"
    if "No space left on device" in text or "database or disk is full" in text:
        return f"A disk is full, and nothing was replaced: free space, or choose paths on another disk ({text})."
    if "File too large" in text:
        return (
            f"A file exceeds what `ulimit -f` or its disk allows, and nothing was replaced: raise the limit ({text})."
        )
    where = Path(sys.argv[0]).name
    return f"{type(error).__name__} in {where}: {text} (set {DEBUG}=1 for the traceback)."


def as_typed(text: str) -> str:
    """Return a text whose commands `python jobs/<name>.py` are written as the user called this one."""
    context = click.get_current_context(silent=True)
    if context is None or context.find_root().info_name != PROGRAM:
        return text
    return re.sub(r"python jobs/(\w+)\.py", lambda match: f"{PROGRAM} {_command_name(match[1])}", text)


def _command_name(module: str) -> str:
    return module.replace("_", "-")


def given_options() -> set[str]:
    """Return the options on the command line, such as "--user"."""
    context = click.get_current_context()
    return {
        parameter.opts[0]
        for parameter in context.command.params
        if parameter.name and context.get_parameter_source(parameter.name) is ParameterSource.COMMANDLINE
    }


def warn(sentences: Iterable[str]) -> None:
    """Print warnings to stderr."""
    for sentence in sentences:
        print(f"warning: {visible(sentence)}", file=sys.stderr)


class _StderrHandler(logging.Handler):
    """Writes to what `sys.stderr` is at the moment: a progress bar replaces it while it is shown."""

    def emit(self, record: logging.LogRecord) -> None:
        print(visible_lines(self.format(record)), file=sys.stderr)


@contextlib.contextmanager
def _log_to_stderr(level: int) -> Iterator[None]:
    """Print log records of this project from a level on; of libraries, warnings."""
    handler, loggers = _StderrHandler(), [logging.getLogger(name) for name in _PACKAGES]
    levels = [logger.level for logger in loggers]
    logging.getLogger().addHandler(handler)
    for logger in loggers:
        logger.setLevel(level)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(handler)
        for logger, earlier in zip(loggers, levels, strict=True):
            logger.setLevel(earlier)


@contextlib.contextmanager
def quiet_libraries() -> Iterator[None]:
    """Send what libraries print to stdout to stderr if that is a terminal, and nowhere otherwise."""
    with contextlib.redirect_stdout(sys.stderr if sys.stderr.isatty() else io.StringIO()):
        yield


@contextlib.contextmanager
def scratch_folder(parent: Path) -> Iterator[Path]:
    """Yield a temporary folder in `parent`, removed after the block.

    `parent` is created if it does not exist, and removed again if this block created it and nothing was written to it.

    Raises:
        InputError: `parent` is no folder that can be written to.
    """
    given, parent = parent, parent.resolve()  # Feast reads relative paths from the feature repository
    created = not parent.exists()
    try:
        with scratch(parent, given) as folder:
            yield folder
    finally:
        if created and parent.is_dir() and not any(parent.iterdir()):
            parent.rmdir()


def load_tensorflow() -> None:
    """Import TensorFlow with Keras 2, without the messages that its native code prints before logging is set up.

    The messages are printed if the import fails.
    """
    import models  # noqa: F401 - chooses Keras 2

    stderr = os.dup(2)
    with tempfile.TemporaryFile() as messages:
        os.dup2(messages.fileno(), 2)
        try:
            import tensorflow as tf

            tf.config.list_logical_devices()
        except BaseException:
            messages.seek(0)
            os.write(stderr, messages.read())
            raise
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)


def commit() -> str | None:
    """Return the git commit of this project, with `+` if the tree differs from it, or None outside a checkout."""
    git = shutil.which("git")
    if git is None:
        return None
    done = subprocess.run(  # noqa: S603 - a constant command
        [git, "-C", str(ROOT), "describe", "--always", "--abbrev=12", "--dirty=+", "--exclude=*"],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() or None


class _Jobs(click.Group):
    """The jobs as commands; a job is imported when its command is called or listed."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return [_command_name(name) for name in COMMANDS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        name = cmd_name.replace("-", "_")
        if name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"jobs.{name}").main
        return command


@click.group(cls=_Jobs)
@click.version_option(package_name=PROGRAM)
def cli() -> None:
    """Candidate retrieval on a Feast feature store: features, two towers, candidate lists.

    The commands are listed in the order of the data flow.
    """


if __name__ == "__main__":
    cli(prog_name=PROGRAM)

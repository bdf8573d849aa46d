"""What every job shares at the terminal: paths, words, bars, and how it fails."""

import contextlib
import functools
import io
import logging
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import click

ROOT = Path(__file__).resolve().parent.parent
RAW_DIR = ROOT / "data" / "raw"
FEATURE_TABLES = Path(os.environ.get("FEATURE_TABLES", ROOT / "data" / "features"))
FEATURE_REPO = ROOT / "feature_repo"
RELEASES = ROOT / "artifacts"
DEBUG = "FEAST_TWO_TOWER_DEBUG"
CANDIDATES = ROOT / "data" / "candidates.parquet"

raw_dir_option = click.option(
    "--raw-dir",
    type=click.Path(path_type=Path, file_okay=False),
    default=RAW_DIR,
    show_default="data/raw",
    help="Folder of the raw tables customers, articles and transactions_train.",
)
repo_option = click.option(
    "--repo",
    type=click.Path(path_type=Path, file_okay=False),
    default=FEATURE_REPO,
    show_default="feature_repo",
    help="Folder of feature_store.yaml.",
)
releases_option = click.option(
    "--releases",
    type=click.Path(path_type=Path, file_okay=False),
    default=RELEASES,
    show_default="artifacts",
    help="Folder that holds the releases.",
)

filters_option = click.option(
    "--filters",
    "filters_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="TOML file that says which filters are in force.",
)


def job(main: Callable[..., None]) -> Callable[..., None]:
    """Run a job so that bad input ends in one sentence on stderr and status 1, and rows are counted aloud."""

    @functools.wraps(main)
    def run(*args: Any, **kwargs: Any) -> None:
        from features.errors import InputError

        logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
        for room in ("features", "models", "candidates", "evaluation", "pipelines"):
            logging.getLogger(room).setLevel(logging.INFO)
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that temporary files are removed
        try:
            main(*args, **kwargs)
        except InputError as error:
            click.echo(f"error: {error}", err=True)
            sys.exit(1)
        except Exception as error:
            if os.environ.get(DEBUG):
                raise
            said = " ".join(str(error).split())[:300] or "no message"
            click.echo(
                f"error: {type(error).__name__} in {Path(sys.argv[0]).name}: {said} "
                f"({DEBUG}=1 shows where it happened).",
                err=True,
            )
            sys.exit(1)

    return run


def warn(sentences: Iterable[str]) -> None:
    """Say on stderr what is no error, and somebody should hear."""
    for sentence in sentences:
        print(f"warning: {sentence}", file=sys.stderr)


@contextlib.contextmanager
def chatter() -> Iterator[None]:
    """What a library prints inside the block goes to stderr if that is a terminal, and nowhere otherwise."""
    with contextlib.redirect_stdout(sys.stderr if sys.stderr.isatty() else io.StringIO()):
        yield


@contextlib.contextmanager
def warnings_only(room: str) -> Iterator[None]:
    """Inside the block a room does not count its rows aloud."""
    logger = logging.getLogger(room)
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)


@contextlib.contextmanager
def scratch(beside: Path) -> Iterator[Path]:
    """A folder in the folder `beside` for what is gone after the block; `beside` itself if it stayed empty, too."""
    beside = beside.resolve()  # Feast reads relative paths from the feature repository
    beside.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(prefix=".scratch-", dir=beside) as name:
            yield Path(name)
    finally:
        if not any(beside.iterdir()):
            beside.rmdir()


def load_tensorflow() -> None:
    """Import TensorFlow, with Keras 2, without what its native code prints before logging can be set.

    Whatever it printed is shown if the import fails.
    """
    import models  # noqa: F401 - chooses Keras 2

    kept = os.dup(2)
    with tempfile.TemporaryFile() as said:
        os.dup2(said.fileno(), 2)
        try:
            import tensorflow as tf

            tf.config.list_logical_devices()
        except BaseException:
            said.seek(0)
            os.write(kept, said.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)


def commit() -> str | None:
    """The git commit of this project, `+` if the tree differs from it, or None outside a checkout."""
    git = shutil.which("git")
    if git is None:
        return None
    told = subprocess.run(  # noqa: S603 - a constant command
        [git, "-C", str(ROOT), "describe", "--always", "--abbrev=12", "--dirty=+", "--exclude=*"],
        capture_output=True,
        text=True,
        check=False,
    )
    return told.stdout.strip() or None

"""What every job shares at the terminal: paths, words, bars, and how it fails."""

import functools
import logging
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

ROOT = Path(__file__).resolve().parent.parent
RAW_DIR = ROOT / "data" / "raw"
FEATURE_REPO = ROOT / "feature_repo"
RELEASES = ROOT / "artifacts"
CANDIDATES = ROOT / "data" / "candidates.parquet"

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


def job(main: Callable[..., None]) -> Callable[..., None]:
    """Run a job so that bad input ends in one sentence on stderr and status 1, and rows are counted aloud."""

    @functools.wraps(main)
    def run(*args: Any, **kwargs: Any) -> None:
        from features.errors import InputError

        logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
        for room in ("features", "models", "retrieval", "evaluation"):
            logging.getLogger(room).setLevel(logging.INFO)
        try:
            main(*args, **kwargs)
        except InputError as error:
            click.echo(f"error: {error}", err=True)
            sys.exit(1)

    return run


def bar(label: str, total: int) -> Callable[[int], object]:
    """Return the `update` of a progress bar, which is silent where stderr is not a terminal."""
    from tqdm import tqdm

    return tqdm(total=total, desc=label, unit=" rows", unit_scale=True, disable=None, leave=False).update


class Stopwatch:
    """Seconds since it was made."""

    def __init__(self) -> None:
        self._start = time.perf_counter()

    @property
    def seconds(self) -> float:
        """Elapsed seconds."""
        return time.perf_counter() - self._start

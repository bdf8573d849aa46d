"""Progress of long work: the protocols by which pipelines report it, and a stopwatch."""

import time
from collections.abc import Callable
from typing import Final, Protocol, TypeAlias

Advance: TypeAlias = Callable[[int], object]
"""Advances a progress bar by a number of rows, batches or tables."""

Progress: TypeAlias = Callable[[str, int], Advance]
"""Opens a progress bar and returns its `Advance`, given a label and a total."""


class Reporter(Protocol):
    """Receives what a pipeline reports. Jobs decide how it is shown."""

    def stage(self, name: str) -> None:
        """Report that a stage begins, such as "train towers"."""

    def metrics(self, text: str) -> None:
        """Report a result that decides something; one line."""

    def detail(self, text: str) -> None:
        """Report a diagnostic, such as row counts or cosines; one line, shown on request."""

    def progress(self, label: str, total: int) -> Advance:
        """Open a progress bar over `total` rows, batches or days; returns its update function."""


class SilentReporter:
    """Reports nothing."""

    def stage(self, name: str) -> None:
        """Ignore the stage."""

    def metrics(self, text: str) -> None:
        """Ignore the result."""

    def detail(self, text: str) -> None:
        """Ignore the diagnostic."""

    def progress(self, label: str, total: int) -> Advance:  # noqa: ARG002 - the protocol's arguments
        """Return an update function that ignores its argument."""
        return lambda _: None


SILENT: Final = SilentReporter()


class Stopwatch:
    """Seconds since it was created."""

    def __init__(self) -> None:
        self._start = time.perf_counter()

    @property
    def seconds(self) -> float:
        """Elapsed seconds."""
        return time.perf_counter() - self._start

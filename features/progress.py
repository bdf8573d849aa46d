"""How long work tells how far it is."""

import time
from collections.abc import Callable
from typing import TypeAlias

Advance: TypeAlias = Callable[[int], object]
"""Called with the number of rows, batches or tables done since the last call."""

Progress: TypeAlias = Callable[[str, int], Advance]
"""Makes a `Advance` from a label and a total."""


def progress_bar(label: str, total: int) -> Advance:
    """Return the `update` of a progress bar, which is silent where stderr is not a terminal."""
    from tqdm import tqdm  # noqa: PLC0415 - needed only where progress is shown

    update: Advance = tqdm(total=total, desc=label, unit="", unit_scale=True, disable=None, leave=False).update
    return update


class Stopwatch:
    """Seconds since it was made."""

    def __init__(self) -> None:
        self._start = time.perf_counter()

    @property
    def seconds(self) -> float:
        """Elapsed seconds."""
        return time.perf_counter() - self._start

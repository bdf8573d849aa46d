"""The quarantine: a CSV file with the invalid rows of the raw tables, and the reason for each."""

import contextlib
import csv
import logging
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TextIO

from features.files import atomic_write, scratch_beside
from features.raw.raw_files import RawFile
from features.text import counted

_logger = logging.getLogger(__name__)

QUARANTINE_COLUMNS: Final = ("table", "line", "reason", "record")


@dataclass
class Quarantine:
    """Collects quarantined rows.

    Attributes:
        text: Receives the rows as CSV with the columns `QUARANTINE_COLUMNS`.
        folder: A temporary folder on the disk of the quarantine file.
        rows: Number of quarantined rows, by (table, reason).
    """

    text: TextIO
    folder: Path
    rows: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, file: RawFile, line: int, reason: str, record: str) -> None:
        """Add one row; `record` holds its raw fields as JSON."""
        csv.writer(self.text, lineterminator="\n").writerow((file.table, line, reason, record))
        self.rows[file.table, reason] += 1


@contextlib.contextmanager
def open_quarantine(path: Path | None) -> Iterator[Quarantine | None]:
    """Collect invalid rows in a temporary file beside `path`; move it to `path` if the block succeeds with any rows."""
    if path is None:
        yield None
        return
    with scratch_beside(path) as folder:
        collected = folder / "collected.csv"
        with collected.open("w", encoding="utf-8", newline="") as text:
            csv.writer(text, lineterminator="\n").writerow(QUARANTINE_COLUMNS)
            quarantine = Quarantine(text, folder)
            yield quarantine
        for (table, reason), count in quarantine.rows.items():
            _logger.warning("%s: %s quarantined in %s: %s", table, counted(count, "row"), path, reason)
        if quarantine.rows:
            with atomic_write(path) as temporary:
                collected.rename(temporary)

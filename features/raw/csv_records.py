"""The records and lines of a CSV file, for error messages and repairs; DuckDB reads the rows."""

import csv
import gzip
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple, TextIO

from features.errors import InputError
from features.text import counted

SHOWN_ROWS: Final = 3
_SHOWN_CHARACTERS: Final = 40


class Record(NamedTuple):
    """One record of a CSV file: its fields, and the physical line on which it starts, counted from 1."""

    line: int
    fields: list[str]


def open_text(path: Path) -> TextIO:
    """Open a .csv or .csv.gz file as text, without a byte order mark."""
    opener: Callable[..., TextIO] = gzip.open if path.suffix == ".gz" else open
    return opener(path, "rt", encoding="utf-8-sig", newline="")


def _open_bytes(path: Path) -> BinaryIO | gzip.GzipFile:
    return gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb")


def records(path: Path, *, strict: bool = False) -> Iterator[Record]:
    """Yield every record of a CSV file after the header. Slower than DuckDB; for error messages and repairs.

    As in DuckDB, blank lines are not records unless the file has a single column.

    Args:
        path: A .csv or .csv.gz file.
        strict: Refuse unclosed and undoubled quotes. Otherwise read quotes as leniently as DuckDB does.

    Raises:
        InputError: A field cannot be read.
        UnicodeDecodeError: The file is not UTF-8.
    """
    with open_text(path) as text:
        reader = csv.reader(text, strict=strict, skipinitialspace=not strict)
        try:
            width = len(next(reader))
            line = reader.line_num + 1
            for fields in reader:
                if fields or width == 1:
                    yield Record(line, fields or [""])
                line = reader.line_num + 1
        except csv.Error as error:
            raise InputError(
                f"{path} cannot be read as CSV from line {line} on ({error}): "
                "close every quote, and double quotes within values."
            ) from error


def has_width(record: Record, width: int) -> bool:
    """Return whether a record has `width` fields; like DuckDB, ignore empty fields beyond them."""
    return len(record.fields) >= width and not any(record.fields[width:])


def broken_lines(path: Path) -> InputError | None:
    """Return the error for a CSV file with carriage returns inside of lines, None if it has none.

    A file whose lines end with a carriage return alone, as on old Macs, has no other line ends.
    """
    count, first = 0, []
    with _open_bytes(path) as lines:
        for number, line in enumerate(lines, start=1):
            text = line.rstrip(b"\r\n")
            if b"\r" in text and line.endswith(b"\n"):
                count += 1
                if count <= SHOWN_ROWS:
                    start = max(0, text.index(b"\r") - _SHOWN_CHARACTERS // 2)
                    first.append((number, text[start : start + _SHOWN_CHARACTERS].decode("utf-8", "replace")))
    if not count:
        return None
    return InputError(
        f"{path} has a line break inside a value in {counted(count, 'line')} ({format_rows('line', first, count)}): "
        "remove the carriage returns, or quote the values that hold them."
    )


def not_utf8(path: Path) -> InputError:
    """Return the error for a CSV file that is not UTF-8, with its first invalid lines."""
    count, first = 0, []
    with _open_bytes(path) as lines:
        for number, line in enumerate(lines, start=1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError as error:
                count += 1
                if count <= SHOWN_ROWS:
                    start = max(0, error.start - _SHOWN_CHARACTERS // 2)
                    first.append((number, line[start : start + _SHOWN_CHARACTERS].decode("utf-8", "replace").strip()))
    return InputError(
        f"{path} is not UTF-8 in {counted(count, 'line')} ({format_rows('line', first, count)}): convert it to UTF-8."
    )


def format_rows(unit: str, rows: Sequence[tuple[int, object]], count: int) -> str:
    """Return the first three of `count` rows as text: "line 3: '-1', line 8: 'x', line 9: '', ...".

    Args:
        unit: "line" or "row".
        rows: Line or row number and value of the first rows, at least three if there are as many.
        count: Number of rows in total.
    """
    parts = []
    for number, value in rows[:SHOWN_ROWS]:
        text = "" if value is None else str(value)
        cut = text if len(text) <= _SHOWN_CHARACTERS else f"{text[: _SHOWN_CHARACTERS - 3]}..."
        parts.append(f"{unit} {number}: {cut!r}")
    return ", ".join([*parts, "..."] if count > SHOWN_ROWS else parts)

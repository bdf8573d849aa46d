"""Identifiers, literals and files in SQL, where DuckDB does not accept bound values."""

import re
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from features.errors import InputError


def identifier(name: str) -> str:
    """Quote a column name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(value: object) -> str:
    """Quote a text or a path as an SQL string."""
    return "'" + str(value).replace("'", "''") + "'"


def timestamp_literal(moment: datetime) -> str:
    """Return a moment as an SQL timestamp literal."""
    return f"timestamptz {literal(moment.isoformat())}"


def path_pattern(path: Path) -> str:
    """Return the pattern that matches exactly one path: DuckDB reads `[`, `*`, `?` and a leading `~` as patterns.

    Raises:
        InputError: the path holds such a character and a backslash, which no pattern can express.
    """
    absolute = str(path.absolute())
    pattern = re.sub(r"([\[*?])", r"[\1]", absolute)
    if pattern != absolute and "\\" in absolute:
        raise InputError(f"{absolute!r} holds a backslash beside '[', '*' or '?', which DuckDB cannot read: rename it.")
    return pattern


def parquet_files(paths: Iterable[Path], options: str = "hive_partitioning = false") -> str:
    """Return the relation of the rows of Parquet files, as written after FROM.

    The files are read as they are: their paths are no patterns, and by default folders such as `age=30` are no columns.

    Args:
        paths: the files, at least one.
        options: arguments of `read_parquet`.

    Raises:
        InputError: see `path_pattern`.
    """
    return parquet_patterns(map(path_pattern, paths), options)


def parquet_patterns(patterns: Iterable[str], options: str) -> str:
    """Return the relation of the rows of all Parquet files that match a pattern, with arguments of `read_parquet`."""
    return f"read_parquet([{', '.join(map(literal, patterns))}], {options})"


def partition_option(folder: Path, files: Iterable[Path]) -> str:
    """Return the argument of `read_parquet` by which folders `column=value` below a folder, and no others, are columns.

    Their values are text, so that ids keep their leading zeros.

    Raises:
        InputError: there are such folders below `folder`, and it lies in one itself.
    """
    if not any("=" in part for file in files for part in file.relative_to(folder).parts[:-1]):
        return "hive_partitioning = false"
    above = [part for part in folder.absolute().parts if "=" in part]
    if above:
        raise InputError(
            f"{folder} has columns as names of folders, and lies in {above[-1]!r}, which would become a column as "
            "well: move it to a folder without '='."
        )
    return "hive_partitioning = true, hive_types_autocast = false"


def csv_file(path: Path, options: str) -> str:
    """Return the relation of the rows of one CSV file, with arguments of `read_csv`; see `parquet_files`."""
    return f"read_csv({literal(path_pattern(path))}, hive_partitioning = false, {options})"

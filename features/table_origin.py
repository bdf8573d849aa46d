"""Which build wrote a feature table: a mark in the table's Parquet metadata."""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from features.errors import InputError

_BUILD: Final = b"feast_two_tower.build"


def mark(schema: pa.Schema, build: str) -> pa.Schema:
    """Return a schema whose files are recognized as written by a build."""
    return schema.with_metadata({_BUILD: build})


def check_one_build(files: Iterable[Path]) -> None:
    """Check that the marked tables of each folder are of one build.

    Tables without a mark are left out: other programs may write feature tables, too. Programs that write a table again
    keep the mark or drop it.

    Raises:
        InputError: two tables are of different builds, or a table is no Parquet file.
    """
    first: dict[Path, tuple[Path, bytes]] = {}
    for file in files:
        build = _read_mark(file)
        if build is None:
            continue
        other, expected = first.setdefault(file.parent, (file, build))
        if build != expected:
            raise InputError(
                f"The feature tables {other} and {file.name} are of two builds of other raw tables: run `python "
                "jobs/build_features.py`, and restore no single table."
            )


def _read_mark(file: Path) -> bytes | None:
    try:
        metadata = pq.read_schema(file).metadata or {}
    except (OSError, pa.ArrowException) as error:
        raise InputError(
            f"{file} is damaged, or no Parquet file: run `python jobs/build_features.py`, or write it again."
        ) from error
    build: bytes | None = metadata.get(_BUILD)
    return build

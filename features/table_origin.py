"""Which build wrote a feature table: a mark in the table's Parquet metadata, and the build's record of its bytes."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from features.build_record import BUILD_RECORD, read_build
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


def check_as_built(digests: Mapping[Path, str]) -> None:
    """Check that marked tables have the bytes that are recorded beside them in `build.json`.

    A file with the mark and the size that were recorded, but with other bytes, is damaged or was edited in place. A
    program that writes a table again may keep its mark, but not its size: the table is accepted. Folders without a
    record, and tables that it does not name, as in records of earlier versions, are left out.

    Args:
        digests: SHA-256 of each file, hex digits.

    Raises:
        InputError: a table is damaged, or the record cannot be read.
    """
    folders = {file.parent for file in digests}
    records = {folder: read_build(folder) for folder in folders if (folder / BUILD_RECORD).is_file()}
    for file, digest in digests.items():
        record = records.get(file.parent)
        written = record.files.get(file.name) if record else None
        if record is None or written is None or written.sha256 == digest or written.size != file.stat().st_size:
            continue
        if _read_mark(file) == record.build.encode():
            raise InputError(
                f"The feature table {file} is damaged or was edited: it has the mark of its build, but other bytes. "
                "Run `python jobs/build_features.py`."
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

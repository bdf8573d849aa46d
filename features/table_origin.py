"""Whether a feature table is the one that a build wrote: a mark in the file, and digests in the record of the build."""

import hashlib
import json
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from features.errors import InputError

BUILD_RECORD: Final = "build.json"
DIGESTS: Final = "table_digests"
_MARK: Final = b"feast_two_tower.schema"


def mark(schema: pa.Schema) -> pa.Schema:
    """Return a schema whose files are recognized as written by a build.

    The mark names the columns and types: a program that writes the table again in other types, as pandas does, may keep
    the metadata, but the mark is then no longer that of the file.
    """
    return schema.with_metadata({_MARK: _fingerprint(schema)})


def check_origin(file: Path, digest: str) -> None:
    """Check that a table which a build has written is that of the build in its folder.

    Tables without a mark are not checked: other programs may write feature tables, too.

    Args:
        file: the table.
        digest: its SHA-256, hex digits.

    Raises:
        InputError: the table was written by another build, or changed since; or the record is not readable.
    """
    record = file.parent / BUILD_RECORD
    if not record.is_file():
        return
    try:
        content = json.loads(record.read_text(encoding="utf-8"))
        recorded = content.get(DIGESTS, {}).get(file.stem, digest)
    except (ValueError, AttributeError) as error:
        raise InputError(f"{record} is damaged: run `python jobs/build_features.py` to write it again.") from error
    if recorded != digest and _is_marked(file):
        raise InputError(
            f"{file} is not the table that {record} records, but one of another build, or changed since: run `python "
            f"jobs/build_features.py`. If the change is intended, delete {record}."
        )


def _is_marked(file: Path) -> bool:
    try:
        schema = pq.read_schema(file)
    except (OSError, pa.ArrowException):
        return True  # it was readable when it was recorded
    return (schema.metadata or {}).get(_MARK) == _fingerprint(schema)


def _fingerprint(schema: pa.Schema) -> bytes:
    columns = "\n".join(f"{field.name} {_describe(field.type)}" for field in schema)
    return hashlib.sha256(columns.encode()).hexdigest()[:16].encode()


def _describe(kind: pa.DataType) -> str:
    # Parquet renames the elements of lists.
    return f"list of {_describe(kind.value_type)}" if pa.types.is_list(kind) else str(kind)

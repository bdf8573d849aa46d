"""The record of a build, `build.json` in the folder of the feature tables: which raw tables they were built from."""

import json
from pathlib import Path
from typing import Final

from pydantic import AwareDatetime, BaseModel, ConfigDict

from features.errors import InputError
from features.files import write_json
from features.validation_errors import validate

BUILD_RECORD: Final = "build.json"


class TableFile(BaseModel):
    """A file as a build wrote it.

    Attributes:
        size: bytes.
        sha256: of all bytes, hex digits.
    """

    model_config = ConfigDict(frozen=True)

    size: int
    sha256: str


class BuildRecord(BaseModel):
    """What one run of `build_feature_tables` read and wrote.

    Attributes:
        raw_dir: absolute path of the folder with the raw tables.
        raw_rows: rows read into each of `users`, `items`, `purchases` and `availability`.
        quarantined_rows: rows of each raw file that were quarantined instead.
        feature_rows: rows of each feature table.
        data_end: 00:00 UTC of the day after the last purchase.
        build: the mark of the feature tables, see `features.table_origin`.
        files: each feature table's file, by its name; empty in records of earlier versions.
        logged_purchases: purchases of the event log, which the raw tables lack.
        latest: moment after which purchases were invalid; None if every moment was allowed.
    """

    model_config = ConfigDict(frozen=True)

    raw_dir: Path
    raw_rows: dict[str, int]
    quarantined_rows: dict[str, int]
    feature_rows: dict[str, int]
    data_end: AwareDatetime
    build: str = ""
    files: dict[str, TableFile] = {}
    latest: AwareDatetime | None = None
    logged_purchases: int = 0


def write_build(folder: Path, record: BuildRecord) -> None:
    """Write the record into a folder of feature tables."""
    write_json(folder / BUILD_RECORD, record.model_dump(mode="json"))


def read_build(folder: Path) -> BuildRecord:
    """Read the record of the feature tables in a folder.

    Raises:
        InputError: there is none, or it is not readable.
    """
    path = folder / BUILD_RECORD
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(f"{path} does not exist: run `python jobs/build_features.py` to write it.") from error
    except ValueError as error:
        raise InputError(f"{path} is not JSON: run `python jobs/build_features.py` to write it again.") from error
    if not isinstance(content, dict):
        raise InputError(f"{path} is not a JSON object: run `python jobs/build_features.py` to write it again.")
    return validate(BuildRecord, content, str(path))

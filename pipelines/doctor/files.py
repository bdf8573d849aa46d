"""Checks of libraries and files: versions, raw tables, feature tables, candidate file."""

import platform
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

import pyarrow.parquet as pq

from candidates.candidate_file import CANDIDATES, read_description
from features.build_record import BUILD_RECORD, read_build
from features.errors import InputError
from features.raw.raw_files import find_raw_files
from features.tables.feature_tables import TABLES
from features.text import counted
from pipelines.doctor.finding import Finding, Found, Project, minute

_LIBRARIES: Final = ("feast", "tensorflow", "tensorflow-recommenders", "duckdb", "numpy")


def check_versions(commit: str | None) -> Finding:
    """Read the versions of Python, the main libraries and this project."""
    versions, absent = [f"Python {platform.python_version()}"], []
    for name in _LIBRARIES:
        try:
            versions.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            absent.append(name)
    details = f"{', '.join(versions)}; commit {commit or 'unknown'}"
    if absent:
        return Finding("broken", f"{details}; not installed: {', '.join(absent)}", "make setup")
    return Finding("ok", details)


def check_raw_tables(project: Project) -> Finding:
    """Find the raw tables; without them feature tables cannot be built, but existing ones can be used."""
    built = (project.tables / BUILD_RECORD).is_file()
    raw_dir = project.raw_dir or (read_build(project.tables).raw_dir if built else project.default_raw_dir)
    try:
        files = find_raw_files(raw_dir)
    except InputError as error:
        return Finding("missing", str(error), "" if project.tables.is_dir() else "python jobs/fetch_demo_data.py")
    sizes = ", ".join(f"{file.path.name} ({file.path.stat().st_size / 1e6:,.1f} MB)" for file in files)
    return Finding("ok", f"{raw_dir}: {sizes}")


def check_feature_tables(tables: Path) -> Finding:
    """Count the rows of the feature tables, and find the moment up to which they are known."""
    command = "python jobs/build_features.py"
    paths = [tables / f"{name}.parquet" for name in TABLES]
    absent = [path.stem for path in paths if not path.is_file()]
    if len(absent) == len(TABLES):
        return Finding("missing", f"There are no feature tables in {tables}.", command)
    if absent:
        return Finding("broken", f"{tables} lacks {', '.join(absent)}.", command)
    record = read_build(tables)
    rows = sum(pq.read_metadata(path.absolute()).num_rows for path in paths)
    details = f"{tables}: {counted(len(paths), 'table')}, {counted(rows, 'row')}, known until {minute(record.data_end)}"
    if rows != sum(record.feature_rows.values()):
        return Finding("outdated", f"{details}; {BUILD_RECORD} has other numbers of rows", command)
    return Finding("ok", details)


def check_candidates(path: Path, found: Found) -> Finding:
    """Read the counts of the candidate file, and compare it with the release and the online store."""
    command = "python jobs/generate_candidates.py"
    if not path.is_file():
        return Finding("missing", f"There is no file {path}.", command)
    file = pq.ParquetFile(path.absolute())
    if file.schema_arrow.names != CANDIDATES.names:
        return Finding("broken", f"{path} does not have the columns of a candidate file.", command)
    details = f"{path}: {counted(file.metadata.num_rows, 'candidate')}"
    facts = read_description(path)
    if facts is None:
        return Finding("outdated", f"{details}; it has no description", command)
    as_of = datetime.fromisoformat(facts["as_of"])
    details += f" of {counted(facts['users'], 'user')}, release {facts['release']}, as of {minute(as_of)}"
    if found.release is not None and facts["release"] != found.release["version"]:
        return Finding("outdated", f"{details}; there is a newer release", command)
    if found.generation is not None and as_of < found.generation.as_of:
        return Finding("outdated", f"{details}; the online store is newer", command)
    return Finding("ok", details)

"""Raw tables in, feature tables out, in a workspace that is gone afterwards."""

import tempfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb

from features.errors import InputError
from features.files import atomic_write
from features.progress import Progress
from features.raw.raw_tables import RawCounts, load_raw_tables
from features.scratch_database import spill_settings
from features.tables.feature_tables import TABLES, FeatureTable, data_end, write_feature_tables


@dataclass(frozen=True)
class BuildResult:
    """What was built.

    Attributes:
        counts: rows read and set aside.
        tables: the feature tables written.
        data_end: the morning after the last purchase, UTC.
    """

    counts: RawCounts
    tables: list[FeatureTable]
    data_end: datetime


def build_feature_tables(
    raw_dir: Path,
    output: Path,
    *,
    quarantine: Path | None,
    memory_limit: str,
    progress: Progress,
) -> BuildResult:
    """Read, check, compute and write; `output` is replaced only when everything is there.

    Args:
        raw_dir: folder of the raw tables.
        output: folder of the feature tables.
        quarantine: file for rows that cannot be used; without it they are an error.
        memory_limit: of DuckDB, such as "4GB"; beyond it DuckDB spills to a temporary folder beside `output`.
        progress: makes a progress callback from a label and a total.

    Raises:
        InputError: the raw tables cannot be used, or the memory limit is not one.
    """
    _check_places(raw_dir, output, quarantine)
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".build-", dir=output.parent) as workspace:
        connection = raw_database(Path(workspace), memory_limit)
        done = progress("feature tables", len(TABLES) + 1)
        counts = load_raw_tables(connection, raw_dir, quarantine=quarantine)
        done(1)
        with atomic_write(output) as folder:
            folder.mkdir()
            tables = write_feature_tables(connection, folder, lambda _: done(1))
        built = BuildResult(counts, tables, data_end(connection))
        connection.close()
    return built


def _check_places(raw_dir: Path, output: Path, quarantine: Path | None) -> None:
    """Nothing but an earlier build may be replaced."""
    if output.exists() and not output.is_dir():
        raise InputError(f"{output} is a file: --output takes a folder for the feature tables.")
    ours = {f"{name}.parquet" for name in TABLES}
    others = sorted(path.name for path in output.iterdir() if path.name not in ours) if output.is_dir() else []
    if others:
        raise InputError(
            f"{output} holds {others[0]}{' and more' if others[1:] else ''}, which is no feature table and would be "
            "lost: pass a folder of its own with --output."
        )
    folder = output.resolve()
    if folder in {raw_dir.resolve(), *raw_dir.resolve().parents}:
        raise InputError(f"{output} holds the raw tables: pass another folder with --output.")
    if quarantine is not None and folder in quarantine.resolve().parents:
        raise InputError(f"{quarantine} lies inside {output}, which is replaced whole: write it elsewhere.")


def raw_database(workspace: Path, memory_limit: str) -> duckdb.DuckDBPyConnection:
    """Open a database on disk that spills beside itself.

    Raises:
        InputError: the memory limit is not one.
    """
    try:
        return duckdb.connect(str(workspace / "raw.duckdb"), config=spill_settings(workspace, memory_limit))
    except duckdb.Error as error:
        raise InputError(f"'{memory_limit}' is not a memory limit: use a size such as 4GB.") from error

"""Raw tables to feature tables, written whole or not at all."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb

from features.build_record import BUILD_RECORD, BuildRecord, TableFile, write_build
from features.errors import InputError, first_line
from features.files import atomic_write, scratch_beside, sha256
from features.locks import writer_lock
from features.progress import Progress
from features.raw.purchase_gap import PurchaseGap, find_purchase_gap
from features.raw.raw_files import raw_stamps
from features.raw.raw_tables import RawCounts, load_raw_tables
from features.scratch_database import spill_settings
from features.tables.feature_tables import TABLES, FeatureTable, data_end, write_feature_tables
from features.tables.logged_purchases import LoggedPurchases, add_logged_purchases


@dataclass(frozen=True)
class BuildResult:
    """The result of a build.

    Attributes:
        counts: rows read and quarantined.
        tables: the feature tables written, in order.
        data_end: 00:00 UTC of the day after the last purchase.
        gap: before the last purchases; None if there is none.
        logged: what was taken from the event log.
    """

    counts: RawCounts
    tables: list[FeatureTable]
    data_end: datetime
    gap: PurchaseGap | None
    logged: LoggedPurchases


def build_feature_tables(
    raw_dir: Path,
    output: Path,
    *,
    quarantine: Path | None,
    memory_limit: str,
    progress: Progress,
    latest: datetime | None = None,
    events: Path | None = None,
) -> BuildResult:
    """Read and validate the raw tables, and write the feature tables and their record, `build.json`.

    `output` is replaced as a whole once everything is written; on an error it stays as it was.

    Args:
        raw_dir: folder of the raw tables.
        output: folder of the feature tables.
        quarantine: file for invalid rows; None makes them an error.
        memory_limit: of DuckDB, such as "4GB"; beyond it DuckDB spills to a temporary folder beside `output`.
        progress: creates a progress callback from a label and a total.
        latest: UTC. Purchases after this moment are invalid; None allows every moment.
        events: event log, whose later purchases are added to those of the raw tables, up to the day of `latest`; None
            for none.

    Raises:
        InputError: the raw tables, the event log or the memory limit are invalid, or the tables are changed meanwhile;
            `output` holds anything but an earlier build, or another process is writing it.
    """
    _check_folders(raw_dir, output, quarantine)
    with writer_lock(output, f"The folder of feature tables {output}"), scratch_beside(output) as workspace:
        connection = raw_database(workspace, memory_limit)
        advance = progress("feature tables", len(TABLES) + 1)
        stamps = raw_stamps(raw_dir)
        counts = load_raw_tables(connection, raw_dir, quarantine=quarantine, latest=latest)
        logged = add_logged_purchases(connection, events, latest) if events else LoggedPurchases()
        build = _build_id(stamps, latest, logged.digest)
        if raw_stamps(raw_dir) != stamps:
            raise InputError(
                f"The raw tables in {raw_dir} were changed while they were being read. No feature tables were written: "
                "run the command again."
            )
        advance(1)
        with atomic_write(output) as folder:
            folder.mkdir()
            tables = write_feature_tables(connection, folder, lambda _: advance(1), build=build)
            result = BuildResult(counts, tables, data_end(connection), find_purchase_gap(connection), logged)
            write_build(folder, _record(raw_dir, result, latest, build, folder))
        connection.close()
    return result


def _build_id(raw_files: Iterable[Path], latest: datetime | None, logged: str) -> str:
    """The same for builds of the same purchases, whose feature tables are equal; 16 hex digits."""
    parts = [f"{file.name} {sha256(file)}" for file in sorted(raw_files)]
    return hashlib.sha256("\n".join([*parts, str(latest), *([logged] if logged else [])]).encode()).hexdigest()[:16]


def _record(raw_dir: Path, result: BuildResult, latest: datetime | None, build: str, folder: Path) -> BuildRecord:
    files = sorted(folder.iterdir())
    counts = result.counts
    return BuildRecord(
        raw_dir=raw_dir.resolve(),
        raw_rows={name: getattr(counts, name) for name in ("users", "items", "purchases", "availability")},
        quarantined_rows=counts.quarantined,
        feature_rows={table.name: table.rows for table in result.tables},
        data_end=result.data_end,
        build=build,
        files={file.name: TableFile(size=file.stat().st_size, sha256=sha256(file)) for file in files},
        latest=latest,
        logged_purchases=result.logged.added,
    )


def _check_folders(raw_dir: Path, output: Path, quarantine: Path | None) -> None:
    """Refuse an output folder that holds anything but an earlier build."""
    if output.exists() and not output.is_dir():
        raise InputError(f"{output} is a file: --output takes a folder for the feature tables.")
    replaceable = {f"{name}.parquet" for name in TABLES} | {BUILD_RECORD}
    others = sorted(path.name for path in output.iterdir() if path.name not in replaceable) if output.is_dir() else []
    if others:
        raise InputError(
            f"{output} holds {others[0]}{' and more' if others[1:] else ''}, which is no feature table and would be "
            "deleted: pass another folder with --output."
        )
    folder = output.resolve()
    if folder in {raw_dir.resolve(), *raw_dir.resolve().parents}:
        raise InputError(f"{output} holds the raw tables: pass another folder with --output.")
    if quarantine is not None and folder in quarantine.resolve().parents:
        raise InputError(f"{quarantine} is inside {output}, which is replaced as a whole: choose another --quarantine.")


def raw_database(workspace: Path, memory_limit: str) -> duckdb.DuckDBPyConnection:
    """Open a database on disk that spills beside itself.

    Raises:
        InputError: the memory limit is invalid, or DuckDB cannot open a file at this path.
    """
    odd = next((char for char in "?\\" if char in str(workspace)), None)
    if odd:
        raise InputError(
            f"{workspace.parent} holds {odd!r}, with which DuckDB opens another file: choose another path."
        )
    try:
        duckdb.connect(config={"memory_limit": memory_limit}).close()
    except duckdb.Error as error:
        raise InputError(f"'{memory_limit}' is not a memory limit: use a size such as 4GB.") from error
    try:
        return duckdb.connect(str(workspace / "raw.duckdb"), config=spill_settings(workspace, memory_limit))
    except duckdb.Error as error:
        raise InputError(
            f"A temporary database cannot be created in {workspace.parent} ({first_line(error)}): free some space "
            "there, or choose another --output."
        ) from error

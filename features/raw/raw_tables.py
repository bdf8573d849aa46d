"""The raw tables, validated and converted to the project's names and types.

`users`, `items`, `purchases` and `availability` are created in a DuckDB database that the caller opens on disk with a
memory limit; transactions never become Python objects.
"""

import csv
import json
import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import duckdb

from features import schema
from features.errors import InputError, first_line
from features.ids import BLANKS
from features.raw.csv_records import SHOWN_ROWS, broken_lines, format_rows, has_width, not_utf8, records
from features.raw.quarantine import Quarantine, open_quarantine
from features.raw.raw_files import (
    ARTICLES,
    AVAILABILITY,
    CUSTOMERS,
    ID_COLUMNS,
    REQUIRED_COLUMNS,
    TRANSACTIONS,
    RawFile,
    find_raw_files,
    unreadable_parquet,
)
from features.raw.row_checks import DATES, NUMBERS
from features.raw.validation import STAGED, validate_rows
from features.sql import csv_file, identifier, literal
from features.text import counted

_logger = logging.getLogger(__name__)

TYPED: Final = {CUSTOMERS: "users", ARTICLES: "items", TRANSACTIONS: "purchases", AVAILABILITY: "availability"}

_VARCHAR: Final = "VARCHAR"
_TYPES: Final = {"age": "FLOAT", "fashion_news": "FLOAT", "active": "FLOAT", "birth_date": "TIMESTAMPTZ"}
# Typed table: (column, type, raw column), in order.
_COLUMNS: Final = {
    CUSTOMERS: (
        (schema.USER_ID, _VARCHAR, schema.CUSTOMER_ID),
        *((name, _TYPES.get(name, _VARCHAR), raw) for name, raw in schema.USER_COLUMNS.items()),
    ),
    ARTICLES: (
        (schema.ITEM_ID, _VARCHAR, schema.ARTICLE_ID),
        *((name, _VARCHAR, raw) for name, raw in schema.ITEM_COLUMNS.items()),
    ),
    TRANSACTIONS: (
        (schema.USER_ID, _VARCHAR, schema.CUSTOMER_ID),
        (schema.ITEM_ID, _VARCHAR, schema.ARTICLE_ID),
        (schema.PURCHASED_AT, "TIMESTAMPTZ", schema.T_DAT),
        (schema.PRICE, "DOUBLE", schema.PRICE),
        (schema.SALES_CHANNEL_ID, _VARCHAR, schema.SALES_CHANNEL_ID),
    ),
    AVAILABILITY: (
        (schema.ITEM_ID, _VARCHAR, schema.ARTICLE_ID),
        (schema.SINCE, "TIMESTAMPTZ", schema.SINCE),
        (schema.FOR_SALE, "BOOLEAN", schema.FOR_SALE),
        (schema.CHANNELS, "VARCHAR[]", schema.CHANNELS),
        (schema.MINIMUM_AGE, "FLOAT", schema.MINIMUM_AGE),
    ),
}
# SQL over the raw column, where a cast is not enough.
_EXPRESSIONS: Final = {
    **NUMBERS,
    **DATES,
    schema.FOR_SALE: f"TRY_CAST({NUMBERS[schema.FOR_SALE]} AS DOUBLE) = 1",
    schema.CHANNELS: f"list_sort(list_distinct(regexp_extract_all({schema.CHANNELS}, '\\S+')))",
}


@dataclass(frozen=True)
class RawCounts:
    """Rows loaded and quarantined.

    Attributes:
        users: Rows of `users`.
        items: Rows of `items`.
        purchases: Rows of `purchases`.
        availability: Rows of `availability`, 0 without the file.
        quarantined: Rows in the quarantine, by raw table: "customers", "articles", "transactions_train" and, if the
            file exists, "availability".
        first_purchased_at: Time of the earliest purchase, UTC.
        last_purchased_at: Time of the latest purchase, UTC.
    """

    users: int
    items: int
    purchases: int
    availability: int
    quarantined: dict[str, int]
    first_purchased_at: datetime
    last_purchased_at: datetime


def load_raw_tables(
    connection: duckdb.DuckDBPyConnection,
    raw_dir: Path,
    *,
    quarantine: Path | None = None,
    latest: datetime | None = None,
) -> RawCounts:
    """Read the files of `features.raw.raw_files.TABLES` into typed tables, in file order.

    The tables, with all columns nullable except ids, times and prices:

    - `users(user_id VARCHAR, age FLOAT, birth_date TIMESTAMPTZ, club_member_status VARCHAR, fashion_news_frequency
      VARCHAR, postal_code VARCHAR, fashion_news FLOAT, active FLOAT)`, age in years;
    - `items(item_id VARCHAR, ...)` with every key of `schema.ITEM_COLUMNS`, VARCHAR;
    - `purchases(user_id VARCHAR, item_id VARCHAR, purchased_at TIMESTAMPTZ, price DOUBLE, sales_channel_id VARCHAR)`;
    - `availability(item_id VARCHAR, since TIMESTAMPTZ, for_sale BOOLEAN, channels VARCHAR[], minimum_age FLOAT)`,
      channels distinct and ascending, age in years; empty without the file.

    Ids are strings by the rule of `features.ids`; blanks around them are removed, with a warning. They keep leading
    zeros. Empty strings become null, and in columns of numbers and dates also NaN, NaT, None and NULL. Flags may be
    written as 1 and 0, true and false, or t and f. Times without an offset are UTC. Trailing commas beyond the last
    column of a CSV row are ignored.

    Args:
        connection: A DuckDB connection to a database on disk, ideally a temporary one with a `memory_limit`. Its
            `TimeZone` is set to UTC.
        raw_dir: The folder with the files, each .csv, .csv.gz or .parquet, or a folder NAME.parquet of Parquet files.
        quarantine: A CSV file for invalid rows, with the columns `QUARANTINE_COLUMNS`, written only if there are any.
            Without it, invalid rows are an error.
        latest: UTC. Purchases and birth dates after this moment are invalid; None allows every moment.

    Returns:
        The number of rows in each table and in the quarantine.

    Raises:
        InputError: A file is missing, unreadable or empty, or has no required column; a row is invalid and there is no
            quarantine; or all rows of a table are invalid.
    """
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET preserve_insertion_order = true")
    kept, quarantined = {AVAILABILITY: 0}, {}
    _create_empty_table(connection, AVAILABILITY)
    with open_quarantine(quarantine) as collected:
        files = find_raw_files(raw_dir)
        # All files are read before any row is validated, so that a damaged file is reported before an invalid row.
        for file in files:
            quarantined[file.table] = _stage(connection, file, collected)
        for file in files:
            quarantined[file.table] += validate_rows(connection, file, collected, latest)
            kept[file.table] = _create_typed_table(connection, file, quarantined[file.table])
    first, last = connection.execute("SELECT min(purchased_at), max(purchased_at) FROM purchases").fetchall()[0]
    return RawCounts(
        users=kept[CUSTOMERS],
        items=kept[ARTICLES],
        purchases=kept[TRANSACTIONS],
        availability=kept[AVAILABILITY],
        quarantined=quarantined,
        first_purchased_at=first.astimezone(UTC),
        last_purchased_at=last.astimezone(UTC),
    )


def _stage(connection: duckdb.DuckDBPyConnection, file: RawFile, quarantine: Quarantine | None) -> int:
    """Copy a file into its staged table, all VARCHAR; return the number of malformed rows that were quarantined."""
    malformed = 0
    if file.is_parquet:
        for name in file.integer_ids:
            _logger.warning("%s: column %s holds integers: leading zeros of ids, if any, are lost", file.path, name)
        _stage_parquet(connection, file)
    else:
        try:
            _stage_csv(connection, file, file.path)
        except duckdb.InvalidInputException as error:
            copy, malformed = _without_malformed_rows(file, quarantine, first_line(error))
            _stage_csv(connection, file, copy)
    _trim_ids(connection, file)
    if file.absent_columns:
        _logger.info("%s has no column %s: all values are null", file.path, ", ".join(file.absent_columns))
    if not malformed and not _count(connection, STAGED[file.table]):
        raise InputError(f"{file.path} has column names but no rows: download or write it again.")
    return malformed


def _stage_csv(connection: duckdb.DuckDBPyConnection, file: RawFile, path: Path) -> None:
    columns = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in _staged_names(file))
    options = f"""columns = {{{columns}}}, auto_detect = false, header = true, delim = ',', quote = '"', escape = '"'"""
    try:
        connection.execute(f"CREATE OR REPLACE TABLE {STAGED[file.table]} AS FROM {csv_file(path, options)}")
    except duckdb.IOException as error:
        if path.suffix != ".gz" or _is_full_disk(error):
            raise
        raise InputError(
            f"{path} cannot be decompressed completely ({first_line(error)}): it may have padding after its end; "
            f"decompress it with `gunzip`, and keep {path.stem}."
        ) from error


def _trim_ids(connection: duckdb.DuckDBPyConnection, file: RawFile) -> None:
    """Remove the blanks around ids, with a warning; an id of blanks stays, and is reported as missing."""
    staged = STAGED[file.table]
    for column in (name for name in ID_COLUMNS if name in REQUIRED_COLUMNS[file.table]):
        trimmed = f"trim({column}, {literal(BLANKS)})"
        # Trimming is slow, and only values that begin or end with a blank need it.
        ends = f"contains({literal(BLANKS)}, {column}[1]) OR contains({literal(BLANKS)}, {column}[-1])"
        has_blanks = f"CASE WHEN {ends} THEN {trimmed} <> {column} AND {trimmed} <> '' END"
        [(count,)] = connection.execute(f"SELECT count(*) FROM {staged} WHERE {has_blanks}").fetchall()
        if count:
            connection.execute(f"UPDATE {staged} SET {column} = {trimmed} WHERE {has_blanks}")
            _logger.warning("%s: blanks around %s of %s removed", file.path, counted(count, "value"), column)


def _is_full_disk(error: Exception) -> bool:
    return "No space left" in str(error)


def _stage_parquet(connection: duckdb.DuckDBPyConnection, file: RawFile) -> None:
    columns = ", ".join(
        f"nullif(CAST({identifier(name)} AS VARCHAR), '') AS {identifier(staged)}"
        for name, staged in zip(file.stored_columns, _staged_names(file), strict=True)
    )
    try:
        connection.execute(f"CREATE OR REPLACE TABLE {STAGED[file.table]} AS SELECT {columns} FROM {file.parquet}")
    except duckdb.OutOfMemoryException:
        raise
    except duckdb.Error as error:
        if _is_full_disk(error):
            raise
        raise unreadable_parquet(file.path, error) from error


def _without_malformed_rows(file: RawFile, quarantine: Quarantine | None, cause: str) -> tuple[Path, int]:
    """Quarantine rows with a wrong number of columns; return a copy of the file without them, and their number."""
    width, count = len(file.columns), 0
    first: list[tuple[int, str]] = []
    try:
        for record in records(file.path, strict=True):
            if not has_width(record, width):
                count += 1
                if len(first) < SHOWN_ROWS:
                    first.append((record.line, f"{len(record.fields)} columns: {','.join(record.fields)}"))
    except UnicodeDecodeError as error:
        raise not_utf8(file.path) from error
    broken = broken_lines(file.path) if quarantine is None or not count else None
    if broken:
        raise broken
    if not count:
        raise InputError(
            f"{file.path} is not well-formed CSV ({cause.removeprefix('Invalid Input Error: ')}): use one kind of line "
            "end, and double quotes within values."
        )
    if quarantine is None:
        is_text = any(char.isprintable() for _, row in first for char in row.partition(": ")[2])
        remedy = "quote values that hold commas or line breaks" if is_text else "remove these lines, which hold no text"
        raise InputError(
            f"{file.path}: {counted(count, 'row')} without the {width} columns of the header "
            f"({format_rows(file.unit, first, count)}): {remedy}, or quarantine such rows with --quarantine FILE."
        )
    copy = quarantine.folder / f"{file.table}.csv"
    with copy.open("w", encoding="utf-8", newline="") as text:
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(file.columns)
        for record in records(file.path, strict=True):
            if has_width(record, width):
                writer.writerow(record.fields[:width])
            else:
                quarantine.add(file, record.line, "wrong number of columns", json.dumps(record.fields))
    return copy, count


def _create_empty_table(connection: duckdb.DuckDBPyConnection, table: str) -> None:
    columns = ", ".join(f"{name} {kind}" for name, kind, _ in _COLUMNS[table])
    connection.execute(f"CREATE OR REPLACE TABLE {TYPED[table]} ({columns})")


def _create_typed_table(connection: duckdb.DuckDBPyConnection, file: RawFile, quarantined: int) -> int:
    """Create a typed table from its staged table without the invalid rows; return its number of rows."""
    staged, typed = STAGED[file.table], TYPED[file.table]
    columns = ", ".join(
        # Values that do not parse were found by the checks, which use the same casts.
        f"TRY_CAST({_EXPRESSIONS.get(raw, raw) if raw in file.columns else 'NULL'} AS {kind}) AS {name}"
        for name, kind, raw in _COLUMNS[file.table]
    )
    # A scan keeps the file's order; an anti-join does not guarantee it, so its result is sorted.
    kept = "WHERE rowid NOT IN (SELECT position FROM invalid_rows) ORDER BY rowid" if quarantined else ""
    connection.execute(f"CREATE OR REPLACE TABLE {typed} AS SELECT {columns} FROM {staged} {kept}")
    connection.execute(f"DROP TABLE {staged}")
    connection.execute("DROP TABLE invalid_rows")
    rows = _count(connection, typed)
    _logger.info(
        "%s: %s in, %s kept, %s quarantined",
        file.path,
        counted(rows + quarantined, "row"),
        f"{rows:,}",
        f"{quarantined:,}",
    )
    if not rows:
        raise InputError(
            f"{file.path}: all {counted(quarantined, 'row')} would be quarantined: run without --quarantine to see why."
        )
    return rows


def _count(connection: duckdb.DuckDBPyConnection, table: str) -> int:
    return int(connection.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0])


def _staged_names(file: RawFile) -> list[str]:
    # A column named rowid would hide DuckDB's rowid, the row's position.
    return [f"{name} of the file" if name.casefold() == "rowid" else name for name in file.columns]

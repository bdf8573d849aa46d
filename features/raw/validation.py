"""Validation of the rows of the raw tables: an invalid row is an error, or goes to the quarantine.

A staged table holds a raw file's columns under their raw names, all VARCHAR, empty strings as null, in file order; its
rowid is the record's position from 0. Afterwards the table `invalid_rows(position, check_number)` holds the positions
of the rows that the typed tables exclude, with the first check that each fails.
"""

from datetime import datetime
from typing import Final

import duckdb

from features.errors import InputError
from features.raw.csv_records import format_rows
from features.raw.quarantine import Quarantine
from features.raw.raw_files import ARTICLES, AVAILABILITY, CUSTOMERS, TRANSACTIONS, RawFile, line_numbers
from features.raw.row_checks import RowCheck, checks_of
from features.text import counted

STAGED: Final = {
    CUSTOMERS: "staged_customers",
    ARTICLES: "staged_articles",
    TRANSACTIONS: "staged_transactions",
    AVAILABILITY: "staged_availability",
}

_FETCHED_ROWS: Final = 10_000


def validate_rows(
    connection: duckdb.DuckDBPyConnection, file: RawFile, quarantine: Quarantine | None, latest: datetime | None = None
) -> int:
    """Fill `invalid_rows` with the rows of a staged table that fail a check, and quarantine them.

    Transactions and availability are compared with the typed tables `users` and `items`, which must exist.

    Args:
        connection: Holds the staged table.
        file: The file of the staged table.
        quarantine: Receives invalid rows; without one, they are an error.
        latest: Purchases and birth dates after this moment are invalid, UTC; None allows every moment.

    Returns:
        The number of invalid rows.

    Raises:
        InputError: There are invalid rows and no quarantine. Names the first failed check.
    """
    checks = checks_of(file, latest)
    counts = _mark_invalid_rows(connection, STAGED[file.table], checks)
    if counts and quarantine is None:
        raise _first_error(connection, file, checks, counts)
    if counts and quarantine is not None:
        _add_to_quarantine(connection, file, checks, quarantine)
    return sum(counts.values())


def _mark_invalid_rows(connection: duckdb.DuckDBPyConnection, staged: str, checks: list[RowCheck]) -> dict[int, int]:
    cases = " ".join(f"WHEN {check.is_invalid} THEN {number}" for number, check in enumerate(checks))
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE invalid_rows AS SELECT * FROM "
        f"(SELECT rowid AS position, CASE {cases} END AS check_number FROM {staged}) WHERE check_number IS NOT NULL"
    )
    for number, check in enumerate(checks):
        if check.unique:
            connection.execute(
                f"INSERT INTO invalid_rows SELECT position, {number} FROM (SELECT rowid AS position, row_number() OVER "
                f"(PARTITION BY {check.unique} ORDER BY rowid) AS occurrence FROM {staged} "
                "WHERE rowid NOT IN (SELECT position FROM invalid_rows)) WHERE occurrence > 1"
            )
    counts = connection.execute("SELECT check_number, count(*) FROM invalid_rows GROUP BY ALL ORDER BY ALL").fetchall()
    return dict(counts)


def _first_error(
    connection: duckdb.DuckDBPyConnection, file: RawFile, checks: list[RowCheck], counts: dict[int, int]
) -> InputError:
    number, count = next(iter(counts.items()))
    check = checks[number]
    rows = connection.execute(
        f"SELECT position, {check.column} FROM {STAGED[file.table]} AS staged JOIN invalid_rows "
        "ON staged.rowid = position WHERE check_number = ? ORDER BY position LIMIT 3",
        [number],
    ).fetchall()
    lines = line_numbers(file, [position for position, _ in rows])
    first = [(line, value) for line, (_, value) in zip(lines, rows, strict=True)]
    others = sum(counts.values()) - count
    also = f", and {counted(others, 'more row')} with other problems" if others else ""
    return InputError(
        f"{file.path}: {check.reason} in {counted(count, 'row')} ({format_rows(file.unit, first, count)}){also}: "
        f"{check.remedy}, or quarantine such rows with --quarantine FILE."
    )


def _add_to_quarantine(
    connection: duckdb.DuckDBPyConnection, file: RawFile, checks: list[RowCheck], quarantine: Quarantine
) -> None:
    invalid = f"FROM {STAGED[file.table]} AS staged JOIN invalid_rows ON staged.rowid = position ORDER BY position"
    # Positions take eight bytes per row; the records are fetched in batches.
    positions = connection.execute(f"SELECT position {invalid}").fetchnumpy()["position"]
    lines = line_numbers(file, (int(position) for position in positions))
    rows = connection.execute(f"SELECT check_number, to_json(staged) {invalid}")
    while batch := rows.fetchmany(_FETCHED_ROWS):
        for number, record in batch:
            quarantine.add(file, next(lines), checks[number].reason, record)

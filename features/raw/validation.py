"""Which rows of the raw tables cannot be used, and what becomes of them: an error, or a line in the quarantine.

A staged table holds a raw file's columns under their raw names, all VARCHAR, empty strings as null, in the order of
the file: its rowid is the record's position from 0. Each row gets the first check it fails. Afterwards the table
`bad_rows(position, check_number)` holds the positions of the rows that the typed tables must leave out.
"""

import contextlib
import csv
import logging
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TextIO

import duckdb

from features import schema
from features.errors import InputError
from features.files import atomic_write
from features.raw.raw_files import ARTICLES, AVAILABILITY, CUSTOMERS, TRANSACTIONS, RawFile, places, shown
from features.text import counted

_logger = logging.getLogger(__name__)

QUARANTINE_COLUMNS: Final = ("table", "line", "reason", "record")
STAGED: Final = {
    CUSTOMERS: "staged_customers",
    ARTICLES: "staged_articles",
    TRANSACTIONS: "staged_transactions",
    AVAILABILITY: "staged_availability",
}

_FETCHED_ROWS: Final = 10_000


@dataclass(frozen=True)
class RowCheck:
    """One thing that can be wrong with a row.

    Attributes:
        column: The raw column it is about.
        problem: What is wrong, as the end of a sentence that starts with the column's name.
        is_bad: SQL over a staged row, true where it is wrong; composed from constants only.
        remedy: What the reader is to do.
        unique: SQL expressions, separated by commas, in which no two rows may agree; the later ones are wrong. Such a
            check is made among the rows that pass all others, so that a usable row is kept if there is one.
    """

    column: str
    problem: str
    is_bad: str
    remedy: str
    unique: str = ""

    @property
    def reason(self) -> str:
        """Return the sentence for the quarantine."""
        return f"{self.column} {self.problem}"


def _missing(column: str) -> RowCheck:
    return RowCheck(column, "is missing", f"coalesce(trim({column}), '') = ''", "give every row one")


def _numbers(column: str, kind: str, unknown: str) -> tuple[RowCheck, RowCheck]:
    # isfinite(NULL) is null, so that IS NOT TRUE holds for what does not parse as for NaN and the infinities.
    number = f"TRY_CAST({column} AS {kind})"
    return (
        RowCheck(
            column,
            "is not a number",
            f"{column} IS NOT NULL AND isfinite({number}) IS NOT TRUE",
            f"write it like 21 or 0.0254{unknown}",
        ),
        RowCheck(column, "is negative", f"{number} < 0", f"write it like 21 or 0.0254{unknown}"),
    )


def _date(column: str, first_year: int = 1900) -> RowCheck:
    # The bounds keep out infinity and mistyped years, and lie within what nanoseconds in 64 bits can tell.
    return RowCheck(
        column,
        f"is not a date of the years {first_year} to 2199",
        f"{column} IS NOT NULL AND (TRY_CAST({column} AS TIMESTAMPTZ) >= TIMESTAMPTZ '{first_year}-01-01 00:00:00+00' "
        f"AND TRY_CAST({column} AS TIMESTAMPTZ) < TIMESTAMPTZ '2200-01-01 00:00:00+00') IS NOT TRUE",
        "write it like 2020-09-22 or 2020-09-22 13:30:00+02:00",
    )


def _unknown(column: str, table: str, typed: str, id_column: str) -> RowCheck:
    return RowCheck(
        column,
        f"is not in {table}",
        f"{column} NOT IN (SELECT {id_column} FROM {typed})",
        f"add them to {table}, or compare how both files write their ids",
    )


def _first_of_its_id(column: str) -> RowCheck:
    return RowCheck(column, "appeared before", "false", "keep one row of each", unique=column)


# What else a flag may be: booleans of a Parquet file, and integers that were once floats.
FLAGS: Final = "('0', '1', '0.0', '1.0', 'false', 'true')"
_LEFT_EMPTY: Final = ", or leave it empty where it is unknown"
_ROW_CHECKS: Final = {
    CUSTOMERS: (
        _missing(schema.CUSTOMER_ID),
        *_numbers(schema.USER_COLUMNS["age"], "FLOAT", _LEFT_EMPTY),
        _date(schema.USER_COLUMNS["birth_date"]),
        *_numbers(schema.USER_COLUMNS["fashion_news"], "FLOAT", _LEFT_EMPTY),
        *_numbers(schema.USER_COLUMNS["active"], "FLOAT", _LEFT_EMPTY),
        _first_of_its_id(schema.CUSTOMER_ID),
    ),
    ARTICLES: (_missing(schema.ARTICLE_ID), _first_of_its_id(schema.ARTICLE_ID)),
    TRANSACTIONS: (
        _missing(schema.CUSTOMER_ID),
        _missing(schema.ARTICLE_ID),
        _missing(schema.T_DAT),
        _date(schema.T_DAT, first_year=1970),
        _missing(schema.PRICE),
        *_numbers(schema.PRICE, "DOUBLE", ""),
        RowCheck(
            schema.PRICE,
            "is a billion or more",
            f"TRY_CAST({schema.PRICE} AS DOUBLE) >= 1e9",
            "write prices in a larger unit of currency",
        ),
        _unknown(schema.CUSTOMER_ID, CUSTOMERS, "users", schema.USER_ID),
        _unknown(schema.ARTICLE_ID, ARTICLES, "items", schema.ITEM_ID),
    ),
    AVAILABILITY: (
        _missing(schema.ARTICLE_ID),
        _missing(schema.SINCE),
        _date(schema.SINCE, first_year=1970),
        RowCheck(
            schema.FOR_SALE,
            "is neither 0 nor 1",
            f"lower({schema.FOR_SALE}) NOT IN {FLAGS}",
            "write 1 where it is for sale and 0 where it is not, or leave it empty for 1",
        ),
        # A list that was written as text, or another separator, would become one channel that nobody asks for.
        RowCheck(
            schema.CHANNELS,
            "is not words separated by spaces",
            f"regexp_matches({schema.CHANNELS}, '[][,;|\"(){{}}]')",
            "write it like store or web app, or leave it empty for every channel",
        ),
        *_numbers(schema.MINIMUM_AGE, "FLOAT", ", or leave it empty where there is none"),
        _unknown(schema.ARTICLE_ID, ARTICLES, "items", schema.ITEM_ID),
        RowCheck(
            schema.SINCE,
            "is that of an earlier row of its article_id",
            "false",
            "keep one row of each article and moment",
            unique=f"{schema.ARTICLE_ID}, TRY_CAST({schema.SINCE} AS TIMESTAMPTZ)",
        ),
    ),
}


@dataclass
class Quarantine:
    """The rows that are set aside, while they are being collected.

    Attributes:
        draft: Takes the rows as CSV, under the columns of `QUARANTINE_COLUMNS`.
        folder: A temporary folder on the disk where the quarantine will be.
        rows: How many rows were set aside, by (table, reason).
    """

    draft: TextIO
    folder: Path
    rows: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, file: RawFile, line: int, reason: str, record: str) -> None:
        """Set one row aside; `record` is its raw fields as JSON."""
        csv.writer(self.draft, lineterminator="\n").writerow((file.table, line, reason, record))
        self.rows[file.table, reason] += 1


@contextlib.contextmanager
def open_quarantine(path: Path | None) -> Iterator[Quarantine | None]:
    """Collect bad rows in a draft beside `path`; put it in place if the block succeeds and there were any."""
    if path is None:
        yield None
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as folder:
        draft = Path(folder) / "draft.csv"
        with draft.open("w", encoding="utf-8", newline="") as text:
            csv.writer(text, lineterminator="\n").writerow(QUARANTINE_COLUMNS)
            quarantine = Quarantine(text, Path(folder))
            yield quarantine
        for (table, reason), count in quarantine.rows.items():
            _logger.warning("%s: %s set aside in %s: %s", table, counted(count, "row"), path, reason)
        if quarantine.rows:
            with atomic_write(path) as fresh:
                draft.rename(fresh)


def validate_rows(connection: duckdb.DuckDBPyConnection, file: RawFile, quarantine: Quarantine | None) -> int:
    """Fill `bad_rows` with the rows of a staged table that fail a check, and set them aside.

    Transactions and availability need the typed tables `users` and `items` to be there.

    Args:
        connection: Holds the staged table.
        file: The file it came from.
        quarantine: Where bad rows go; without one, they are an error.

    Returns:
        How many rows failed.

    Raises:
        InputError: There are bad rows and no quarantine. Names the first check that fails.
    """
    checks = [check for check in _ROW_CHECKS[file.table] if check.column in file.columns]
    counts = _mark_bad_rows(connection, STAGED[file.table], checks)
    if counts and quarantine is None:
        raise _first_problem(connection, file, checks, counts)
    if counts and quarantine is not None:
        _set_aside(connection, file, checks, quarantine)
    return sum(counts.values())


def _mark_bad_rows(connection: duckdb.DuckDBPyConnection, staged: str, checks: list[RowCheck]) -> dict[int, int]:
    cases = " ".join(f"WHEN {check.is_bad} THEN {number}" for number, check in enumerate(checks))
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE bad_rows AS SELECT * FROM "
        f"(SELECT rowid AS position, CASE {cases} END AS check_number FROM {staged}) WHERE check_number IS NOT NULL"
    )
    for number, check in enumerate(checks):
        if check.unique:
            connection.execute(
                f"INSERT INTO bad_rows SELECT position, {number} FROM (SELECT rowid AS position, row_number() OVER "
                f"(PARTITION BY {check.unique} ORDER BY rowid) AS nth FROM {staged} "
                "WHERE rowid NOT IN (SELECT position FROM bad_rows)) WHERE nth > 1"
            )
    counts = connection.execute("SELECT check_number, count(*) FROM bad_rows GROUP BY ALL ORDER BY ALL").fetchall()
    return dict(counts)


def _first_problem(
    connection: duckdb.DuckDBPyConnection, file: RawFile, checks: list[RowCheck], counts: dict[int, int]
) -> InputError:
    number, count = next(iter(counts.items()))
    check = checks[number]
    rows = connection.execute(
        f"SELECT position, {check.column} FROM {STAGED[file.table]} AS staged JOIN bad_rows "
        "ON staged.rowid = position WHERE check_number = ? ORDER BY position LIMIT 3",
        [number],
    ).fetchall()
    lines = places(file, [position for position, _ in rows])
    first = [(line, value) for line, (_, value) in zip(lines, rows, strict=True)]
    others = sum(counts.values()) - count
    also = f", and {counted(others, 'row')} more with other problems" if others else ""
    return InputError(
        f"{file.path}: {check.reason} in {counted(count, 'row')} ({shown(file.unit, first, count)}){also}; "
        f"{check.remedy}, or set such rows aside with --quarantine FILE"
    )


def _set_aside(
    connection: duckdb.DuckDBPyConnection, file: RawFile, checks: list[RowCheck], quarantine: Quarantine
) -> None:
    found = f"FROM {STAGED[file.table]} AS staged JOIN bad_rows ON staged.rowid = position ORDER BY position"
    # Eight bytes a row here; the records themselves are fetched in portions.
    positions = connection.execute(f"SELECT position {found}").fetchnumpy()["position"]
    lines = places(file, (int(position) for position in positions))
    rows = connection.execute(f"SELECT check_number, to_json(staged) {found}")
    while portion := rows.fetchmany(_FETCHED_ROWS):
        for number, record in portion:
            quarantine.add(file, next(lines), checks[number].reason, record)

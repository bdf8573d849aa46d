"""The checks of the rows of the raw tables, as SQL over staged columns, which are all VARCHAR under their raw names."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from features import schema
from features.ids import BLANKS, CONTROL_CHARACTERS_SQL, MAX_ID_LENGTH
from features.raw.raw_files import ARTICLES, AVAILABILITY, CUSTOMERS, TRANSACTIONS, RawFile
from features.sql import literal, timestamp_literal

# What data frames and spreadsheets write for a missing number or date.
_NULLS: Final = "('nan', '-nan', 'none', 'null', 'na', 'n/a', '#n/a', '<na>', 'nat')"


def _or_null(column: str) -> str:
    return f"CASE WHEN lower(trim({column})) IN {_NULLS} THEN NULL ELSE {column} END"


def _flag(column: str) -> str:
    """SQL for a flag as text of a number: booleans are written as true, True, t and their opposites."""
    return (
        f"CASE WHEN lower(trim({column})) IN ('true', 't') THEN '1' "
        f"WHEN lower(trim({column})) IN ('false', 'f') THEN '0' ELSE {_or_null(column)} END"
    )


# SQL for the columns whose missing values have several spellings, by raw name, as text.
NUMBERS: Final = {
    schema.USER_COLUMNS["age"]: _or_null(schema.USER_COLUMNS["age"]),
    schema.USER_COLUMNS["fashion_news"]: _flag(schema.USER_COLUMNS["fashion_news"]),
    schema.USER_COLUMNS["active"]: _flag(schema.USER_COLUMNS["active"]),
    schema.FOR_SALE: _flag(schema.FOR_SALE),
    schema.MINIMUM_AGE: _or_null(schema.MINIMUM_AGE),
}
DATES: Final = {schema.USER_COLUMNS["birth_date"]: _or_null(schema.USER_COLUMNS["birth_date"])}

# Numbers that a spreadsheet shortened, 1.08775E+08, cells that were too narrow, and its errors.
_SPREADSHEET_NUMBER: Final = r"[0-9]([.,][0-9]+)?E\+[0-9]+"
_SPREADSHEET_ERROR: Final = r"#+|#(N/A|REF!|NAME\?|VALUE!|NUM!|DIV/0!|NULL!)"
MAX_NAME_LENGTH: Final = 1_000


@dataclass(frozen=True)
class RowCheck:
    """One check of a row.

    Attributes:
        column: The raw column.
        problem: The violation, as the end of a sentence that starts with the column's name.
        is_invalid: SQL over a staged row, true for a violation; composed from constants only.
        remedy: How to fix it.
        unique: SQL expressions, separated by commas, in which no two rows may be equal; later rows are invalid. Such a
            check compares only rows that pass all other checks, so that a valid row is kept if there is one.
    """

    column: str
    problem: str
    is_invalid: str
    remedy: str
    unique: str = ""

    @property
    def reason(self) -> str:
        """The reason for the quarantine."""
        return f"{self.column} {self.problem}"


def _missing(column: str) -> RowCheck:
    # Trimming is slow, and only values that begin with a blank need it.
    is_blank = f"CASE WHEN contains({literal(BLANKS)}, {column}[1]) THEN trim({column}, {literal(BLANKS)}) = '' END"
    return RowCheck(column, "is missing", f"{column} IS NULL OR {is_blank}", "fill it in every row")


def _ids(column: str) -> tuple[RowCheck, ...]:
    """The checks of an id by the rule of `features.ids`; blanks around it have been removed."""
    return (
        _missing(column),
        RowCheck(
            column,
            "looks damaged by a spreadsheet",
            f"regexp_full_match({column}, '{_SPREADSHEET_NUMBER}|{_SPREADSHEET_ERROR}')",
            "write the ids again from their source, and format the column as text in the spreadsheet",
        ),
        *_text(column, MAX_ID_LENGTH, CONTROL_CHARACTERS_SQL, "a control character"),
    )


def _text(column: str, longest: int, characters: str, description: str) -> tuple[RowCheck, RowCheck]:
    return (
        RowCheck(
            column,
            f"has more than {longest:,} characters",
            f"length({column}) > {longest}",
            f"use at most {longest:,} characters",
        ),
        RowCheck(column, f"holds {description}", f"regexp_matches({column}, '{characters}')", "remove it"),
    )


def _names(columns: Iterable[str]) -> tuple[RowCheck, ...]:
    """The checks of descriptive text: many programs end a text at a NUL, and a longer name is a mistake."""
    return tuple(check for name in columns for check in _text(name, MAX_NAME_LENGTH, r"\x00", "a NUL character"))


def _numbers(column: str, kind: str, unknown: str) -> tuple[RowCheck, RowCheck]:
    # isfinite(NULL) is null, so IS NOT TRUE holds for values that do not parse as well as for NaN and infinity.
    value = NUMBERS.get(column, column)
    number = f"TRY_CAST({value} AS {kind})"
    return (
        RowCheck(
            column,
            "is not a number",
            f"{value} IS NOT NULL AND isfinite({number}) IS NOT TRUE",
            f"write numbers like 21 or 0.0254{unknown}",
        ),
        RowCheck(column, "is negative", f"{number} < 0", f"write numbers like 21 or 0.0254{unknown}"),
    )


def _date(column: str, first_year: int = 1900) -> RowCheck:
    # The bounds exclude infinity and mistyped years, and fit into nanoseconds in 64 bits.
    value = DATES.get(column, column)
    return RowCheck(
        column,
        f"is not a date from {first_year} to 2199",
        f"{value} IS NOT NULL AND (TRY_CAST({value} AS TIMESTAMPTZ) >= TIMESTAMPTZ '{first_year}-01-01 00:00:00+00' "
        f"AND TRY_CAST({value} AS TIMESTAMPTZ) < TIMESTAMPTZ '2200-01-01 00:00:00+00') IS NOT TRUE",
        "write dates like 2020-09-22 or 2020-09-22 13:30:00+02:00",
    )


def _after(column: str, latest: datetime) -> RowCheck:
    return RowCheck(
        column,
        f"is after {latest:%Y-%m-%d %H:%M} UTC",
        f"TRY_CAST({DATES.get(column, column)} AS TIMESTAMPTZ) > {timestamp_literal(latest)}",
        "correct it, write the offset of local times such as +02:00, allow later moments with --as-of",
    )


def _unknown(column: str, table: str, typed: str, id_column: str) -> RowCheck:
    return RowCheck(
        column,
        f"is not in {table}",
        f"{column} NOT IN (SELECT {id_column} FROM {typed})",
        f"add them to {table}, or check that both files write ids the same way",
    )


def _unique(column: str) -> RowCheck:
    return RowCheck(column, "is a duplicate", "false", "keep one row per id", unique=column)


_OR_EMPTY: Final = ", or leave it empty where it is unknown"
_ROW_CHECKS: Final = {
    CUSTOMERS: (
        *_ids(schema.CUSTOMER_ID),
        *_numbers(schema.USER_COLUMNS["age"], "FLOAT", _OR_EMPTY),
        _date(schema.USER_COLUMNS["birth_date"]),
        *_numbers(schema.USER_COLUMNS["fashion_news"], "FLOAT", _OR_EMPTY),
        *_numbers(schema.USER_COLUMNS["active"], "FLOAT", _OR_EMPTY),
        *_names(schema.USER_COLUMNS[name] for name in ("club_member_status", "fashion_news_frequency", "postal_code")),
        _unique(schema.CUSTOMER_ID),
    ),
    ARTICLES: (*_ids(schema.ARTICLE_ID), *_names(schema.ITEM_COLUMNS.values()), _unique(schema.ARTICLE_ID)),
    TRANSACTIONS: (
        *_ids(schema.CUSTOMER_ID),
        *_ids(schema.ARTICLE_ID),
        _missing(schema.T_DAT),
        _date(schema.T_DAT, first_year=1970),
        _missing(schema.PRICE),
        *_numbers(schema.PRICE, "DOUBLE", ""),
        RowCheck(
            schema.PRICE,
            "is a billion or more",
            f"TRY_CAST({schema.PRICE} AS DOUBLE) >= 1e9",
            "use a larger currency unit",
        ),
        _unknown(schema.CUSTOMER_ID, CUSTOMERS, "users", schema.USER_ID),
        _unknown(schema.ARTICLE_ID, ARTICLES, "items", schema.ITEM_ID),
    ),
    AVAILABILITY: (
        *_ids(schema.ARTICLE_ID),
        _missing(schema.SINCE),
        _date(schema.SINCE, first_year=1970),
        RowCheck(
            schema.FOR_SALE,
            "is neither 0 nor 1",
            f"{NUMBERS[schema.FOR_SALE]} IS NOT NULL AND "
            f"(TRY_CAST({NUMBERS[schema.FOR_SALE]} AS DOUBLE) IN (0, 1)) IS NOT TRUE",
            "write 1 for items that are for sale and 0 for others, or leave it empty for 1",
        ),
        # A list written as text, or another separator, would be read as one channel that no request names.
        RowCheck(
            schema.CHANNELS,
            "is not a list separated by spaces",
            f"regexp_matches({schema.CHANNELS}, '[][,;|\"(){{}}]')",
            "write channels like store or web app, or leave it empty for all channels",
        ),
        *_numbers(schema.MINIMUM_AGE, "FLOAT", ", or leave it empty for no limit"),
        _unknown(schema.ARTICLE_ID, ARTICLES, "items", schema.ITEM_ID),
        RowCheck(
            schema.SINCE,
            "is a duplicate for its article_id",
            "false",
            "keep one row per article and moment",
            unique=f"{schema.ARTICLE_ID}, TRY_CAST({schema.SINCE} AS TIMESTAMPTZ)",
        ),
    ),
}


def checks_of(file: RawFile, latest: datetime | None) -> list[RowCheck]:
    """Return the checks of the columns that a file has.

    Args:
        file: The raw file.
        latest: Purchases and birth dates after this moment are invalid, UTC; None allows every moment.
    """
    checks = [check for check in _ROW_CHECKS[file.table] if check.column in file.columns]
    if latest is not None:
        dates = [name for name in (schema.T_DAT, schema.USER_COLUMNS["birth_date"]) if name in file.columns]
        checks += [_after(name, latest) for name in dates]
    return checks

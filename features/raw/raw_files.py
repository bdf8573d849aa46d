"""The raw files: paths, columns and line numbers.

The layout is that of the H&M competition: `customers`, `articles` and `transactions_train`, each as NAME.csv,
NAME.csv.gz or NAME.parquet in one folder, and optionally `availability`, which this project adds. Errors of a file as a
whole are found here; single rows are validated in `features.raw.validation`.
"""

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from features import schema
from features.errors import InputError, first_line, path_error
from features.files import file_stamps
from features.ids import BLANKS
from features.raw.csv_records import has_width, not_utf8, open_text, records
from features.raw.file_formats import check_gzip, check_start, unread_file
from features.sql import parquet_files, partition_option

CUSTOMERS: Final = "customers"
ARTICLES: Final = "articles"
TRANSACTIONS: Final = "transactions_train"
AVAILABILITY: Final = "availability"
REQUIRED_TABLES: Final = (CUSTOMERS, ARTICLES, TRANSACTIONS)
TABLES: Final = (*REQUIRED_TABLES, AVAILABILITY)

ID_COLUMNS: Final = (schema.CUSTOMER_ID, schema.ARTICLE_ID)
REQUIRED_COLUMNS: Final = {
    CUSTOMERS: (schema.CUSTOMER_ID,),
    ARTICLES: (
        schema.ARTICLE_ID,
        schema.ITEM_COLUMNS["garment_group_name"],
        schema.ITEM_COLUMNS["index_group_name"],
    ),
    TRANSACTIONS: (schema.T_DAT, schema.CUSTOMER_ID, schema.ARTICLE_ID, schema.PRICE),
    AVAILABILITY: (schema.ARTICLE_ID, schema.SINCE),
}
OPTIONAL_COLUMNS: Final = {
    CUSTOMERS: tuple(schema.USER_COLUMNS.values()),
    ARTICLES: tuple(name for name in schema.ITEM_COLUMNS.values() if name not in REQUIRED_COLUMNS[ARTICLES]),
    TRANSACTIONS: (schema.SALES_CHANNEL_ID,),
    AVAILABILITY: (schema.FOR_SALE, schema.CHANNELS, schema.MINIMUM_AGE),
}

_SUFFIXES: Final = (".csv", ".csv.gz", ".parquet")
_WRONG_DELIMITERS: Final = (";", "\t", "|")


@dataclass(frozen=True)
class RawFile:
    """One raw file that has all required columns.

    Attributes:
        table: "customers", "articles", "transactions_train" or "availability".
        path: The file, or a folder of Parquet files.
        columns: Its column names without blanks around them, in the order of the file.
        stored_columns: The same names as they are stored.
        parts: The Parquet files, in the order of their names; empty for CSV.
        integer_ids: Id columns that a Parquet file stores as integers.
    """

    table: str
    path: Path
    columns: tuple[str, ...]
    stored_columns: tuple[str, ...]
    parts: tuple[Path, ...] = ()
    integer_ids: tuple[str, ...] = ()

    @property
    def is_parquet(self) -> bool:
        """Whether the file is Parquet; otherwise it is CSV, compressed or not."""
        return self.path.suffix == ".parquet"

    @property
    def parquet(self) -> str:
        """The relation of the rows of a Parquet file, as written after FROM; folders below `path` may be columns."""
        option = "hive_partitioning = false"
        if self.parts != (self.path,):
            option = f"union_by_name = true, {partition_option(self.path, self.parts)}"
        return parquet_files(self.parts, option)

    @property
    def unit(self) -> str:
        """The unit of a row's location: "row" in a Parquet file, "line" in a CSV file."""
        return "row" if self.is_parquet else "line"

    @property
    def absent_columns(self) -> tuple[str, ...]:
        """The optional columns that are absent from the file."""
        return tuple(name for name in OPTIONAL_COLUMNS[self.table] if name not in self.columns)


def find_raw_files(raw_dir: Path) -> list[RawFile]:
    """Find the raw files and check compression, header and columns of each.

    Returns:
        The files of `TABLES`, in that order; `availability` only if it exists.

    Raises:
        InputError: The folder, a file or a required column is missing; a table exists in two formats; a file is empty,
            damaged, not UTF-8 or not separated by commas.
    """
    if not raw_dir.is_dir():
        raise InputError(
            f"{raw_dir} is not a folder: put {', '.join(REQUIRED_TABLES)} there as .csv, .csv.gz or .parquet, "
            "or run `python jobs/fetch_demo_data.py` for demo data."
        )
    found = {table: [path for end in _SUFFIXES if _is_readable(path := raw_dir / f"{table}{end}")] for table in TABLES}
    unread = {table: unread_file(raw_dir, table) for table in TABLES if not found[table]}
    for table, other in unread.items():
        if other:
            raise InputError(
                f"{raw_dir} has no {table}.csv, {table}.csv.gz or {table}.parquet, but {other[0].name}, which is not "
                f"read: {other[1]}."
            )
    missing = [table for table in REQUIRED_TABLES if not found[table]]
    if missing:
        raise InputError(
            f"{raw_dir} has no {' and no '.join(missing)}: put {missing[0]}.csv, {missing[0]}.csv.gz or "
            f"{missing[0]}.parquet there, or run `python jobs/fetch_demo_data.py` for demo data."
        )
    for table, paths in found.items():
        if len(paths) > 1:
            names = " and ".join(path.name for path in paths)
            raise InputError(f"{raw_dir} holds table {table} twice, as {names}: delete one of them.")
    return [_open(table, paths[0]) for table, paths in found.items() if paths]


def raw_stamps(raw_dir: Path) -> dict[Path, tuple[int, int, int, int]]:
    """Return the stamps of all files of the tables in a folder, see `features.files.file_stamps`."""
    found = (path for table in TABLES for path in raw_dir.glob(f"{table}.*"))
    files = (file for path in found for file in (path.rglob("*") if path.is_dir() else [path]) if file.is_file())
    return {file: file_stamps(file) for file in files}


def _is_readable(path: Path) -> bool:
    """Return whether a path is a file, or a folder in the place of a Parquet file."""
    return path.is_file() or (path.suffix == ".parquet" and path.is_dir())


def _open(table: str, path: Path) -> RawFile:
    try:
        if path.suffix == ".parquet":
            return _open_parquet(table, path)
        check_start(path, path.suffix)
        if path.suffix == ".gz":
            check_gzip(path)
        stored = _header(path)
    except OSError as error:
        raise path_error(path, error, "read") from error
    columns = tuple(map(_clean_name, stored))
    _check_columns(table, path, columns)
    return RawFile(table, path, columns, stored)


def _open_parquet(table: str, path: Path) -> RawFile:
    parts = _parts(path)
    schemas = [_parquet_schema(part) for part in parts]
    stored = tuple(dict.fromkeys(name for each in schemas for name in each.names))
    folders = [part.relative_to(path).parts[:-1] for part in parts]
    stored += tuple(dict.fromkeys(name.split("=")[0] for names in folders for name in names if "=" in name))
    columns = tuple(map(_clean_name, stored))
    _check_columns(table, path, columns)
    integer_ids = [
        name
        for name in ID_COLUMNS
        if name in REQUIRED_COLUMNS[table]
        for part, each in zip(parts, schemas, strict=True)
        if _has_integer_ids(part, each, stored[columns.index(name)])
    ]
    return RawFile(table, path, columns, stored, parts, tuple(dict.fromkeys(integer_ids)))


def _parts(path: Path) -> tuple[Path, ...]:
    """Return the file, or the Parquet files of a folder; like Spark, ignore names that begin with a dot or underscore.

    Raises:
        InputError: The folder has none.
    """
    if path.is_file():
        return (path,)
    files = [file for file in sorted(path.rglob("*.parquet")) if file.is_file()]
    parts = [file for file in files if not any(part[0] in "._" for part in file.relative_to(path).parts)]
    if not parts:
        raise InputError(f"{path} is a folder without *.parquet files: write the table again.")
    return tuple(parts)


def _parquet_schema(path: Path) -> pa.Schema:
    check_start(path, ".parquet")
    try:
        return pq.read_schema(path.absolute())
    except (pa.ArrowException, OSError) as error:
        raise unreadable_parquet(path, error) from error


def _has_integer_ids(path: Path, parquet_schema: pa.Schema, name: str) -> bool:
    """Return whether an id column holds integers, False if a part of several lacks it; refuse other types than text."""
    if name not in parquet_schema.names:
        return False
    kind = parquet_schema.field(name).type
    value = kind.value_type if pa.types.is_dictionary(kind) else kind
    if pa.types.is_integer(value):
        return True
    if not (pa.types.is_string(value) or pa.types.is_large_string(value) or pa.types.is_string_view(value)):
        raise InputError(f"{path}: column {name} has type {kind}: write ids as strings.")
    return False


def _clean_name(name: str) -> str:
    """Return a column's name without blanks and byte order marks around it."""
    return name.strip(BLANKS)


def unreadable_parquet(path: Path, error: Exception) -> InputError:
    """Return the error for a Parquet file that cannot be read completely."""
    return InputError(f"{path} is not a readable Parquet file ({first_line(error)}): download or write it again.")


def _header(path: Path) -> tuple[str, ...]:
    try:
        with open_text(path) as text:
            names = next(csv.reader(text), None)
    except UnicodeDecodeError as error:
        raise not_utf8(path) from error
    except csv.Error as error:
        raise InputError(f"{path} has no header that can be read as CSV ({error}): write it again.") from error
    if names is None:
        raise InputError(f"{path} is empty: download or write it again.")
    return tuple(name if _clean_name(name) else f"column {number}" for number, name in enumerate(names, start=1))


def _check_columns(table: str, path: Path, columns: tuple[str, ...]) -> None:
    missing = [name for name in REQUIRED_COLUMNS[table] if name not in columns]
    for delimiter in _WRONG_DELIMITERS if missing else ():
        # A comma within a name, or a decimal comma, would otherwise hide that the header is one column.
        if any(delimiter in name for name in columns):
            raise InputError(f"{path} is separated by {delimiter!r}: use commas.")
    if missing:
        is_headless = missing == list(REQUIRED_COLUMNS[table]) and path.suffix != ".parquet"
        remedy = "write the names of the columns into the first line" if is_headless else "rename or add a column"
        found = ", ".join(map(_shown_name, columns)) or "none"
        raise InputError(
            f"{path} has no column {' and no '.join(missing)}: it has {found}, and "
            f"{', '.join(REQUIRED_COLUMNS[table])} are required: {remedy}."
        )
    # DuckDB's column names are case-insensitive.
    lowered = [name.casefold() for name in columns]
    duplicates = [name for name in columns if lowered.count(name.casefold()) > 1]
    if duplicates:
        names = " and ".join(map(_shown_name, duplicates))
        raise InputError(f"{path} has columns with the same name, {names}: rename one of them.")


def _shown_name(name: str) -> str:
    """Return a column's name for a message: as it is if it holds no more than letters, digits and spaces."""
    plain = name.replace(" ", "").replace("_", "")
    return name if plain.isalnum() and plain.isascii() else repr(name)


def line_numbers(file: RawFile, positions: Iterable[int]) -> Iterator[int]:
    """Yield the location in the file of each record at `positions`.

    Args:
        file: The file.
        positions: Positions of records, from 0, ascending; in a CSV file among those with the right number of columns.

    Yields:
        In a CSV file the line on which the record starts, in a Parquet file the row's number, both from 1.
    """
    if file.is_parquet:
        yield from (position + 1 for position in positions)
        return
    width = len(file.columns)
    well_formed = enumerate(record for record in records(file.path) if has_width(record, width))
    for wanted in positions:
        # The default, for files that DuckDB and csv read differently, is right unless values hold line breaks.
        yield next((record.line for position, record in well_formed if position == wanted), wanted + 2)

"""Relations that the as-of store selects from, with the types of their columns."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import duckdb

from features.asof_store.time_unit import TimeUnit
from features.sql import parquet_files, parquet_patterns, partition_option, path_pattern

_BY_NAME: Final = "union_by_name = true"


@dataclass(frozen=True)
class Table:
    """A relation in DuckDB.

    Attributes:
        sql: the relation, as written after FROM.
        types: DuckDB's type of each column, by column name.
        location: path or name, for error messages.
        file: SQL for the number of a row's file.
        row: SQL for the number of a row within its file.
    """

    sql: str
    types: Mapping[str, str]
    location: str
    file: str = "file_index"
    row: str = "file_row_number"

    def timestamp(self, column: str, unit: TimeUnit) -> str:
        """SQL for a column's timestamp in a unit; null where the column is null."""
        return unit.column(column, self.types[column])

    def is_text(self, column: str) -> bool:
        """Whether a column holds text, plain or dictionary-encoded."""
        return self.types[column].startswith(("VARCHAR", "ENUM"))

    def is_untyped(self, column: str) -> bool:
        """Whether a column has no type because all its values are null."""
        return self.types[column] in {"NULL", '"NULL"'}


def types_of(connection: duckdb.DuckDBPyConnection, relation: str) -> dict[str, str]:
    """Return DuckDB's type of each column of a relation, by column name."""
    selected = connection.sql(f"SELECT * FROM {relation}")
    return dict(zip(selected.columns, map(str, selected.types), strict=True))


def parquet_table(connection: duckdb.DuckDBPyConnection, path: str) -> Table:
    """Return the rows of a Parquet file, of all `*.parquet` below a folder, or of the files that match a pattern.

    Columns from folder names such as `column=value` are text, so that ids keep their leading zeros. A column that some
    files lack is null there.

    Raises:
        InputError: a folder with such columns lies in a folder of such a name itself.
    """
    relation = _files_of_folder(Path(path)) if Path(path).is_dir() else _files_at(path)
    return Table(relation, types_of(connection, relation), path)


def _files_at(path: str) -> str:
    """SQL for the rows of a file, or of the files that match a pattern."""
    return (
        parquet_files([Path(path)])
        if Path(path).is_file()
        else parquet_patterns([path], f"{_BY_NAME}, hive_types_autocast = false")
    )


def _files_of_folder(folder: Path) -> str:
    """SQL for the rows of all files below a folder; only folders below it are columns."""
    files = sorted(folder.rglob("*.parquet"), key=str)
    if not files:  # DuckDB says that nothing matches
        return parquet_patterns([f"{path_pattern(folder)}/**/*.parquet"], _BY_NAME)
    return parquet_files(files, f"{_BY_NAME}, {partition_option(folder, files)}")

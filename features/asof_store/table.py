"""Relations that the as-of store selects from, with the types of their columns."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb

from features.asof_store.time_unit import TimeUnit
from features.sql import literal


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
    """
    several = Path(path).is_dir() or not Path(path).is_file()
    files = f"{path}/**/*.parquet" if Path(path).is_dir() else path
    options = "union_by_name = true, hive_types_autocast = false" if several else "hive_partitioning = false"
    relation = f"read_parquet({literal(files)}, {options})"
    return Table(relation, types_of(connection, relation), path)

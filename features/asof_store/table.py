"""Something that the as-of store selects from, with what SQL needs to know of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb

from features.asof_store.clock import Clock
from features.sql import literal


@dataclass(frozen=True)
class Table:
    """Something to select from.

    Attributes:
        sql: what to write after FROM.
        types: DuckDB's type of each column, by column name.
        place: where it lies, for messages.
        file: expression for the number of a row's file.
        line: expression for the number of a row within its file.
    """

    sql: str
    types: Mapping[str, str]
    place: str
    file: str = "file_index"
    line: str = "file_row_number"

    def moment(self, column: str, clock: Clock) -> str:
        """An expression for a column's moment, null where the column is null."""
        return clock.moment(column, self.types[column])

    def is_text(self, column: str) -> bool:
        """Whether a column holds text, be it encoded as a category."""
        return self.types[column].startswith(("VARCHAR", "ENUM"))

    def is_untyped(self, column: str) -> bool:
        """Whether a column has no type, because it holds nothing but nulls."""
        return self.types[column] in {"NULL", '"NULL"'}


def types_of(connection: duckdb.DuckDBPyConnection, relation: str) -> dict[str, str]:
    """DuckDB's type of each column of what can be selected from, by column name."""
    relation_ = connection.sql(f"SELECT * FROM {relation}")
    return dict(zip(relation_.columns, map(str, relation_.types), strict=True))


def parquet_table(connection: duckdb.DuckDBPyConnection, path: str) -> Table:
    """Rows of a Parquet file, of all `*.parquet` below a folder, or of the files that match a pattern.

    Columns of folders named `column=value` are text, so that ids keep their leading zeros. A column that some files
    lack is null there.
    """
    several = Path(path).is_dir() or not Path(path).is_file()
    files = f"{path}/**/*.parquet" if Path(path).is_dir() else path
    options = "union_by_name = true, hive_types_autocast = false" if several else "hive_partitioning = false"
    relation = f"read_parquet({literal(files)}, {options})"
    return Table(relation, types_of(connection, relation), path)

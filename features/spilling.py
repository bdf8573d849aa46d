"""A DuckDB for work on files: it holds little in memory, and spills beside them."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import duckdb

MEMORY_LIMIT: Final = "4GB"


@contextlib.contextmanager
def spilling_connection(folder: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open an empty database in UTC that spills into `folder`, and close it."""
    settings: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": MEMORY_LIMIT,
        "temp_directory": str(folder / "spill"),
    }
    with duckdb.connect(config=settings) as connection:
        connection.execute("set timezone = 'UTC'")
        yield connection

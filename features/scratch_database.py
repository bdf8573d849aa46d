"""A DuckDB for work on files: it holds little in memory, and spills beside them."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import duckdb

MEMORY_LIMIT: Final = "4GB"


def spill_settings(folder: Path, memory_limit: str) -> dict[str, str | bool | int | float | list[str]]:
    """DuckDB's settings for a memory limit, such as "4GB", beyond which it spills into `folder`."""
    return {"memory_limit": memory_limit, "temp_directory": str(folder / "spill")}


@contextlib.contextmanager
def scratch_database(folder: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open an empty database in UTC that spills into `folder`, and close it."""
    with duckdb.connect(config=spill_settings(folder, MEMORY_LIMIT)) as connection:
        connection.execute("set timezone = 'UTC'")
        yield connection

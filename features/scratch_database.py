"""Temporary DuckDB databases with a memory limit, which spill to a folder."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import duckdb

MEMORY_LIMIT: Final = "4GB"


def spill_settings(folder: Path, memory_limit: str) -> dict[str, str | bool | int | float | list[str]]:
    """Return DuckDB's settings for a memory limit, such as "4GB", beyond which it spills into `folder`."""
    return {"memory_limit": memory_limit, "temp_directory": str(folder / "spill")}


@contextlib.contextmanager
def scratch_database(folder: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open an empty in-memory database in UTC, with a limit of `MEMORY_LIMIT`, that spills into `folder`."""
    with duckdb.connect(config=spill_settings(folder, MEMORY_LIMIT)) as connection:
        connection.execute("set timezone = 'UTC'")
        yield connection

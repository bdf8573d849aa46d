"""Missing tables of the online store, named in plain terms."""

import contextlib
import sqlite3
from collections.abc import Iterator
from typing import Final

from features.errors import InputError

_MISSING: Final = "no such table"


@contextlib.contextmanager
def naming_missing_tables() -> Iterator[None]:
    """Raise an InputError where SQLite misses a table: the file was deleted, and the registry was kept."""
    try:
        yield
    except sqlite3.OperationalError as error:
        if _MISSING not in str(error):
            raise
        raise InputError(
            "The online store is empty, although the registry says that it was filled: run "
            "`python jobs/materialize.py --from-scratch`."
        ) from error

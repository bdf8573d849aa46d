"""Errors of the online store as sentences: it is damaged, or it cannot be reached."""

import contextlib
import sqlite3
import sys
from collections.abc import Iterator

from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

from features.errors import InputError, OnlineStoreUnavailableError


@contextlib.contextmanager
def naming_store_errors() -> Iterator[None]:
    """Raise an InputError for an error of the online store's client.

    Raises:
        OnlineStoreUnavailableError: Redis does not answer.
        InputError: Redis refuses the password or the command, SQLite misses a table or cannot read its file, or a value
            is no message of Feast.
    """
    try:
        yield
    except (sqlite3.DatabaseError, DecodeError) as error:
        raise InputError(
            f"The online store is empty or damaged ({error}): run `python jobs/materialize.py --from-scratch`."
        ) from error
    except Exception as error:
        if (named := _redis_error(error)) is None:
            raise
        raise named from error


def _redis_error(error: Exception) -> InputError | None:
    """Return the sentence for an error of the client of Redis; None for any other error."""
    client = sys.modules.get("redis.exceptions")  # only feature stores with Redis import it
    if client is None or not isinstance(error, client.RedisError):
        return None
    if isinstance(error, client.AuthenticationError | client.NoPermissionError):
        return InputError(
            f"The online store refuses the connection ({error}): correct user and password in the connection string of "
            "Redis."
        )
    if isinstance(error, client.ConnectionError | client.TimeoutError):
        return OnlineStoreUnavailableError(
            f"The online store cannot be reached ({error}): start Redis, or correct its connection string."
        )
    return InputError(f"The online store refuses a command ({error}): see the log of Redis.")

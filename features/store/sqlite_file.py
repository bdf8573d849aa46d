"""The file of an SQLite online store: its changes, its checksum, its rows, and a new file that replaces it.

The checksum is the beginning of the SHA-256 of all bytes but its own, which are two numbers of the header that SQLite
leaves to applications, `user_version` and `application_id`: file and checksum are one, and replaced in one step.
"""

import contextlib
import hashlib
import os
import shutil
import sqlite3
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from feast import FeatureStore
from feast.infra.online_stores.sqlite import SqliteOnlineStore
from feast.infra.provider import Provider, get_provider
from feast.repo_config import RepoConfig

from features.errors import InputError
from features.files import atomic_write
from features.store.store_errors import naming_store_errors

_COUNTER_BYTES: Final = 4
_COUNTER_OFFSET: Final = 24  # in the header of every SQLite file
_CHECKSUM_BYTES: Final = (*range(60, 64), *range(68, 72))  # user_version and application_id
_CHUNK: Final = 1 << 20
_LEFTOVERS: Final = ("-journal", "-wal", "-shm")


class OpenFile:
    """An SQLite file that was opened: the same file also after another one has taken its path.

    Args:
        path: of the file.
    """

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDONLY)
        weakref.finalize(self, os.close, self._descriptor)

    @property
    def changes(self) -> int:
        """The number of transactions that have written to it. SQLite counts them in the header."""
        return int.from_bytes(os.pread(self._descriptor, _COUNTER_BYTES, _COUNTER_OFFSET), "big")

    @property
    def has_its_checksum(self) -> bool:
        """Whether all bytes are as `write_checksum` found them. Takes about a second per gigabyte."""
        stored, computed = _checksums(self._descriptor)
        return stored == computed

    def is_at(self, path: Path) -> bool:
        """Whether `path` is this file."""
        return path.exists() and os.path.samestat(os.fstat(self._descriptor), path.stat())


def write_checksum(path: Path) -> None:
    """Write the checksum of an SQLite file into its header. No process may have it open."""
    with path.open("r+b") as file:
        _, computed = _checksums(file.fileno())
        for offset, byte in zip(_CHECKSUM_BYTES, computed, strict=True):
            os.pwrite(file.fileno(), bytes([byte]), offset)


def _checksums(descriptor: int) -> tuple[bytes, bytes]:
    """Return the stored checksum of a file, and the one that its bytes have."""
    first = bytearray(os.pread(descriptor, _CHUNK, 0))
    stored = bytes(first[offset] for offset in _CHECKSUM_BYTES)
    for offset in _CHECKSUM_BYTES:
        first[offset] = 0
    digest, position = hashlib.sha256(first), len(first)
    while chunk := os.pread(descriptor, _CHUNK, position):
        digest.update(chunk)
        position += len(chunk)
    return stored, digest.digest()[: len(_CHECKSUM_BYTES)]


def sqlite_path(store: FeatureStore) -> Path | None:
    """The file of an SQLite online store; None for any other store."""
    return _path(store.provider)


def count_changes(provider: Provider) -> int | None:
    """The number of transactions that have written to an SQLite store; None for any other store."""
    path = _path(provider)
    return None if path is None else OpenFile(path).changes


def _path(provider: Provider) -> Path | None:
    if type(provider.online_store) is not SqliteOnlineStore:
        return None
    config = provider.repo_config
    return Path(config.repo_path, config.online_store.path)


def count_rows(store: FeatureStore, provider: Provider, view: str) -> int:
    """Count the rows of a view in an SQLite store: one for each feature of a key.

    Raises:
        InputError: the view has no table.
    """
    with naming_store_errors():
        query = f'select count(*) from "{store.project}_{view}"'
        (rows,) = _connection(provider).execute(query).fetchone()
    return int(rows)


@contextlib.contextmanager
def replaced_file(store: FeatureStore, path: Path, *, copied: bool) -> Iterator[Provider]:
    """Yield a provider that writes to a new file, which replaces `path` if the block succeeds.

    Args:
        store: an applied feature store.
        path: of its online store.
        copied: whether the new file begins as a copy of the present one; otherwise it has empty tables.

    Raises:
        InputError: the present file holds tables of another project, which would be lost, or the new one cannot be
            written.
    """
    _check_own_tables(store, path)
    with _naming_full_disk(path), atomic_write(path) as fresh:
        if copied:
            shutil.copyfile(path, fresh)
        config = at_path(store.config, fresh)
        provider = get_provider(config)
        # A new file needs no protection from a crash: it is written to the disk as a whole before it is used.
        execute_script(provider, "pragma synchronous = off; pragma journal_mode = off")
        # Of all views, also those that are not online: `feast apply` creates them too, and would change the file.
        provider.online_store.update(config, [], store.list_batch_feature_views(), [], [], partial=True)
        yield provider
        _connection(provider).close()
        write_checksum(fresh)
        # They belong to the present file. SQLite would apply them to the new one.
        for suffix in _LEFTOVERS:
            path.with_name(path.name + suffix).unlink(missing_ok=True)
    store._provider = None  # noqa: SLF001 - it may be connected to the replaced file


@contextlib.contextmanager
def _naming_full_disk(path: Path) -> Iterator[None]:
    """Raise an InputError where SQLite cannot write: its own error lacks the path."""
    try:
        yield
    except sqlite3.OperationalError as error:
        raise InputError(
            f"{path} cannot be written ({error}): free space on its disk, check the limit `ulimit -f`, or set another "
            "path of the online store in feature_store.yaml."
        ) from error


def has_table(provider: Provider, name: str) -> bool:
    """Whether an SQLite store has a table.

    Raises:
        InputError: the file cannot be read.
    """
    with naming_store_errors():
        query = "select count(*) from sqlite_master where type = 'table' and name = ?"
        (found,) = _connection(provider).execute(query, [name]).fetchone()
    return bool(found)


def at_path(config: RepoConfig, path: Path) -> RepoConfig:
    """Return the configuration with the online store at another path."""
    copy = config.model_copy()
    copy.online_config = {**config.online_store.model_dump(), "path": str(path.resolve())}
    copy._online_store = None  # noqa: SLF001 - derived from the configuration, and kept
    return copy


def execute_script(provider: Provider, statements: str) -> None:
    """Run statements on the connection of an SQLite store."""
    _connection(provider).executescript(statements)


def _connection(provider: Provider) -> sqlite3.Connection:
    # Another connection to the same path might be to another file, and settings hold for one connection.
    connection: sqlite3.Connection = provider.online_store._get_conn(provider.repo_config)  # noqa: SLF001
    return connection


def _check_own_tables(store: FeatureStore, path: Path) -> None:
    if not path.is_file():
        return
    with contextlib.closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as connection:
        try:
            names = [name for (name,) in connection.execute("select name from sqlite_master where type = 'table'")]
        except sqlite3.DatabaseError:  # damaged: to be replaced
            return
    others = [name for name in names if not name.startswith((f"{store.project}_", "sqlite_"))]
    if others:
        raise InputError(
            f"The online store {path} also holds the table {others[0]}, which does not belong to project "
            f"'{store.project}' and would be lost: set another path of the online store in feature_store.yaml."
        )

"""The log of purchase events: purchases sent to the service after the feature tables were built.

An SQLite file with one row for each event. An event is on the disk before `EventLog.append` returns, and an event id is
in the log once. The next build of the feature tables reads the purchases that are later than the raw tables.
"""

import contextlib
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, TypeAlias

import pyarrow as pa

from features.errors import InputError
from features.ids import shown_id
from features.schema import ITEM_ID, PRICE, PURCHASED_AT, SALES_CHANNEL_ID, USER_ID

FORMAT: Final = 1
PURCHASE_SCHEMA: Final = pa.schema(
    [
        (USER_ID, pa.string()),
        (ITEM_ID, pa.string()),
        (PURCHASED_AT, pa.timestamp("us", tz="UTC")),
        (PRICE, pa.float64()),
        (SALES_CHANNEL_ID, pa.string()),
    ]
)

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_COLUMNS: Final = "event_id, user_id, item_id, purchased_at, price, sales_channel_id, reverses"
_TABLE: Final = """
    create table if not exists events (
        sequence integer primary key autoincrement,
        event_id text not null unique,
        user_id text not null,
        item_id text,
        purchased_at integer,
        price real,
        sales_channel_id text,
        reverses text unique references events (event_id)
    );
    create index if not exists events_by_user on events (user_id);
"""
# `purchased_at` is in microseconds since 1970. A purchase whose reversal is in the log does not count.
_PURCHASES: Final = """
    select user_id, item_id, purchased_at, price, sales_channel_id from events
    where reverses is null and event_id not in (select reverses from events where reverses is not null)
"""


@dataclass(frozen=True)
class PurchaseEvent:
    """A purchase.

    Attributes:
        event_id: chosen by the sender, unique in the log.
        user_id: of the buyer.
        item_id: of the item.
        purchased_at: UTC.
        price: that was paid, in the currency of the raw tables.
        sales_channel_id: None if unknown.
    """

    event_id: str
    user_id: str
    item_id: str
    purchased_at: datetime
    price: float
    sales_channel_id: str | None = None

    @property
    def _row(self) -> tuple[str | float | None, ...]:
        moment = microseconds(self.purchased_at)
        return self.event_id, self.user_id, self.item_id, moment, self.price, self.sales_channel_id, None


@dataclass(frozen=True)
class Reversal:
    """The reversal of a purchase in the log.

    Attributes:
        event_id: of the reversal.
        reverses: event id of the purchase.
    """

    event_id: str
    reverses: str


Event: TypeAlias = PurchaseEvent | Reversal


class EventConflictError(Exception):
    """An event contradicts one that is in the log; the message says how."""


class EventLog:
    """The log, opened by its only writer; any thread may call its methods.

    Args:
        path: of the file, which is created if it does not exist.

    Raises:
        InputError: the file is no event log, is damaged, or cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path, self._lock = path, threading.RLock()
        with self._locked():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            _check_format(self._connection, path)
            # In the mode WAL a transaction is one write and one flush to the disk.
            self._connection.executescript(f"pragma journal_mode = wal; pragma synchronous = full; {_TABLE}")
            self._connection.execute(f"pragma user_version = {FORMAT}")
            [(last,)] = self._connection.execute("select coalesce(max(sequence), 0) from events").fetchall()
        self._last_sequence: int = last

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    @property
    def last_sequence(self) -> int:
        """Number of the last event; 0 in an empty log."""
        return self._last_sequence

    def append(self, requests: Sequence[Sequence[Event]]) -> "list[list[bool] | EventConflictError]":
        """Append the events of several requests, and have them written to the disk together.

        Args:
            requests: events; of one request all are appended or none.

        Returns:
            For each request, whether each event is new: False for one that is in the log with the same content. Or why
            none was appended: an event id is in the log with another content; a reversed purchase is not in the log, or
            another event has reversed it.

        Raises:
            InputError: the file cannot be written; no event was appended.
        """
        outcomes: list[list[bool] | EventConflictError] = []
        with self._locked(), self._transaction("begin immediate", "commit", "rollback"):
            for events in requests:
                try:
                    with self._transaction("savepoint request", "release request", "rollback to request"):
                        outcomes.append([self._append(event) for event in events])
                except EventConflictError as conflict:
                    outcomes.append(conflict)
            [(last,)] = self._connection.execute("select coalesce(max(sequence), 0) from events").fetchall()
        self._last_sequence = last
        return outcomes

    @contextlib.contextmanager
    def _transaction(self, begin: str, commit: str, rollback: str) -> Iterator[None]:
        self._connection.execute(begin)
        try:
            yield
        except BaseException:
            self._connection.execute(rollback)
            raise
        self._connection.execute(commit)

    def find_purchase(self, event_id: str) -> PurchaseEvent | None:
        """Return a purchase of the log, also if it is reversed; None if there is none of this id."""
        with self._locked():
            row = self._find(event_id)
        if row is None or row[-1] is not None:
            return None
        event, user, item, purchased_at, price, channel, _ = row
        return PurchaseEvent(event, user, item, _EPOCH + timedelta(microseconds=purchased_at), price, channel)

    def has(self, event_id: str) -> bool:
        """Return whether an event of this id is in the log."""
        with self._locked():
            return self._find(event_id) is not None

    def users_after(self, sequence: int) -> list[str]:
        """Return the users of the events after one, each once, ascending."""
        with self._locked():
            rows = self._connection.execute(
                "select distinct user_id from events where sequence > ? order by user_id", [sequence]
            ).fetchall()
        return [user for (user,) in rows]

    def purchases(self, since: datetime, users: Sequence[str]) -> pa.Table:
        """Return the purchases of some users from a moment, UTC, on: `PURCHASE_SCHEMA`; without reversed ones."""
        with self._locked():
            rows = [
                row
                for user in users
                for row in self._connection.execute(
                    f"{_PURCHASES} and user_id = ? and purchased_at >= ?", [user, microseconds(since)]
                )
            ]
        return _to_table(rows)

    def _append(self, event: Event) -> bool:
        if isinstance(event, Reversal):
            purchase = self.find_purchase(event.reverses)
            if purchase is None:
                raise EventConflictError(
                    f"Event {shown_id(event.event_id)} reverses {shown_id(event.reverses)}, which is no purchase "
                    "of the log: send the purchase first."
                )
            row: tuple[str | float | None, ...] = (event.event_id, purchase.user_id, *[None] * 4, event.reverses)
        else:
            row = event._row  # noqa: SLF001 - of this module
        known = self._find(event.event_id)
        if known is None:
            try:
                values = ", ".join("?" * len(row))
                self._connection.execute(f"insert into events ({_COLUMNS}) values ({values})", row)
            except sqlite3.IntegrityError as error:
                raise EventConflictError(
                    f"Event {shown_id(event.event_id)} reverses a purchase that another event has reversed."
                ) from error
            return True
        if known != row:
            raise EventConflictError(
                f"Event {shown_id(event.event_id)} is in the log with another content: choose a new event_id for "
                "another event."
            )
        return False

    def _find(self, event_id: str) -> tuple[Any, ...] | None:
        query = f"select {_COLUMNS} from events where event_id = ?"
        row: tuple[Any, ...] | None = self._connection.execute(query, [event_id]).fetchone()
        return row

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        with self._lock, _naming_file(self.path):
            yield


def read_logged_purchases(path: Path, before: datetime | None) -> pa.Table:
    """Read the purchases of a log, while another process may write it.

    Args:
        path: of the log.
        before: UTC; later purchases are left out. None for all.

    Returns:
        `PURCHASE_SCHEMA`, in the order of the log, without reversed purchases.

    Raises:
        InputError: the file does not exist, is no event log, or is damaged.
    """
    if not path.is_file():
        raise InputError(f"{path} does not exist: pass the event log of `jobs/serve.py --events`, or omit --events.")
    with _naming_file(path), contextlib.closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as log:
        _check_format(log, path)
        earlier = "" if before is None else f"and purchased_at < {microseconds(before)}"
        return _to_table(log.execute(f"{_PURCHASES} {earlier} order by sequence").fetchall())


def microseconds(moment: datetime) -> int:
    """Microseconds since 1970."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def _check_format(log: sqlite3.Connection, path: Path) -> None:
    [(version,)] = log.execute("pragma user_version").fetchall()
    tables = [name for (name,) in log.execute("select name from sqlite_master where type = 'table'")]
    others = {*tables} - {"events", "sqlite_sequence"}
    if others or version not in {0, FORMAT}:
        raise InputError(f"{path} is no event log of this version: pass another file with --events.")


@contextlib.contextmanager
def _naming_file(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.DatabaseError as error:
        raise InputError(
            f"The event log {path} cannot be used ({error}): check its disk and permissions, or restore it from a "
            "backup."
        ) from error


def _to_table(rows: Sequence[Sequence[str | float | None]]) -> pa.Table:
    columns = [*zip(*rows, strict=True)] or [()] * len(PURCHASE_SCHEMA)
    arrays = [
        pa.array(values, pa.int64()).cast(kind) if pa.types.is_timestamp(kind) else pa.array(values, kind)
        for values, kind in zip(columns, PURCHASE_SCHEMA.types, strict=True)
    ]
    return pa.table(arrays, PURCHASE_SCHEMA)

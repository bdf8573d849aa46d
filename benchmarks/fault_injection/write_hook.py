"""A hook at every write that Python code makes: it counts them, kills the process before one, or lets it fail.

Seen are files that are opened for writing (before and after), renames, exchanges of folders, removals, new folders,
fsyncs, and rows written to the online store. Native code (Arrow, DuckDB, TensorFlow, SQLite) writes without it: there
`limit_file_size` takes its place, and kills at random times.
"""

import builtins
import errno
import io
import os
import resource
import signal
import sqlite3
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

Fault: TypeAlias = Literal["kill", "full", "read-only"]

_OPENS: Final = "open"
_OPENED: Final = "opened"
_SYNC: Final = "fsync"
_EXCHANGE: Final = "exchange"
_ROWS: Final = "rows"
_TABLES: Final = "tables"
_RENAME: Final = "rename"
_AUDITED: Final = {
    "os.rename": _RENAME, "os.remove": "remove", "os.rmdir": "remove", "os.mkdir": "mkdir", "os.truncate": "truncate",
    "os.link": "link", "os.symlink": "link",
}  # fmt: skip
# What a full disk still allows.
_FREES: Final = {"remove", "truncate"}
# Writes that readers may see also if they begin in a scratch folder.
_SWITCHES: Final = {_RENAME, _EXCHANGE, _ROWS, _TABLES}
_SCRATCH: Final = "/.scratch-"
_WRITING: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_ERRNO: Final = {"full": errno.ENOSPC, "read-only": errno.EROFS}
_SQLITE: Final = {"full": "database or disk is full", "read-only": "attempt to write a readonly database"}


@dataclass
class WriteHook:
    """Watches the writes below a folder in this process. It cannot be removed: install it in a fork.

    Attributes:
        root: the folder.
        fault: what happens at the point.
        point: the number of the write, from 0; None to count only. A disk that is full or read-only stays so.
        visible: whether only writes count that readers may see: none within scratch folders but those that leave them.
        seen: kind and name of each write that counts.
        seen_by_readers: of these, those that readers may see.
    """

    root: Path
    fault: Fault = "kill"
    point: int | None = None
    visible: bool = False
    seen: list[str] = field(default_factory=list)
    seen_by_readers: list[str] = field(default_factory=list)

    def install(self) -> None:
        """Begin to watch."""
        from feast.infra.online_stores.sqlite import SqliteOnlineStore

        from features import files

        sys.addaudithook(self._audit)
        for module in (builtins, io):
            module.open = self._opening(module.open)  # type: ignore[attr-defined]
        os.fsync = self._syncing(os.fsync)
        files._exchange = self._exchanging(files._exchange)  # noqa: SLF001
        for name, kind in (("online_write_batch", _ROWS), ("update", _TABLES)):
            setattr(SqliteOnlineStore, name, self._storing(getattr(SqliteOnlineStore, name), kind))

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == _OPENS:
            path, _, flags = arguments
            if flags & _WRITING and self._is_within(path):
                self._raise_at(_OPENS, path)
        elif event in _AUDITED:
            path = _path(arguments[1] if event == "os.rename" else arguments[0])
            is_relative = not path.startswith("/")  # to an opened folder, as in `shutil.rmtree`
            exists = event == "os.mkdir" and Path(path).exists()  # then the system says so, and writes nothing
            if (self._is_within(path) or is_relative) and not exists:
                self._raise_at(_AUDITED[event], path)

    def _opening(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(file: Any, mode: str = "r", *arguments: Any, **options: Any) -> Any:
            opened = function(file, mode, *arguments, **options)
            if set(mode) & set("wax+") and self._is_within(file):
                self._raise_at(_OPENED, file)
            return opened

        return call

    def _syncing(self, function: Callable[[Any], None]) -> Callable[[Any], None]:
        def call(entry: Any) -> None:
            path = _path(entry if isinstance(entry, int) else entry.fileno())
            if self._is_within(path):
                self._raise_at(_SYNC, path)
            function(entry)

        return call

    def _exchanging(self, function: Callable[[Path, Path], bool]) -> Callable[[Path, Path], bool]:
        def call(one: Path, other: Path) -> bool:
            return False if self._fails(_EXCHANGE, other) else function(one, other)

        return call

    def _storing(self, function: Callable[..., Any], kind: str) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            if self._fails(kind, "online store"):
                raise sqlite3.OperationalError(_SQLITE[self.fault])
            return function(*arguments, **options)

        return call

    def _raise_at(self, kind: str, path: Any) -> None:
        if self._fails(kind, path):
            number = _ERRNO[self.fault]
            raise OSError(number, os.strerror(number), _path(path))

    def _fails(self, kind: str, path: Any) -> bool:
        """Count a write, and return whether it fails."""
        text = _path(path)
        is_visible = kind in _SWITCHES or (_SCRATCH not in text and text.startswith("/"))
        if self.visible and not is_visible:
            return False
        number, name = len(self.seen), f"{kind} {Path(text).name}"
        self.seen.append(name)
        if is_visible:
            self.seen_by_readers.append(name)
        if self.point is None or number < self.point:
            return False
        if self.fault == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        return not (self.fault == "full" and kind in _FREES)

    def _is_within(self, path: Any) -> bool:
        # Feast's paths are relative to the feature repository: feature_repo/../data/online.db.
        return os.path.normpath(_path(path)).startswith(str(self.root))


def _path(path: Any) -> str:
    """A path as text, also that of a file descriptor."""
    return str(Path(f"/proc/self/fd/{path}").readlink()) if isinstance(path, int) else os.fsdecode(path)


def limit_file_size(size: int) -> None:
    """Let writes beyond a size (bytes) fail in this process, also those of native code, with "File too large"."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

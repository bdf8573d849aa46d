"""Digests of the feature tables: which build of them a store, a release or a candidate file was made from."""

import glob
import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Self, TypeAlias

from feast import FeatureStore, FeatureView
from pyarrow.fs import FileSelector, FileSystem

from features.errors import InputError
from features.files import file_stamps, sha256
from features.table_origin import check_as_built, check_one_build

_Stamps: TypeAlias = tuple[int, int, int, int]


@dataclass(frozen=True)
class TableDigests:
    """The contents of feature tables, as they were when they were read.

    Attributes:
        by_view: SHA-256 of each table, hex digits, by the name of its feature view.
        stamps: inode, size and both times of each local file: as long as they stay, the contents do.
    """

    by_view: dict[str, str]
    stamps: dict[Path, _Stamps]

    @classmethod
    def compute(
        cls,
        store: FeatureStore,
        views: Iterable[FeatureView] | None = None,
        hash_file: Callable[[Path], str] = sha256,
    ) -> Self:
        """Read the tables of feature views.

        A remote table is not read: its digest covers the names, sizes and times of its files.

        Args:
            store: an applied feature store.
            views: all stored views by default.
            hash_file: returns the SHA-256 of a file, hex digits; called once for each file, also if views share it.

        Raises:
            InputError: a table does not exist, is damaged, or is of another build than the others, or the record of
                their build cannot be read.
        """
        by_view: dict[str, str] = {}
        stamps: dict[Path, _Stamps] = {}
        digests: dict[Path, str] = {}
        for view in store.list_batch_feature_views() if views is None else views:
            path = view.batch_source.path
            if "://" in path:
                by_view[view.name] = _remote_digest(path)
                continue
            files = table_files(path)
            if not files:
                raise InputError(
                    f"The table of feature view '{view.name}', {path}, does not exist: run `python "
                    "jobs/build_features.py`, or `feast apply` if it was moved."
                )
            for file in files:
                if file not in digests:
                    stamps[file], digests[file] = file_stamps(file), hash_file(file)
            by_view[view.name] = _combine(digests[file] for file in files)
        check_one_build(stamps)
        check_as_built(digests)
        return cls(dict(sorted(by_view.items())), stamps)

    @property
    def build_id(self) -> str:
        """One digest of all tables, first 16 hex digits."""
        return _combine(f"{view} {digest}" for view, digest in self.by_view.items())[:16]

    def check_unchanged(self, store: FeatureStore, result: str) -> None:
        """Check that the tables are still those that were read.

        Args:
            store: the feature store.
            result: what was made from them, for the message, such as "The release was not written".

        Raises:
            InputError: a table was replaced or changed.
        """
        if any(not file.is_file() or file_stamps(file) != before for file, before in self.stamps.items()):
            now = type(self).compute(store, [store.get_feature_view(view) for view in self.by_view])
            changed = [view for view, digest in self.by_view.items() if now.by_view[view] != digest]
            if changed:
                raise InputError(
                    f"The table of feature view '{changed[0]}' was changed while it was being read. {result}: run the "
                    "command again."
                )


def table_files(path: str) -> list[Path]:
    """The local files that the as-of store reads: one, those below a folder, or those that match a pattern."""
    if Path(path).is_file():
        return [Path(path)]
    pattern = f"{glob.escape(path)}/**/*.parquet" if Path(path).is_dir() else path
    return [Path(file) for file in sorted(glob.glob(pattern, recursive=True, include_hidden=True))]  # noqa: PTH207


def _combine(digests: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(digests).encode()).hexdigest()


def _remote_digest(uri: str) -> str:
    system, path = FileSystem.from_uri(uri)
    selected = [path] if system.get_file_info(path).is_file else FileSelector(path, recursive=True)
    found = sorted(system.get_file_info(selected), key=lambda file: str(file.path))
    return _combine(json.dumps([file.path, file.size, file.mtime_ns]) for file in found)

"""The rows of a feature table up to a moment: a digest that shows that another table begins with the same rows.

The online store holds the last row of each key up to a moment. If a new table has the same rows up to that moment, only
later rows have to be read. Tables with the same digest have the same rows up to the moment, in the same order:

- A digest covers all row groups with rows up to the moment, in their order, and no others. Which ones these are follows
  from the event timestamps themselves; statistics may be absent or wrong.
- A row group is represented by its bytes and their layout, which determine its rows without being decoded, or by its
  decoded rows up to the moment, see `RowDigest`. One with later rows is always represented by its rows.

The reverse is not true: the same rows in other row groups, compressed otherwise or written by another program have
another digest, and are read from the beginning. A digest is of use because a table to which rows are appended keeps all
its row groups but the last: `features.tables.feature_tables` writes rows in order of time, in row groups of a fixed
number of rows. Therefore the last row group is represented by its rows, also while it has no later ones. A table of
several buckets of users, or of several files, is a series of such sequences; each ends where the time goes back.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import zip_longest
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from feast import FeatureView

from features.files import sha256
from features.store.row_digest import RowDigest, has_digest
from features.store.row_groups import GroupedFile, RowGroup, hash_row_groups
from features.store.table_digests import table_files

_MOMENT: Final = pa.timestamp("us", tz="UTC")
_ROWS_PER_BATCH: Final = 4_096

# Tables of which more bytes would be decoded have no digest: reading them from the beginning costs no more. They are
# not in order of time, or are one large row group.
_DECODED_BYTES: Final = 32 << 20
_DECODED_PART: Final = 1 / 4


@dataclass(frozen=True)
class _Span:
    """A row group, and its first and last event timestamp, microseconds since 1970."""

    group: RowGroup
    first: int
    last: int


class PastRows:
    """Digests of the rows up to a moment of the tables of some feature views.

    Args:
        views: the feature views. `sha256` is called for each file of their tables before `digests`.
    """

    def __init__(self, views: Iterable[FeatureView]) -> None:
        self._views = tuple(views)
        self._paths = {view.name: table_files(view.batch_source.path) for view in self._views}
        self._files: dict[Path, GroupedFile | None] = {path: None for paths in self._paths.values() for path in paths}

    def sha256(self, path: Path) -> str:
        """Return the SHA-256 of a file; a file of a view's table is read once, for this and for its row groups."""
        if path not in self._files:
            return sha256(path)
        whole, self._files[path] = hash_row_groups(path)
        return whole

    def digests(self, moments: Iterable[datetime]) -> dict[datetime, dict[str, str]]:
        """Return, for each moment, the digest of the rows of each view's table up to it, hex digits, by view.

        Left out are tables that are remote or damaged, that have event timestamps other than `timestamp[us, tz=UTC]`,
        types without a digest of rows or files with different columns, or of which too many bytes would be decoded.
        """
        by_moment: dict[datetime, dict[str, str]] = {moment: {} for moment in moments}
        for view in self._views:
            for moment, digest in self._digests(view, list(by_moment)).items():
                by_moment[moment][view.name] = digest
        return by_moment

    def _digests(self, view: FeatureView, moments: Sequence[datetime]) -> dict[datetime, str]:
        source, paths = view.batch_source, self._paths[view.name]
        in_file = {served: name for name, served in source.field_mapping.items()}
        column = in_file.get(source.timestamp_field, source.timestamp_field)
        files = [file for file in map(self._files.get, paths) if file and _is_supported(file.types, column)]
        # Rows of a file may be read otherwise if another one has other columns, also in the names of folders.
        shapes = {(file.schema, *(folder.split("=")[0] for folder in _partition(file.path))) for file in files}
        if len(files) < len(paths) or len(shapes) != 1:
            return {}
        try:
            spans = [span for file in files for span in _spans(file, column)]
            return _digests(shapes.pop(), spans, column, moments)
        except (OSError, pa.ArrowException):  # damaged: the error of reading it from the beginning is precise
            return {}


def _is_supported(types: pa.Schema, timestamp: str) -> bool:
    same_names = [name for name in types.names if name.lower() == timestamp.lower()]  # DuckDB ignores the case
    return same_names == [timestamp] and types.field(timestamp).type == _MOMENT and all(map(has_digest, types.types))


def _partition(path: Path) -> list[str]:
    """The folders that may be columns of a file's rows."""
    return [folder for folder in path.parts[:-1] if "=" in folder]


def _spans(file: GroupedFile, column: str) -> list[_Span]:
    """The row groups of a file that have event timestamps."""
    spans = []
    with pq.ParquetFile(file.path, pre_buffer=False) as content:
        for group in file.groups:
            timestamps = content.read_row_group(group.number, columns=[column], use_threads=False)[column]
            span = pc.min_max(timestamps.cast(pa.int64())).as_py()
            if span["min"] is not None:
                spans.append(_Span(group, span["min"], span["max"]))
    return spans


def _digests(
    shape: tuple[str, ...], spans: Sequence[_Span], column: str, moments: Sequence[datetime]
) -> dict[datetime, str]:
    most_bytes = max(_DECODED_BYTES, _DECODED_PART * sum(span.group.size for span in spans))
    past = {moment: [span for span in spans if span.first <= _microseconds(moment)] for moment in moments}
    by_rows = {moment: _groups_by_rows(past[moment]) for moment in moments}
    possible = [moment for moment in moments if sum(group.size for group in by_rows[moment]) <= most_bytes]
    # A group is decoded once for all moments.
    uses: defaultdict[RowGroup, list[datetime]] = defaultdict(list)
    for moment in possible:
        for group in by_rows[moment]:
            uses[group].append(moment)
    rows = {group: _row_digests(group, column, of_group) for group, of_group in uses.items()}
    digests = {}
    for moment in possible:
        groups = [
            [_partition(group.path), rows[group][moment] if group in by_rows[moment] else [group.layout, group.digest]]
            for group in (span.group for span in past[moment])
        ]
        digests[moment] = hashlib.sha256(json.dumps([shape, groups]).encode()).hexdigest()
    return digests


def _groups_by_rows(past: Sequence[_Span]) -> set[RowGroup]:
    """The row groups after which the time goes back or the past ends; all that have later rows are among them."""
    return {span.group for span, after in zip_longest(past, past[1:]) if after is None or after.first < span.last}


def _microseconds(moment: datetime) -> int:
    microseconds: int = pa.scalar(moment, _MOMENT).value
    return microseconds


def _row_digests(group: RowGroup, column: str, moments: Sequence[datetime]) -> dict[datetime, str]:
    """The digest of the rows of a group up to each of some moments."""
    digests = {moment: RowDigest() for moment in moments}
    with pq.ParquetFile(group.path, pre_buffer=False) as content:
        for batch in content.iter_batches(_ROWS_PER_BATCH, row_groups=[group.number], use_threads=False):
            for moment, digest in digests.items():
                is_past = pc.less_equal(batch[column], pa.scalar(moment, _MOMENT))
                everything = pc.all(is_past, skip_nulls=False).as_py()
                digest.add(batch if everything else batch.filter(is_past))
    return {moment: digest.hexdigest() for moment, digest in digests.items()}

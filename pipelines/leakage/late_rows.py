"""Late rows: rows created after their event timestamp, which offline reads hide until then and online reads do not."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
from feast import FeatureStore, FeatureView

from features.asof_store.views import join_keys
from features.schema import EVENT_TIMESTAMP
from features.scratch_database import scratch_database
from features.sql import identifier, parquet_files
from features.store.historical_features import view_features
from features.store.source_tables import END_OF_TIME, write_source
from pipelines.leakage.comparison import Snapshot

_ROWS_PER_JOIN = 100_000


@dataclass(frozen=True)
class LateRows:
    """Keys and event timestamps of the late rows of one view.

    Attributes:
        view: the feature view.
        rows: its join keys and `event_timestamp`, without duplicates, in the order of time.
    """

    view: FeatureView
    rows: pa.Table


def late_rows(store: FeatureStore, folder: Path) -> list[LateRows]:
    """Find the late rows in the sources of all views, including rows without creation time.

    Args:
        store: an applied feature store.
        folder: for temporary files.
    """
    found = [
        LateRows(view, _late(store, view, folder))
        for view in store.list_feature_views()
        if view.batch_source.created_timestamp_column
    ]
    return [late for late in found if late.rows.num_rows]


def late_row_snapshots(store: FeatureStore, late: list[LateRows]) -> Iterator[tuple[Snapshot, Snapshot]]:
    """Read the features of each late row's key as of its event timestamp.

    Yields:
        For each view, in parts, what offline reads return for that moment, and what an online store materialized up to
        that moment holds.
    """
    for all_of_view in late:
        for start in range(0, all_of_view.rows.num_rows, _ROWS_PER_JOIN):
            rows = LateRows(all_of_view.view, all_of_view.rows.slice(start, _ROWS_PER_JOIN))
            yield _snapshot(store, rows, hides_late_rows=True), _snapshot(store, rows, hides_late_rows=False)


def _late(store: FeatureStore, view: FeatureView, folder: Path) -> pa.Table:
    source = view.batch_source
    moment, created = identifier(source.timestamp_field), identifier(source.created_timestamp_column)
    keys = ", ".join(map(identifier, join_keys(view)))
    path = write_source(store, view.name, [], folder / f"{view.name}.stamps.parquet", known_at=END_OF_TIME)
    with scratch_database(folder) as connection:
        rows = connection.sql(
            f"select distinct {keys}, {moment} as {EVENT_TIMESTAMP} from {parquet_files([path])} "
            f"where {created} is null or {created} > {moment} order by {EVENT_TIMESTAMP}, {keys}"
        ).to_arrow_table()
    path.unlink()
    return rows


def _snapshot(store: FeatureStore, late: LateRows, *, hides_late_rows: bool) -> Snapshot:
    features = view_features(store, late.view, late.rows, hides_late_rows=hides_late_rows)
    rows = pa.table([*late.rows.columns, *features.columns], [*late.rows.column_names, *features.column_names])
    views = dict.fromkeys(rows.column_names, late.view.name)
    return Snapshot("late rows", rows, tuple(late.rows.column_names), views)

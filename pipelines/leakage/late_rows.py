"""Rows that were written later than they are stamped: offline they are hidden until then, online they would be seen."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
from feast import FeatureStore, FeatureView

from features.asof_store.views import join_keys
from features.schema import EVENT_TIMESTAMP
from features.scratch_database import scratch_database
from features.sql import identifier, literal
from features.store.historical_features import view_features
from features.store.registry import END_OF_TIME, write_source
from pipelines.leakage.differences import Answer

_ROWS_PER_JOIN = 100_000


@dataclass(frozen=True)
class LateRows:
    """Keys and stamps of late rows.

    Attributes:
        view: the feature view whose source holds them.
        rows: its join keys and `event_timestamp`, each combination once, in the order of time.
    """

    view: FeatureView
    rows: pa.Table


def late_rows(store: FeatureStore, folder: Path) -> list[LateRows]:
    """Find in the sources of all views the rows that were created after their stamp, or nobody knows when.

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


def late_answers(store: FeatureStore, late: list[LateRows]) -> Iterator[tuple[Answer, Answer]]:
    """Ask about each late row's key as of its stamp.

    Yields:
        For each view, in parts, what was known then, and what an online store would hold that is filled up to then.
    """
    for all_of_view in late:
        for start in range(0, all_of_view.rows.num_rows, _ROWS_PER_JOIN):
            rows = LateRows(all_of_view.view, all_of_view.rows.slice(start, _ROWS_PER_JOIN))
            yield _answer(store, rows, hides_late_rows=True), _answer(store, rows, hides_late_rows=False)


def _late(store: FeatureStore, view: FeatureView, folder: Path) -> pa.Table:
    source = view.batch_source
    moment, created = identifier(source.timestamp_field), identifier(source.created_timestamp_column)
    keys = ", ".join(map(identifier, join_keys(view)))
    path = write_source(store, view.name, [], folder / f"{view.name}.stamps.parquet", known_at=END_OF_TIME)
    with scratch_database(folder) as connection:
        rows = connection.sql(
            f"select distinct {keys}, {moment} as {EVENT_TIMESTAMP} from read_parquet({literal(path)}) "
            f"where {created} is null or {created} > {moment} order by {EVENT_TIMESTAMP}, {keys}"
        ).to_arrow_table()
    path.unlink()
    return rows


def _answer(store: FeatureStore, late: LateRows, *, hides_late_rows: bool) -> Answer:
    features = view_features(store, late.view, late.rows, hides_late_rows=hides_late_rows)
    rows = pa.table([*late.rows.columns, *features.columns], [*late.rows.column_names, *features.column_names])
    views = dict.fromkeys(rows.column_names, late.view.name)
    return Answer("rows created after their stamp", rows, tuple(late.rows.column_names), views)

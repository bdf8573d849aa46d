"""Materialization: filling the online store up to a moment, from where it was filled before.

Filled are the feature views that are declared online and that a feature service reads. The catalogue snapshot of the
same moment is written with them.

The window of a view begins where its previous one ended, both ends included: the last row of each key in the window
replaces the key's row online, keys without a new row keep theirs. Rows that are added or changed before the window are
not seen. Views with the tag `materialize: full` are therefore read from the beginning each time: their tables have no
history, or rows may be entered late. After any other change of past rows (corrected raw data, changed SQL, a changed
feature view) the store must be filled from scratch; `features.store.consistency` finds such changes in a sample.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from feast import FeatureStore, FeatureView
from feast.infra.provider import get_provider

from features.errors import InputError
from features.progress import SILENT, Progress
from features.store.catalogue_snapshot import CatalogueSnapshot, snapshot_path
from features.store.online_tables import naming_missing_tables
from features.store.registry import online_views
from features.store.source_tables import BEGINNING

_MATERIALIZE: Final = "materialize"
_FULL: Final = "full"


@dataclass(frozen=True)
class Materialization:
    """The windows that were written to the online store.

    Attributes:
        starts: the start of each view's window, UTC, by the view's name; `BEGINNING` for a view that was read in full.
        declared: how many feature views the registry declares; those that are not online or that no service
            reads are not materialized.
    """

    starts: dict[str, datetime]
    declared: int

    @property
    def incremental(self) -> int:
        """How many views were read from their previous end on."""
        return sum(start > BEGINNING for start in self.starts.values())


def materialize(
    store: FeatureStore, moment: datetime, *, from_scratch: bool, progress: Progress = SILENT.progress
) -> Materialization:
    """Fill the online store up to `moment`, then write the catalogue snapshot of that moment.

    If it is stopped between the two, the snapshot is refused: it is not of the moment of the online store.

    Args:
        store: an applied feature store.
        moment: UTC.
        from_scratch: see `fill_online_store`.
        progress: opens a progress bar.

    Raises:
        InputError: see `fill_online_store` and `CatalogueSnapshot.write`.
    """
    snapshot_path(store)
    filled = fill_online_store(store, moment, from_scratch=from_scratch, progress=progress)
    CatalogueSnapshot.join(store, moment).write(store)
    return filled


def fill_online_store(
    store: FeatureStore, moment: datetime, *, from_scratch: bool, progress: Progress = SILENT.progress
) -> Materialization:
    """Materialize every feature view that is declared online and that a feature service reads, as of `moment`.

    Filling it up to the moment at which it is filled already is possible, and changes nothing.

    Args:
        store: an applied feature store.
        moment: UTC.
        from_scratch: whether to empty the store first, and read all views from the beginning. This is needed to go back
            in time, because the online store keeps one row per key, and after a change of past rows.
        progress: opens a progress bar.

    Raises:
        InputError: the store is filled up to a later moment, its tables are missing, or the moment lies before 1970.
    """
    if moment <= BEGINNING:
        raise InputError(f"No data at {moment:%Y-%m-%d}: choose an --as-of after 1970-01-01.")
    views = online_views(store)
    if from_scratch:
        _empty(store, views)
    else:
        _check_not_backwards(views, moment)
    starts = {view.name: BEGINNING if from_scratch else _window_start(view) for view in views}
    advance = progress("views online", len(views))
    for name, start in starts.items():
        with naming_missing_tables():
            store.materialize(start, moment, feature_views=[name])
        advance(1)
    return Materialization(starts, len(store.list_batch_feature_views()))


def filled_until(store: FeatureStore) -> datetime:
    """The moment up to which the online store was filled last, UTC.

    Raises:
        InputError: some view was never filled, or views were filled up to different moments.
    """
    ends: dict[datetime, str] = {}
    for view in online_views(store):
        end = _filled_until(view)
        if end is None:
            raise InputError(
                f"Feature view '{view.name}' has not been materialized: run `python jobs/materialize.py` first."
            )
        ends[end] = view.name
    if len(ends) > 1:
        (early, first), *_, (late, last) = sorted(ends.items())
        raise InputError(
            f"The online store is filled unevenly, '{first}' up to {early:%Y-%m-%d %H:%M} UTC and '{last}' up to "
            f"{late:%Y-%m-%d %H:%M}: run `python jobs/materialize.py` again."
        )
    return next(iter(ends))


def _window_start(view: FeatureView) -> datetime:
    end = _filled_until(view)
    return BEGINNING if end is None or view.tags.get(_MATERIALIZE) == _FULL else end


def _filled_until(view: FeatureView) -> datetime | None:
    """The end of the windows that follow each other from `BEGINNING` on, UTC; None without such a window.

    A window that was materialized by hand may begin later: rows before it are missing online.
    """
    end = None
    for start, stop in sorted(view.materialization_intervals):
        if start.astimezone(UTC) > (end or BEGINNING):
            break
        end = max(end or BEGINNING, stop.astimezone(UTC))
    return end


def _check_not_backwards(views: list[FeatureView], moment: datetime) -> None:
    end = max((stop.astimezone(UTC) for view in views for _, stop in view.materialization_intervals), default=moment)
    if moment < end:
        raise InputError(
            f"The online store is filled up to {end:%Y-%m-%d %H:%M} UTC, later than {moment:%Y-%m-%d %H:%M}: "
            "to go back in time, add --from-scratch, which empties it first."
        )


def _empty(store: FeatureStore, views: list[FeatureView]) -> None:
    # The registry comes first: if the job is stopped from here on, the store counts as not filled.
    for view in views:
        view.materialization_intervals = []
        store.registry.delete_feature_view(view.name, store.project, commit=False)
        store.registry.apply_feature_view(view, store.project, commit=False)
    store.registry.commit()
    provider = get_provider(store.config)
    entities = store.list_entities()
    for deleted, created in ((views, []), ([], views)):
        provider.update_infra(
            project=store.project,
            tables_to_delete=deleted,
            tables_to_keep=created,
            entities_to_delete=[],
            entities_to_keep=entities,
            partial=True,
        )

"""Materialization: filling the online store up to a moment, from where it was filled before.

Filled are the feature views that are declared online and that a feature service reads. The catalogue snapshot of the
same moment is written with them. Both become visible together, as a new generation, once they are complete; see
`features.store.generation`.

The window of a view begins where its previous one ended, both ends included: the last row of each key in the window
replaces the key's row online, keys without a new row keep theirs. That is right only if the rows before the window are
those that were read before, which a digest of them shows (`features.store.past_rows`). If they are not, the view's
declaration has changed, or anything else has written to the store, the view is read from the beginning.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from feast import FeatureStore, FeatureView
from feast.infra.provider import Provider
from tqdm import tqdm  # type: ignore[import-untyped]

from features.errors import InputError
from features.locks import writer_lock
from features.progress import SILENT, Progress
from features.store.catalogue_snapshot import (
    CatalogueSnapshot,
    configured_path,
    remove_earlier_snapshots,
    snapshot_path,
    snapshot_services,
)
from features.store.generation import Generation, OpenGeneration, registry_windows
from features.store.past_rows import PastRows
from features.store.registry import online_views, view_fingerprint
from features.store.request_services import request_views
from features.store.source_tables import BEGINNING
from features.store.sqlite_file import count_rows, replaced_file, sqlite_path
from features.store.store_errors import naming_store_errors
from features.store.table_digests import TableDigests

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
    """Fill the online store up to `moment`, and write the catalogue snapshot of that moment.

    Args:
        store: an applied feature store.
        moment: UTC.
        from_scratch: see `fill_online_store`.
        progress: opens a progress bar.

    Raises:
        InputError: see `fill_online_store` and `CatalogueSnapshot.join`.
    """
    return _fill(store, moment, from_scratch=from_scratch, catalogue=True, progress=progress)


def fill_online_store(
    store: FeatureStore, moment: datetime, *, from_scratch: bool, progress: Progress = SILENT.progress
) -> Materialization:
    """Materialize every feature view that is declared online and that a feature service reads, as of `moment`.

    Filling it up to the moment at which it is filled already is possible, and changes nothing.

    Args:
        store: an applied feature store.
        moment: UTC.
        from_scratch: whether to begin with an empty store, and read all views from the beginning. This is needed to go
            back in time, because the online store keeps one row per key.
        progress: opens a progress bar.

    Raises:
        InputError: the store is filled up to a later moment, is being filled by another process, or the moment lies
            before 1970; or the feature tables were changed meanwhile. What requests read is then as it was.
    """
    return _fill(store, moment, from_scratch=from_scratch, catalogue=False, progress=progress)


def _fill(
    store: FeatureStore, moment: datetime, *, from_scratch: bool, catalogue: bool, progress: Progress
) -> Materialization:
    if moment <= BEGINNING:
        raise InputError(f"No data at {moment:%Y-%m-%d}: choose an --as-of after 1970-01-01.")
    _check_overwrites(store)
    path, views = sqlite_path(store), online_views(store)
    with writer_lock(path or configured_path(store), f"The online store{'' if path is None else f' {path}'}"):
        previous = _find_previous(store, from_scratch=from_scratch)
        if previous is not None and not from_scratch:
            _check_not_backwards(previous.record, moment)
        past_rows = PastRows(view for view in views if view.tags.get(_MATERIALIZE) != _FULL)
        tables = TableDigests.compute(store, request_views(store), past_rows.sha256)
        valid = None if previous is None or from_scratch or not _is_intact(previous) else previous.record
        past = past_rows.digests({moment} if valid is None else {moment, valid.as_of})
        record = Generation(
            project=store.project,
            as_of=moment,
            tables=tables.by_view,
            past=past[moment],
            declarations={view.name: view_fingerprint(view) for view in views},
            services=snapshot_services(store),
            windows=registry_windows(store),
        )
        starts = {view.name: BEGINNING if valid is None else _window_start(view, record, valid, past) for view in views}
        earlier = None if previous is None else previous.record
        with _destination(store, path, record, earlier, copied=valid is not None) as provider:
            _write_rows(store, provider, views, starts, moment, progress)
            snapshot = CatalogueSnapshot.join(store, moment).write(snapshot_path(store, record)) if catalogue else None
            tables.check_unchanged(store, "What requests read is as it was before")
            rows = {} if path is None else {view.name: count_rows(store, provider, view.name) for view in views}
            record.model_copy(update={"catalogue": snapshot, "rows": rows, "complete": True}).write(provider)
        remove_earlier_snapshots(store, record, earlier)
    return Materialization(starts, len(store.list_batch_feature_views()))


def _check_overwrites(store: FeatureStore) -> None:
    """Refuse an online store that keeps a row if the new one is of the same moment."""
    if getattr(store.config.online_store, "skip_dedup", True) is False:
        raise InputError(
            "Redis is configured without `skip_dedup: true`: Feast would keep rows of the same moment, and a corrected "
            "table would not reach the online store. Set it in section online_store of feature_store.yaml."
        )


def _find_previous(store: FeatureStore, *, from_scratch: bool) -> OpenGeneration | None:
    try:
        return OpenGeneration.find(store)
    except InputError:  # damaged
        if not from_scratch:
            raise
        return None


def _check_not_backwards(previous: Generation, moment: datetime) -> None:
    if moment < previous.as_of:
        raise InputError(
            f"The online store is filled up to {previous.as_of:%Y-%m-%d %H:%M} UTC, later than "
            f"{moment:%Y-%m-%d %H:%M}: to go back in time, add --from-scratch, which begins with an empty store."
        )


def _is_intact(previous: OpenGeneration) -> bool:
    try:
        previous.check_intact()
    except InputError:
        return False
    return True


def _window_start(
    view: FeatureView, record: Generation, valid: Generation, past: dict[datetime, dict[str, str]]
) -> datetime:
    name = view.name
    if view.tags.get(_MATERIALIZE) == _FULL or valid.declarations.get(name) != record.declarations[name]:
        return BEGINNING
    # A table without a digest of its past rows is compared as a whole.
    earlier, now = valid.past.get(name), past[valid.as_of].get(name)
    same = valid.tables.get(name) == record.tables[name] or (earlier is not None and earlier == now)
    return valid.as_of if same else BEGINNING


@contextmanager
def _destination(
    store: FeatureStore, path: Path | None, record: Generation, previous: Generation | None, *, copied: bool
) -> Iterator[Provider]:
    """Yield the provider that rows are written to: to a new file, or in place to a store that counts as incomplete."""
    if path is not None:
        with replaced_file(store, path, copied=copied) as provider:
            yield provider
    else:
        # Rows of the previous moment remain until all are written.
        latest = max(record.as_of, record.as_of if previous is None else previous.as_of)
        with naming_store_errors():
            record.model_copy(update={"as_of": latest}).write(store.provider)
            yield store.provider


def _write_rows(
    store: FeatureStore,
    provider: Provider,
    views: list[FeatureView],
    starts: dict[str, datetime],
    moment: datetime,
    progress: Progress,
) -> None:
    advance = progress("views online", len(views))
    for view in views:
        if starts[view.name] == BEGINNING:  # keys that the table no longer has must not stay
            provider.online_store.update(provider.repo_config, [view], [], [], [], partial=True)
            provider.online_store.update(provider.repo_config, [], [view], [], [], partial=True)
        provider.materialize_single_feature_view(
            provider.repo_config, view, starts[view.name], moment, store.registry, store.project, _no_bar
        )
        advance(1)


def _no_bar(total: int) -> Any:
    return tqdm(total=total, disable=True)

"""Refreshing a release: the items and their features as of a later moment, with the models as they were trained.

New items are embedded from their features by the item tower; sales, similar items and similar users are counted again.
Towers, blender and rankers stay. The result is a release of its own: engines, integrity check, self-test and switch are
those of every release, and the earlier one is left as it was.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
from feast import FeatureStore

from features.store.table_digests import TableDigests
from features.time_split import TimeSplit
from features.training_data.purchases import write_purchases
from models.release.earlier_release import EarlierRelease
from models.release.manifest import REFRESHED_FROM, trained_fields
from models.release.release import METRICS
from models.release.release_contents import ReleaseContents
from models.release.writer import write_release
from models.towers import Towers
from pipelines.golden_queries import golden_queries_writer
from pipelines.release_items import ReleaseItems


@dataclass(frozen=True)
class Refreshed:
    """A refreshed release.

    Attributes:
        version: of the release.
        items: number of items.
        new_items: number of those that the earlier release did not have.
        removed_items: number of items of the earlier release that are not in the catalogue any more.
    """

    version: str
    items: int
    new_items: int
    removed_items: int


def refresh_release(
    store: FeatureStore, releases: Path, earlier: EarlierRelease, moment: datetime, created: datetime, folder: Path
) -> Refreshed:
    """Write a release with the models of an earlier one and the items as of a moment; it is not the current one yet.

    At the same moment and with the same feature tables, the result is the earlier release itself.

    Args:
        store: an applied feature store, whose services are those of the release.
        releases: folder of the releases.
        earlier: the release.
        moment: UTC, not before that of the release.
        created: for the manifest, UTC.
        folder: an empty folder for large files.

    Raises:
        InputError: the moment is before that of the release, or the feature tables were changed meanwhile.
    """
    release = earlier.release
    release.check_moment(moment)
    tables = TableDigests.compute(store)
    towers = Towers.from_checkpoint(release.served, release.config)
    purchases = write_purchases(store, TimeSplit(None, moment, moment), folder)
    items = ReleaseItems.build(store, towers, purchases, moment)
    tables.check_unchanged(store, "The items are of mixed data, and nothing was written")
    refreshed: dict[str, Any] = {"feature_tables": tables.by_view}
    if moment > release.as_of:
        refreshed[REFRESHED_FROM] = release.version
    start = release.manifest["training_start"]
    contents = ReleaseContents(
        served=release.served,
        validated=earlier.validated,
        **vars(items),
        blender=release.blender,
        rankers=release.rankers,
        split=TimeSplit(datetime.fromisoformat(start) if start else None, release.cut, moment),
        metrics=json.loads((releases / release.version / METRICS).read_text(encoding="utf-8")),
        manifest_fields={**trained_fields(release.manifest), **refreshed},
    )
    version = write_release(releases, contents, created, golden_queries_writer(store))
    known = pc.is_in(items.item_ids, release.item_ids)
    stayed = int(pc.sum(known).as_py() or 0)
    count = len(items.item_ids)
    return Refreshed(version, count, count - stayed, len(release.item_ids) - stayed)

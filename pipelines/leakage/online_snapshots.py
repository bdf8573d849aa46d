"""Features of the same users and items as snapshots of the offline and of the online store."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
from feast import FeatureStore

from features.progress import Progress
from features.schema import ITEM_ID, USER_ID
from features.store.catalogue import catalogue_ids, user_ids
from features.store.catalogue_snapshot import SERVICES, CatalogueSnapshot
from features.store.generation import OpenGeneration
from features.store.materialization import materialize
from features.store.reader import FeatureReader, id_blocks
from features.store.service_columns import ServiceColumns
from pipelines.leakage.comparison import Snapshot
from pipelines.leakage.feature_snapshots import views_of
from pipelines.leakage.store_copy import store_copy


def materialized_copy(store: FeatureStore, moment: datetime, folder: Path) -> FeatureStore:
    """Copy a store to `folder`, and materialize the copy up to `moment`: all views, also those that are not online."""
    copy = store_copy(store, folder)
    for view in copy.list_feature_views():
        view.online = True
        copy.registry.apply_feature_view(view, copy.project)
    materialize(copy, moment, from_scratch=True)
    return copy


def offline_and_online_snapshots(
    store: FeatureStore,
    services: Sequence[ServiceColumns],
    moment: datetime,
    *,
    users: int,
    items: int,
    complete: str,
    seed: int,
    progress: Progress,
) -> dict[str, tuple[Snapshot, Snapshot]]:
    """Read the features of sampled users and items from both stores.

    Args:
        store: its online store is materialized up to `moment`.
        services: the services to read.
        moment: UTC.
        users: number of sampled users.
        items: number of sampled items.
        complete: name of a service that is read for all users or items.
        seed: of the samples.
        progress: opens a progress bar.

    Returns:
        For each service the offline and the online snapshot: ids, ascending, and features. A service of the catalogue
        snapshot has another pair, with the rows of its file instead of online ones.
    """
    all_ids = {USER_ID: user_ids(store, moment), ITEM_ID: catalogue_ids(store, moment)}
    sampled = {USER_ID: _sample(all_ids[USER_ID], users, seed), ITEM_ID: _sample(all_ids[ITEM_ID], items, seed)}
    catalogue, pairs = CatalogueSnapshot.open(store, OpenGeneration.open(store).record), {}
    for schema in services:
        ids = (all_ids if schema.service == complete else sampled)[schema.entity_key]
        pairs[schema.service] = offline, online = _both_snapshots(store, schema, ids, moment, progress)
        if schema.service in SERVICES:
            name = f"items in the catalogue snapshot ({schema.service})"
            in_file = replace(online, name=name, rows=catalogue.read(schema.service, ids))
            pairs[f"{schema.service} in the catalogue snapshot"] = replace(offline, name=name), in_file
    return pairs


def _both_snapshots(
    store: FeatureStore, schema: ServiceColumns, ids: pa.Array, moment: datetime, progress: Progress
) -> tuple[Snapshot, Snapshot]:
    advance = progress(f"{schema.service} online", len(ids))
    reader, parts = FeatureReader(store, "online"), []
    for block in id_blocks(ids.to_pylist()):
        parts.append(reader.read(schema.service, block, moment))
        advance(len(block))
    offline = FeatureReader(store, "offline").read(schema.service, ids, moment)
    name = f"{'users' if schema.entity_key == USER_ID else 'items'} as of the moment ({schema.service})"
    views = {schema.entity_key: schema.service, **views_of(schema)}
    keys = (schema.entity_key,)
    return Snapshot(name, offline, keys, views), Snapshot(name, pa.concat_tables(parts), keys, views)


def _sample(ids: pa.Array, number: int, seed: int) -> pa.Array:
    """Draw `number` ids without replacement, or return all if there are fewer; in their order."""
    drawn = np.random.default_rng(seed).choice(len(ids), size=min(number, len(ids)), replace=False)
    return ids.take(pa.array(np.sort(drawn)))

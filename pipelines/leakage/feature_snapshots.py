"""Training rows and features as of a moment as snapshots: they must not depend on later purchases."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq
from feast import FeatureStore

from features.errors import InputError
from features.parquet_rows import ParquetRows
from features.progress import Progress
from features.schema import EVENT_TIMESTAMP, ITEM_ID, USER_CODE, USER_ID
from features.store.catalogue import catalogue_ids, user_ids
from features.store.historical_features import as_of, write_historical_features
from features.store.registry import feature_service, service_columns, views_of_service
from features.store.service_columns import ServiceColumns
from features.store.service_schema import ServiceSchema, TowerSchemas
from features.training_data.training_set import TrainingSet
from pipelines.leakage.comparison import Snapshot

PURCHASES: Final = "transactions"
_ID_VIEWS: Final = {USER_ID: "user_profile", ITEM_ID: "item_catalog"}


def comparable_services(store: FeatureStore) -> tuple[list[ServiceColumns], list[str]]:
    """Find the feature services that the leakage test can compare, from their declarations in the registry.

    A service of one entity is read by the ids of users or items. A service of user-item pairs is covered by the
    services of its entities, if these have all its features.

    Returns:
        The services of users and items, by name; and for each service that cannot be compared, its name and why.
    """
    services: list[ServiceColumns] = []
    uncompared: list[str] = []
    pair_services: list[str] = []
    for name in sorted(service.name for service in store.list_feature_services()):
        keys = {key for view in views_of_service(store, name) for key in view.join_keys}
        if len(keys) != 1 or not keys <= set(_ID_VIEWS):
            pair_services.append(name)
            continue
        try:
            services.append(service_columns(store, name))
        except InputError as error:
            uncompared.append(f"{name}: {error}")
    covered = {(column.view, column.name) for service in services for column in service.columns}
    for name in pair_services:
        views = feature_service(store, name).feature_view_projections
        missing = sorted({(view.name, feature.name) for view in views for feature in view.features} - covered)
        if missing:
            view, feature = missing[0]
            uncompared.append(f"{name}: no service of users or items alone has '{feature}' of '{view}'")
    return services, uncompared


def training_set_snapshots(rows: TrainingSet, schemas: TowerSchemas) -> list[Snapshot]:
    """Return the files of a training set in their order."""
    parts = (
        ("queries", rows.queries, schemas.query),
        ("items", rows.items, schemas.item),
        ("sampled items", rows.sampled_items, schemas.item),
    )
    return [
        Snapshot(
            f"training set, {name} ({schema.service})",
            part,
            (schema.entity_key, EVENT_TIMESTAMP),
            {schema.entity_key: PURCHASES, EVENT_TIMESTAMP: PURCHASES, USER_CODE: PURCHASES, **views_of(schema)},
        )
        for name, part, schema in parts
    ]


def feature_snapshots(
    store: FeatureStore, services: Sequence[ServiceColumns], moment: datetime, folder: Path, progress: Progress
) -> list[Snapshot]:
    """Read the features of all users and items as of a moment, and as of the last microsecond of its day.

    Purchases at the moment itself must not be in the former, and purchases of the whole day must not be in the latter:
    they become known at midnight.

    Args:
        store: an applied feature store.
        services: each is read for all its users or items.
        moment: UTC.
        folder: for the files of the snapshots.
        progress: opens a progress bar.
    """
    ids = {USER_ID: user_ids(store, moment), ITEM_ID: catalogue_ids(store, moment)}
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    moments = (moment, midnight - timedelta(microseconds=1))
    advance = progress("features of all users and items", len(services))
    snapshots = []
    for service in services:
        requests = ParquetRows((folder / f"{service.service}.requests.parquet",))
        key = service.entity_key
        pq.write_table(pa.concat_tables([as_of(key, ids[key], moment) for moment in moments]), requests.paths[0])
        rows = write_historical_features(store, service.service, requests, folder / f"{service.service}.parquet")
        entities = "users" if key == USER_ID else "items"
        keys = (key, EVENT_TIMESTAMP)
        views = {**dict.fromkeys(keys, _ID_VIEWS[key]), **views_of(service)}
        snapshots.append(Snapshot(f"all {entities} as of the moment ({service.service})", rows, keys, views))
        advance(1)
    return snapshots


def views_of(service: ServiceColumns | ServiceSchema) -> Mapping[str, str]:
    """Return the feature view of each column of a service."""
    return {column.name: column.view for column in service.columns}

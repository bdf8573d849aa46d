"""What a feature store says of a moment: the questions whose answers must not depend on what comes after it."""

from collections.abc import Mapping
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
from pipelines.leakage.differences import Answer

_PURCHASES: Final = "transactions"
_DIRECTORIES: Final = {USER_ID: "user_profile", ITEM_ID: "item_catalog"}


def all_services(store: FeatureStore) -> tuple[list[ServiceColumns], list[str]]:
    """The schemas of all feature services that describe a user or an item, by name, and why others are not asked.

    A service of pairs is asked in its parts, if other services ask for all its features.
    """
    schemas: list[ServiceColumns] = []
    others: list[str] = []
    unasked: list[str] = []
    for name in sorted(service.name for service in store.list_feature_services()):
        keys = {key for view in views_of_service(store, name) for key in view.join_keys}
        if len(keys) != 1 or not keys <= set(_DIRECTORIES):
            unasked.append(name)
            continue
        try:
            schemas.append(service_columns(store, name))
        except InputError as error:
            others.append(f"{name}: {error}")
    asked = {(column.view, column.name) for schema in schemas for column in schema.columns}
    for name in unasked:
        views = feature_service(store, name).feature_view_projections
        missing = sorted({(view.name, feature.name) for view in views for feature in view.features} - asked)
        if missing:
            view, feature = missing[0]
            others.append(f"{name}: of '{feature}' of '{view}' no service of users or items alone tells")
    return schemas, others


def training_answers(rows: TrainingSet, schemas: TowerSchemas) -> list[Answer]:
    """The files of a training set, in their order."""
    parts = (
        ("queries", rows.queries, schemas.query),
        ("items", rows.items, schemas.item),
        ("sampled items", rows.sampled_items, schemas.item),
    )
    return [
        Answer(
            f"training set, {name} ({schema.service})",
            part,
            (schema.entity_key, EVENT_TIMESTAMP),
            {schema.entity_key: _PURCHASES, EVENT_TIMESTAMP: _PURCHASES, USER_CODE: _PURCHASES, **views_of(schema)},
        )
        for name, part, schema in parts
    ]


def answers_at(
    store: FeatureStore, schemas: list[ServiceColumns], moment: datetime, folder: Path, progress: Progress
) -> list[Answer]:
    """The features of all users and items as of a moment, and as of the last microsecond of its day.

    At the moment itself nobody may know what happens at it. Until midnight nobody may know of anything that happens on
    this day: what is bought today is known tomorrow.

    Args:
        store: the store that is asked.
        schemas: the services, each asked about everybody it describes.
        moment: UTC.
        folder: where the answers are written.
        progress: makes a progress callback from a label and a total.
    """
    ids = {USER_ID: user_ids(store, moment), ITEM_ID: catalogue_ids(store, moment)}
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    moments = (moment, midnight - timedelta(microseconds=1))
    done = progress("all users and items as of a moment", len(schemas))
    answers = []
    for schema in schemas:
        asked = ParquetRows((folder / f"{schema.service}.asked.parquet",))
        key = schema.entity_key
        pq.write_table(pa.concat_tables([as_of(key, ids[key], moment) for moment in moments]), asked.paths[0])
        rows = write_historical_features(store, schema.service, asked, folder / f"{schema.service}.parquet")
        who = "users" if key == USER_ID else "items"
        keys = (key, EVENT_TIMESTAMP)
        views = {**dict.fromkeys(keys, _DIRECTORIES[key]), **views_of(schema)}
        answers.append(Answer(f"all {who} as of the moment ({schema.service})", rows, keys, views))
        done(1)
    return answers


def views_of(schema: ServiceColumns | ServiceSchema) -> Mapping[str, str]:
    """The feature view of each column of a service."""
    return {column.name: column.view for column in schema.columns}

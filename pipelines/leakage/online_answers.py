"""The same question to the offline and to the online store."""

from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
from feast import FeatureStore

from features.progress import Progress
from features.schema import ITEM_ID, USER_ID
from features.store.catalogue import catalogue_ids, user_ids
from features.store.materialization import fill_online_store
from features.store.reader import FeatureReader, id_blocks
from features.store.service_columns import ServiceColumns
from pipelines.leakage.answers import views_of
from pipelines.leakage.differences import Answer
from pipelines.leakage.store_copy import store_copy


def filled_copy(store: FeatureStore, moment: datetime, folder: Path) -> FeatureStore:
    """Copy a store to `folder`, and fill the copy's online store up to `moment`."""
    copy = store_copy(store, folder)
    fill_online_store(copy, moment, from_scratch=True)
    return copy


def online_pairs(
    store: FeatureStore,
    services: list[ServiceColumns],
    moment: datetime,
    *,
    users: int,
    items: int,
    whole: str,
    seed: int,
    progress: Progress,
) -> dict[str, tuple[Answer, Answer]]:
    """Ask both stores about a sample of users and items.

    Args:
        store: its online store is filled up to `moment`.
        services: what is asked.
        moment: UTC.
        users: how many users are drawn.
        items: how many items are drawn.
        whole: name of a service that is asked about everybody.
        seed: of the draws.
        progress: makes a progress callback from a label and a total.

    Returns:
        For each service the offline and the online answer: the id and the features, ascending by id.
    """
    everybody = {USER_ID: user_ids(store, moment), ITEM_ID: catalogue_ids(store, moment)}
    drawn = {USER_ID: _drawn(everybody[USER_ID], users, seed), ITEM_ID: _drawn(everybody[ITEM_ID], items, seed)}
    return {
        schema.service: _offline_and_online(
            store, schema, (everybody if schema.service == whole else drawn)[schema.entity_key], moment, progress
        )
        for schema in services
    }


def _offline_and_online(
    store: FeatureStore, schema: ServiceColumns, ids: pa.Array, moment: datetime, progress: Progress
) -> tuple[Answer, Answer]:
    done = progress(f"{schema.service} online", len(ids))
    reader, parts = FeatureReader(store, "online"), []
    for part in id_blocks(ids.to_pylist()):
        parts.append(reader.read(schema.service, part, moment))
        done(len(part))
    offline = FeatureReader(store, "offline").read(schema.service, ids, moment)
    question = f"{'users' if schema.entity_key == USER_ID else 'items'} as of the moment ({schema.service})"
    views = {schema.entity_key: schema.service, **views_of(schema)}
    keys = (schema.entity_key,)
    return Answer(question, offline, keys, views), Answer(question, pa.concat_tables(parts), keys, views)


def _drawn(ids: pa.Array, number: int, seed: int) -> pa.Array:
    """So many of the ids, or all if there are fewer, in their order."""
    drawn = np.random.default_rng(seed).choice(len(ids), size=min(number, len(ids)), replace=False)
    return ids.take(pa.array(np.sort(drawn)))

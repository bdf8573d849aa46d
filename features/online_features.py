"""Features as a request sees them, through Feast's online store."""

from collections.abc import Iterator
from datetime import datetime

import pyarrow as pa
from feast import FeatureStore

from features.errors import InputError
from features.feature_store import feature_service, views_in_services
from features.schema import BOUGHT_ITEMS, REQUEST_TIMESTAMP
from features.service_schema import ServiceSchema

# Larger reads are slower per row in SQLite.
KEYS_PER_READ = 1_000


def online_features(store: FeatureStore, schema: ServiceSchema, ids: list[str], moment: datetime) -> pa.Table:
    """Read the features of a service for `ids` as a request at `moment` sees them.

    Returns:
        The entity key and the service's features in the schema's order and Arrow types, one row per id, in order.
        A feature without a stored value is null.
    """
    service = feature_service(store, schema.service)
    parts = []
    for keys in _slices(ids):
        response = store.get_online_features(
            features=service, entity_rows={schema.entity_key: keys, REQUEST_TIMESTAMP: [moment] * len(keys)}
        ).to_dict()
        parts.append(
            pa.table(
                {
                    schema.entity_key: pa.array(keys, pa.string()),
                    **{c.name: pa.array(response[c.name], c.arrow_type, from_pandas=True) for c in schema.columns},
                }
            )
        )
    return pa.concat_tables(parts)


def bought_items(store: FeatureStore, service_name: str, entity_key: str, ids: list[str]) -> pa.ChunkedArray:
    """Read the items each user has bought, newest first, as list<string>; null for a user without purchases."""
    service = feature_service(store, service_name)
    lists = [
        pa.array(
            store.get_online_features(features=service, entity_rows={entity_key: keys}).to_dict()[BOUGHT_ITEMS],
            pa.list_(pa.string()),
        )
        for keys in _slices(ids)
    ]
    return pa.chunked_array(lists, pa.list_(pa.string()))


def materialized_until(store: FeatureStore) -> datetime:
    """The moment up to which the online store was filled last, UTC.

    Raises:
        InputError: it was never filled.
    """
    ends = [view.materialization_intervals[-1][1] for view in views_in_services(store) if view.materialization_intervals]
    if not ends:
        raise InputError("The online store is empty: run `python jobs/materialize.py` first.")
    return min(ends)


def _slices(ids: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(ids), KEYS_PER_READ):
        yield ids[start : start + KEYS_PER_READ]
